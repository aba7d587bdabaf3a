//! Goal: the pool and the vault in memory keep the contracts of Cognito and DynamoDB.
//!
//! Method: the package `contracts` holds the cases, and this file runs them in memory. There is no
//! exception.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use contracts::pool::{Settings, Stage};
use serde_json::json;
use shared::model::{GroupRecord, MfaSetting, PoolDescription, PoolId, Username};
use shared::ports::Backend;
use shared::ports::pool::{NewUser, Password};
use shared_memory::{MemoryBackend, MemoryJobFiles, MemoryPool};

use crate::support::{backend, in_paused_time, people};

struct MemoryStage {
    backend: MemoryBackend,
    pools: AtomicU32,
}

impl Stage for MemoryStage {
    type Pool = MemoryPool;
    type JobFiles = MemoryJobFiles;

    async fn pool(&self, settings: &Settings) -> Option<MemoryPool> {
        let number = self.pools.fetch_add(1, Ordering::Relaxed);
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut description = PoolDescription {
            username_attributes: owned(&settings.sign_in_by),
            alias_attributes: owned(&settings.aliases),
            auto_verified_attributes: owned(&settings.auto_verified),
            case_sensitive: settings.case_sensitive,
            mfa: if settings.has_mfa { MfaSetting::Optional } else { MfaSetting::Off },
            account_recovery: (!settings.recovery.is_empty()).then(|| owned(&settings.recovery)),
            ..PoolDescription::with_defaults(&[])
        };
        for name in &settings.required {
            description.attributes.get_mut(*name).unwrap().required = true;
        }
        let custom = settings.custom.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone()));
        description.attributes.extend(custom);
        let pool = self
            .backend
            .create_pool(&PoolId::parse(&format!("eu-west-1_Case{number:05}")).unwrap(), description);
        pool.fail_deliveries(settings.fails_deliveries);
        if settings.refuses_unconfirmed_alias {
            pool.refuse_unconfirmed_alias();
        }
        if let Some(tier) = settings.tier {
            pool.change_configuration("UpdateUserPool", json!({"UserPoolTier": tier}));
        }
        settings.denied_roles.iter().for_each(|role| pool.deny_role(role));
        Some(pool)
    }

    fn missing_pool(&self) -> MemoryPool {
        self.backend.pool(&PoolId::parse("eu-west-1_Missing01").unwrap())
    }

    fn job_files(&self) -> MemoryJobFiles {
        self.backend.job_files()
    }

    fn person(&self, number: u32) -> NewUser {
        let attributes = [
            ("email", format!("person{number}@example.com")),
            ("email_verified", "true".to_owned()),
            ("name", format!("Person {number}")),
        ];
        NewUser {
            username: Username::new(format!("person-{number}")),
            attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            temporary_password: Password::new("Temporary-1".to_owned()),
            invitation: None,
        }
    }

    fn group(&self, number: u32) -> GroupRecord {
        people::group(number as usize)
    }

    async fn add_provider(&self, pool: &MemoryPool, name: &str) -> bool {
        pool.add_provider(name);
        true
    }

    async fn recover(&self, pool: &MemoryPool, is_running: bool) -> bool {
        pool.set_recovery_running(is_running);
        true
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn messages(&self, pool: &MemoryPool) -> Option<u64> {
        Some(pool.messages())
    }
}

#[test]
fn the_pool_in_memory_keeps_the_contract_of_a_pool() {
    in_paused_time(async {
        let stage = MemoryStage { backend: backend().0, pools: AtomicU32::new(0) };
        let wrong = contracts::pool::disagreements(&stage, &[]).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

#[test]
fn the_vault_in_memory_keeps_the_contract_of_a_vault() {
    in_paused_time(async {
        let wrong = contracts::vault::disagreements(&backend().0.vault(), &[]).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

//! The pool object, the objects that a pool has once, and its domains.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::reading::{Answered, GivenUp, pool_deleted, read_row, unreadable};
use super::{Capturing, Keeper};
use crate::Result;
use crate::model::configuration::{
    Found, NotCapturedReason, ObjectKind, ObjectName, Operation, Tier, Uncaptured, field,
};
use crate::ports::pool::Pool;

/// What the capture knows of the pool before it reads anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PoolFacts {
    /// None if the pool cannot be read, or has a tier that came later.
    pub tier: Option<Tier>,
    /// Whether threat protection is off. False if the pool cannot be read.
    pub is_unprotected: bool,
    /// Its domains. The error says why the pool cannot be read.
    domains: std::result::Result<Vec<String>, GivenUp>,
    /// None if the pool cannot be read.
    arn: Option<String>,
}

impl PoolFacts {
    fn of(user_pool: &Value) -> Self {
        let tier = user_pool["UserPoolTier"].as_str().and_then(Tier::parse);
        let mode = user_pool["UserPoolAddOns"]["AdvancedSecurityMode"].as_str();
        let domains = ["Domain", "CustomDomain"].into_iter().filter_map(|member| user_pool[member].as_str());
        let domains = domains.filter(|domain| !domain.is_empty()).map(str::to_owned).collect();
        let arn = user_pool["Arn"].as_str().map(str::to_owned);
        Self { tier, is_unprotected: mode.is_none_or(|mode| mode == "OFF"), domains: Ok(domains), arn }
    }

    fn unknown(why: GivenUp) -> Self {
        Self { tier: None, is_unprotected: false, domains: Err(why), arn: None }
    }
}

impl<P: Pool, K: Keeper> Capturing<'_, P, K> {
    /// DescribeUserPool. It is read in each invocation, because the other reads depend on it. None if the pool was
    /// deleted a moment ago.
    pub(super) async fn read_pool(&self) -> Result<Option<PoolFacts>> {
        let name = ObjectName::single(ObjectKind::UserPool);
        let row = read_row(ObjectKind::UserPool, |found| *found == Found::Single)?;
        let answered = self.read(row, &[], json!({})).await?;
        let facts = match &answered {
            Answered::Object(user_pool) => PoolFacts::of(user_pool),
            Answered::Absent => {
                // Its users are listed, and the snapshot is worth more than ever.
                self.lacks_deleted_pool(&pool_deleted(row)?).await?;
                return Ok(None);
            }
            Answered::Failed(given_up) => PoolFacts::unknown(given_up.clone()),
        };
        if !self.has(&name).await {
            self.take_answer(row, name, answered).await?;
        }
        Ok(Some(facts))
    }

    /// The objects that a pool has once, and the sessions of the pool.
    pub(super) async fn read_single(&self) -> Result<()> {
        let names = [
            ObjectName::single(ObjectKind::Mfa),
            ObjectName::single(ObjectKind::LogDelivery),
            ObjectName::single(ObjectKind::SigningCertificate),
            ObjectName::of(ObjectKind::Sessions, ALL),
        ];
        for name in names {
            if self.has(&name).await {
                continue;
            }
            let row = read_row(name.kind, |found| *found == Found::Single)?;
            let answered = self.read(row, &[], json!({})).await?;
            self.take_answer(row, name, answered).await?;
        }
        Ok(())
    }

    /// The web access control list of the pool. The rules of the list belong to AWS WAF, so only its name is kept.
    pub(super) async fn read_web_acl(&self, pool: &PoolFacts) -> Result<()> {
        let name = ObjectName::single(ObjectKind::WebAcl);
        if self.has(&name).await {
            return Ok(());
        }
        let row = read_row(ObjectKind::WebAcl, |found| *found == Found::Single)?;
        let Some(arn) = &pool.arn else {
            self.lacks(unreadable(row)?.of(Uncaptured::One(name))).await;
            return Ok(());
        };
        let mut answered = self.read(row, &[("ResourceArn", arn)], json!({})).await?;
        if let Answered::Object(Value::Object(list)) = &mut answered {
            list.retain(|member, _| field(ObjectKind::WebAcl, member).is_some());
        }
        self.take_answer(row, name, answered).await.map(drop)
    }

    /// The domains that the pool names.
    pub(super) async fn read_domains(&self, pool: &PoolFacts) -> Result<()> {
        let row = read_row(ObjectKind::Domain, |found| matches!(found, Found::Named(_)))?;
        let domains = match &pool.domains {
            Ok(domains) => domains,
            Err(given_up) => {
                self.lacks(given_up.of(Uncaptured::All(ObjectKind::Domain))).await;
                return Ok(());
            }
        };
        for domain in domains {
            let name = ObjectName::of(ObjectKind::Domain, domain.as_str());
            if self.has(&name).await {
                continue;
            }
            match self.read(row, &[("Domain", domain)], json!({})).await? {
                // An unknown domain answers an empty object.
                Answered::Object(described) if described["Domain"].as_str() != Some(domain.as_str()) => {
                    self.lacks_domain(row, name).await?;
                }
                Answered::Absent => self.lacks_domain(row, name).await?,
                answered => drop(self.take_answer(row, name, answered).await?),
            }
        }
        self.has_finished(ObjectKind::Domain).await;
        Ok(())
    }

    /// Notes why Cognito does not find a domain that the pool had named: it was deleted meanwhile, or it is the prefix
    /// of a pool in a secondary Region, which does not answer for it (`DescribeUserPoolDomain`, API reference).
    async fn lacks_domain(&self, of_domain: &Operation, name: ObjectName) -> Result<()> {
        let row = read_row(ObjectKind::UserPool, |found| *found == Found::Single)?;
        let user_pool = match self.read(row, &[], json!({})).await? {
            Answered::Object(user_pool) => user_pool,
            Answered::Absent => return Ok(()),
            Answered::Failed(given_up) => {
                self.lacks(given_up.of(Uncaptured::One(name))).await;
                return Ok(());
            }
        };
        let is_named = |member: &str| user_pool[member].as_str() == Some(name.id.as_str());
        if is_named("Domain") {
            let of_replica = GivenUp { reason: NotCapturedReason::NotEnabled, ..unreadable(of_domain)? };
            self.lacks(of_replica.of(Uncaptured::One(name))).await;
        } else if is_named("CustomDomain") {
            self.lacks(unreadable(of_domain)?.of(Uncaptured::One(name))).await;
        } else {
            self.is_settled(name).await;
        }
        Ok(())
    }

    /// If Cognito did not find something, reads the pool once more: what a deleted pool had was not found, either.
    pub(super) async fn look_for_deletion(&self) -> Result<()> {
        if !self.has_missed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let row = read_row(ObjectKind::UserPool, |found| *found == Found::Single)?;
        if let Answered::Absent = self.read(row, &[], json!({})).await? {
            self.lacks_deleted_pool(&pool_deleted(row)?).await?;
        }
        Ok(())
    }
}

/// The name of the object of the pool itself, if clients have such objects, too.
pub(super) const ALL: &str = "ALL";

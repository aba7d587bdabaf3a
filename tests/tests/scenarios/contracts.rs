//! Goal: the strict proxy and the local DynamoDB keep the contracts through the real adapters.
//!
//! Method: the package `contracts` holds the cases, which the stand-ins in memory and in the bench
//! pass as well.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{
    AccountRecoverySettingType, AliasAttributeType, AttributeDataType, IdentityProviderTypeType,
    NumberAttributeConstraintsType, RecoveryOptionNameType, RecoveryOptionType, SchemaAttributeType,
    SoftwareTokenMfaConfigType, StringAttributeConstraintsType, UserPoolMfaType, UsernameAttributeType,
    UsernameConfigurationType, VerifiedAttributeType,
};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use contracts::pool::Stage;
use contracts::{Deviation, Exception};
use local::aws::{self, REGION};
use local::emulator::{Emulator, Settings};
use local::strict::StrictProxy;
use shared::model::{AttributeSchema, DataType, GroupName, GroupRecord, PoolId, Username};
use shared::ports::pool::{NewUser, Password, Pool};
use shared_aws::cognito::CognitoPool;
use shared_aws::dynamodb::DynamoVault;
use shared_aws::job_files::LocalJobFiles;

const TABLE: &str = "contract";
/// The real time that the tasks of the strict proxy get after each advance of its clock.
const REAL_TIME: Duration = Duration::from_millis(10);

/// Pools of an emulator behind a strict proxy.
struct StrictStage {
    strict: StrictProxy,
    /// Makes pools. The adapter has its own client.
    client: Client,
    adapter: Client,
    logs: LocalJobFiles,
    _emulator: Emulator,
}

impl StrictStage {
    async fn new() -> Result<Self> {
        let emulator = Emulator::start(Settings::default()).await?;
        let strict = StrictProxy::start(&emulator.server().endpoint_url()).await?;
        // The cases decide how much time passes for tokens and jobs.
        strict.stop_clock();
        let config = aws::config(&strict.url(), REGION);
        Ok(Self {
            client: Client::new(&aws::config(&emulator.server().endpoint_url(), REGION)),
            adapter: CognitoPool::client(&config),
            logs: LocalJobFiles::new(LocalJobFiles::client(&config), None),
            strict,
            _emulator: emulator,
        })
    }

    async fn create(&self, settings: &contracts::pool::Settings) -> Result<PoolId> {
        let case = UsernameConfigurationType::builder().case_sensitive(settings.case_sensitive).build()?;
        let mut schema: Vec<_> = settings.required.iter().map(|name| required(name)).collect();
        schema.extend(settings.custom.iter().map(|(name, schema)| declared(name, schema)));
        let signs_in_by =
            settings.sign_in_by.iter().map(|name| UsernameAttributeType::from(*name)).collect::<Vec<_>>();
        let aliases = settings.aliases.iter().map(|name| AliasAttributeType::from(*name)).collect::<Vec<_>>();
        let verified =
            settings.auto_verified.iter().map(|name| VerifiedAttributeType::from(*name)).collect::<Vec<_>>();
        let some = |is_empty: bool| !is_empty;
        let request = self
            .client
            .create_user_pool()
            .pool_name("people")
            .username_configuration(case)
            .set_account_recovery_setting(recovery(&settings.recovery))
            .set_schema(some(schema.is_empty()).then_some(schema))
            .set_username_attributes(some(signs_in_by.is_empty()).then_some(signs_in_by))
            .set_alias_attributes(some(aliases.is_empty()).then_some(aliases))
            .set_auto_verified_attributes(some(verified.is_empty()).then_some(verified));
        let id = request.send().await?.user_pool.and_then(|pool| pool.id).context("a pool without an id")?;
        if settings.has_mfa {
            let by_app = SoftwareTokenMfaConfigType::builder().enabled(true).build();
            let request = self.client.set_user_pool_mfa_config().user_pool_id(&id);
            request
                .software_token_mfa_configuration(by_app)
                .mfa_configuration(UserPoolMfaType::Optional)
                .send()
                .await?;
        }
        if let Some(tier) = settings.tier {
            // The emulator has no tiers.
            let update = self.adapter.update_user_pool().user_pool_id(&id).user_pool_tier(tier.into());
            update.send().await?;
        }
        Ok(PoolId::parse(&id)?)
    }
}

/// The ways of "forgot password", the first one first.
fn recovery(ways: &[&str]) -> Option<AccountRecoverySettingType> {
    let way = |(place, name): (usize, &&str)| {
        RecoveryOptionType::builder()
            .name(RecoveryOptionNameType::from(*name))
            .priority(place as i32 + 1)
            .build()
            .ok()
    };
    let ways: Vec<_> = ways.iter().enumerate().filter_map(way).collect();
    (!ways.is_empty())
        .then(|| AccountRecoverySettingType::builder().set_recovery_mechanisms(Some(ways)).build())
}

/// A standard attribute that every user must have.
fn required(name: &str) -> SchemaAttributeType {
    let limits = StringAttributeConstraintsType::builder().min_length("0").max_length("2048").build();
    let attribute = SchemaAttributeType::builder().name(name).attribute_data_type(AttributeDataType::String);
    attribute.required(true).mutable(true).string_attribute_constraints(limits).build()
}

/// A custom attribute.
fn declared(name: &str, schema: &AttributeSchema) -> SchemaAttributeType {
    let attribute = SchemaAttributeType::builder()
        .name(name.strip_prefix("custom:").unwrap_or(name))
        .attribute_data_type(AttributeDataType::from(schema.data_type.as_str()))
        .mutable(schema.mutable);
    let (minimum, maximum) = (schema.minimum.clone(), schema.maximum.clone());
    if schema.data_type == DataType::Number {
        let limits = NumberAttributeConstraintsType::builder().set_min_value(minimum).set_max_value(maximum);
        attribute.number_attribute_constraints(limits.build()).build()
    } else {
        let limits =
            StringAttributeConstraintsType::builder().set_min_length(minimum).set_max_length(maximum);
        attribute.string_attribute_constraints(limits.build()).build()
    }
}

impl Stage for StrictStage {
    type Pool = CognitoPool;
    type JobFiles = LocalJobFiles;

    async fn pool(&self, settings: &contracts::pool::Settings) -> Option<CognitoPool> {
        let denied = settings.denied_roles.iter().map(|role| (*role).to_owned()).collect();
        self.strict.change_settings(|strict| {
            strict.denied_roles = denied;
            strict.fails_deliveries = settings.fails_deliveries;
            strict.refuses_unconfirmed_alias = settings.refuses_unconfirmed_alias;
        });
        Some(CognitoPool::new(self.adapter.clone(), self.create(settings).await.unwrap()))
    }

    fn missing_pool(&self) -> CognitoPool {
        CognitoPool::new(self.adapter.clone(), PoolId::parse("us-east-1_Missing01").unwrap())
    }

    fn job_files(&self) -> LocalJobFiles {
        self.logs.clone()
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
        GroupRecord {
            name: GroupName::new(format!("group-{number}")),
            description: Some(format!("Group {number}")),
            precedence: Some(1),
            role_arn: None,
            created: None,
            modified: None,
        }
    }

    async fn add_provider(&self, pool: &CognitoPool, name: &str) -> bool {
        let request =
            self.client.create_identity_provider().user_pool_id(pool.id().as_str()).provider_name(name);
        let request = request.provider_type(IdentityProviderTypeType::Oidc);
        request.set_provider_details(Some(std::collections::HashMap::new())).send().await.is_ok()
    }

    async fn recover(&self, pool: &CognitoPool, is_running: bool) -> bool {
        // The proxy meets the pool.
        pool.describe().await.unwrap();
        let id = pool.id().as_str();
        self.strict.with_configurations(id, |all| all.set_recovery_running(id, is_running)).await.is_some()
    }

    async fn pass(&self, time: Duration) {
        self.strict.advance_clock(time);
        tokio::time::sleep(REAL_TIME).await;
    }

    fn messages(&self, pool: &CognitoPool) -> Option<u64> {
        Some(self.strict.messages(pool.id().as_str()) as u64)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strict_proxy_keeps_the_contract_of_a_pool_through_the_real_adapter() -> Result<()> {
    let exceptions = [Exception {
        case: "an attribute that was declared with a prefix has the prefix twice",
        deviation: Deviation::Refuses,
        why: "the emulator takes a name with the prefix for the name without it; a unit test of the adapter has the names",
    }];
    let wrong = contracts::pool::disagreements(&StrictStage::new().await?, &exceptions).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_dynamodb_keeps_the_contract_of_a_vault_through_the_real_adapter() -> Result<()> {
    let emulator = Emulator::start(Settings::default()).await?;
    let config = aws::config(&emulator.server().endpoint_url(), REGION);
    let client = DynamoVault::client(&config);
    let text = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let request = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    let request = request.attribute_definitions(text("pk")?).attribute_definitions(text("sk")?);
    request.key_schema(key("pk", KeyType::Hash)?).key_schema(key("sk", KeyType::Range)?).send().await?;
    let wrong = contracts::vault::disagreements(&DynamoVault::new(client, TABLE.to_owned()), &[]).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

//! Goal: a request that creates or changes an object has all of it. Its pool then differs in nothing.
//!
//! Method: pools with settings that a generator chooses. Their captured objects are created in a new pool, and sent to
//! the old pool after its settings were lost.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::model::configuration::difference::document::Configuration;
use shared::model::configuration::difference::{ClientMap, compare};
use shared::model::configuration::request::ConfigurationWrite;
use shared::model::configuration::{CapturedList, CapturedObject, ObjectKind, ObjectName, Tier};
use shared::model::{CallStats, Ceilings, PoolDescription, PoolId, Tps};
use shared::operations::{LiveConfiguration, WatchReading, comparable, live_configuration};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::pool::{ConfigurablePool, Operation};
use shared_memory::{MemoryBackend, MemoryPool};
use tokio::time::Duration;

use super::fixture::{PLANTED, client, make_rich};
use crate::support::{backend as plain_backend, in_paused_time, source_id};

struct Unwatched;

impl WatchReading for Unwatched {
    fn reads(&mut self, _: usize) {}

    fn waits(&mut self, _: Operation, _: Duration) {}
}

async fn live(backend: &MemoryBackend, id: &PoolId) -> LiveConfiguration {
    let tps = Tps::new(200).unwrap();
    let pool = backend.pool(id);
    let pool = PacedPool::new(pool, tps, &Ceilings::default(), backend.clock(), CallStats::none(tps));
    live_configuration(&pool, &CapturedList::default(), &mut Unwatched).await.unwrap()
}

fn read(live: LiveConfiguration) -> Configuration {
    comparable(&live.list, live.objects).unwrap()
}

fn differences(old: &Configuration, new: &Configuration, clients: &ClientMap) -> Vec<String> {
    let found = compare(old, new, clients);
    found.differences.iter().map(|found| format!("{} {:?}", found.object.text, found.field)).collect()
}

async fn send(pool: &MemoryPool, write: Option<ConfigurationWrite>) -> Value {
    let write = write.expect("an operation writes it");
    let answer = pool.write_configuration(&write).await;
    answer.unwrap_or_else(|error| panic!("{error}: {}", write.reveal())).into_json()
}

/// The request for a pool with the settings whose bits are set.
fn pool_settings(bits: u16) -> Value {
    let mut pool = json!({"PoolName": "generated", "UserPoolTier": "PLUS"});
    let settings = [
        json!({"Policies": {"PasswordPolicy": {"MinimumLength": 12, "RequireSymbols": true, "TemporaryPasswordValidityDays": 3, "PasswordHistorySize": 4}}}),
        json!({"AutoVerifiedAttributes": ["email"], "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}}),
        json!({"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false}}),
        json!({"LambdaConfig": {"PreSignUp": LAMBDA, "PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": LAMBDA}}}),
        json!({"VerificationMessageTemplate": {"EmailMessage": "Your code is {####}", "EmailSubject": "Code", "DefaultEmailOption": "CONFIRM_WITH_CODE"}}),
        json!({"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true, "InviteMessageTemplate": {"SMSMessage": "{username} {####}", "EmailMessage": "{username} {####}", "EmailSubject": "Hello"}}}),
        json!({"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "x", "SnsRegion": "eu-west-1"}, "SmsAuthenticationMessage": "Code {####}"}),
        json!({"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/example.com", "From": "a@example.com"}}),
        json!({"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}, {"Name": "verified_phone_number", "Priority": 2}]}}),
        json!({"UserPoolTags": {"team": "login"}, "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}}),
        json!({"AliasAttributes": ["email", "preferred_username"], "UsernameConfiguration": {"CaseSensitive": false}}),
        json!({"Schema": [{"Name": "email", "AttributeDataType": "String", "Mutable": true, "Required": true}, {"Name": "x", "AttributeDataType": "Number", "Mutable": true}]}),
        json!({"AcrConfiguration": {"Level2": {"AcrValue": "high"}}, "IssuerConfiguration": {"Type": "ORIGINAL"}}),
        json!({"DcrConfiguration": {"EnableStatus": "Disabled"}, "DeletionProtection": "ACTIVE"}),
    ];
    for (_, setting) in settings.into_iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0) {
        pool.as_object_mut().unwrap().extend(setting.as_object().unwrap().clone());
    }
    pool
}

/// The request for a client with the settings whose bits are set.
fn client_settings(bits: u8) -> Value {
    let mut client = json!({"ClientName": "generated"});
    let settings = [
        json!({"AccessTokenValidity": 30, "TokenValidityUnits": {"AccessToken": "minutes"}}),
        json!({"IdTokenValidity": 2, "RefreshTokenValidity": 12}),
        json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"], "PreventUserExistenceErrors": "ENABLED"}),
        json!({"ReadAttributes": ["email", "name"], "WriteAttributes": ["email", "name"]}),
        json!({"AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"], "CallbackURLs": ["https://example.com"], "SupportedIdentityProviders": ["COGNITO"]}),
        json!({"EnableTokenRevocation": false, "AuthSessionValidity": 5}),
        json!({"RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10}}),
    ];
    for (_, setting) in settings.into_iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0) {
        client.as_object_mut().unwrap().extend(setting.as_object().unwrap().clone());
    }
    client
}

const LAMBDA: &str = "arn:aws:lambda:eu-west-1:123456789012:function:x";

/// A generated pool with a generated client. Returns its id.
fn generated(backend: &MemoryBackend, (pool_bits, client_bits): (u16, u8)) -> (MemoryPool, PoolId) {
    let any = backend.create_pool(&source_id(), PoolDescription::with_defaults(&[]));
    let created = any.change_configuration("CreateUserPool", pool_settings(pool_bits));
    let id = PoolId::parse(created["UserPool"]["Id"].as_str().unwrap()).unwrap();
    let pool = backend.pool(&id);
    client(&pool, client_settings(client_bits));
    // Only this operation can make a custom attribute with the name of a standard one.
    if pool_bits & (1 << 11) != 0 {
        let named_like_a_standard_one =
            json!([{"Name": "sub", "AttributeDataType": "String", "Mutable": true}]);
        pool.change_configuration(
            "AddCustomAttributes",
            json!({"CustomAttributes": named_like_a_standard_one}),
        );
    }
    (pool, id)
}

fn object(live: &[CapturedObject], kind: ObjectKind) -> &CapturedObject {
    live.iter().find(|object| object.name.kind == kind).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_created_pool_and_client_equal_the_captured_ones(bits in any::<(u16, u8)>()) {
        in_paused_time(async {
            let (backend, ..) = plain_backend();
            let (pool, id) = generated(&backend, bits);
            let old = live(&backend, &id).await;
            let captured = object(&old.objects, ObjectKind::UserPool).clone();
            let write = ConfigurationWrite::creating(&captured.name, &captured.document, &id, Some(Tier::Plus));
            let created = send(&pool, write).await;
            let new_id = PoolId::parse(created["UserPool"]["Id"].as_str().unwrap()).unwrap();
            let new_pool = backend.pool(&new_id);
            for write in ConfigurationWrite::adding_attributes(&captured.document, &new_id) {
                send(&new_pool, Some(write)).await;
            }
            let client = object(&old.objects, ObjectKind::Client).clone();
            let write = ConfigurationWrite::creating(&client.name, &client.document, &new_id, Some(Tier::Plus));
            let answer = send(&new_pool, write).await;
            let new_client = answer["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned();
            let clients: ClientMap = BTreeMap::from([(client.name.id, new_client)]);
            let found = differences(&read(old), &read(live(&backend, &new_id).await), &clients);
            assert_eq!(found, Vec::<String>::new(), "{bits:?}");
        });
    }

    #[test]
    fn a_complete_update_brings_a_pool_and_a_client_back(
        old_bits in any::<(u16, u8)>(), new_bits in any::<u16>(), resets in any::<bool>()
    ) {
        in_paused_time(async {
            let (backend, ..) = plain_backend();
            let (pool, id) = generated(&backend, old_bits);
            pool.configure_configuration(|settings| settings.resets_undocumented = resets);
            let old = live(&backend, &id).await;
            let client = object(&old.objects, ObjectKind::Client).clone();
            // Members that no update can take back are the old ones: an SMS or recovery setting cannot be cleared.
            let mut other = pool_settings(new_bits & !(1 << 6) & !(1 << 8) & !(1 << 4) & !(1 << 5));
            for fixed in ["Schema", "AliasAttributes", "UsernameConfiguration", "DcrConfiguration"] {
                other.as_object_mut().unwrap().remove(fixed);
            }
            for bit in [6, 8] {
                if old_bits.0 & (1 << bit) != 0 {
                    other.as_object_mut().unwrap().extend(pool_settings(1 << bit).as_object().unwrap().clone());
                }
            }
            pool.change_configuration("UpdateUserPool", other);
            pool.change_configuration("UpdateUserPoolClient", json!({"ClientId": client.name.id, "ClientName": "x"}));
            let now = live(&backend, &id).await;
            for wanted in [object(&old.objects, ObjectKind::UserPool), &client] {
                let present = object(&now.objects, wanted.name.kind);
                let write = ConfigurationWrite::updating(
                    &wanted.name, &wanted.document, &present.document, &id, Some(Tier::Plus),
                );
                send(&pool, write).await;
            }
            let found = differences(&read(old), &read(live(&backend, &id).await), &ClientMap::new());
            assert_eq!(found, Vec::<String>::new(), "{old_bits:?} {new_bits:?} {resets}");
        });
    }
}

#[test]
fn sending_every_object_of_a_rich_pool_again_changes_nothing() {
    in_paused_time(async {
        let (backend, pool, _) = plain_backend();
        make_rich(&pool);
        pool.change_configuration(
            "SetUserPoolSessionConfiguration",
            json!({"UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 5}}),
        );
        for resets in [true, false] {
            pool.configure_configuration(|settings| settings.resets_undocumented = resets);
            let old = live(&backend, &source_id()).await;
            let mut sent = 0;
            for object in &old.objects {
                let mut document = object.document.clone();
                if object.name.kind == ObjectKind::IdentityProvider {
                    shared::model::configuration::request::put_secret(
                        &mut document,
                        "ProviderDetails.client_secret",
                        PLANTED,
                    );
                }
                if object.name.kind == ObjectKind::Branding {
                    document["Assets"][0]["Bytes"] = json!("AAABAA==");
                }
                if object.name.kind == ObjectKind::UiCustomization && !document["ImageFile"].is_null() {
                    document["ImageFile"] = json!("iVBORw0KGgo=");
                }
                let write = ConfigurationWrite::updating(
                    &object.name,
                    &document,
                    &object.document,
                    &source_id(),
                    Some(Tier::Plus),
                );
                let Some(write) = write else { continue };
                assert!(!format!("{write:?}").contains(PLANTED));
                send(&pool, Some(write)).await;
                sent += 1;
            }
            assert!(sent >= 12, "{sent}");
            let new = read(live(&backend, &source_id()).await);
            assert_eq!(differences(&read(old), &new, &ClientMap::new()), Vec::<String>::new());
        }
    });
}

#[test]
fn a_request_names_what_it_leaves_out_by_rule() {
    let name = ObjectName::single(ObjectKind::UserPool);
    let pool = json!({
        "Id": "eu-west-1_A", "Name": "old", "Arn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_A",
        "UserPoolTags": {"aws:cloudformation:stack-name": "x", "team": "login"},
        "AdminCreateUserConfig": {"UnusedAccountValidityDays": 7},
        "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 7}},
        "EmailVerificationMessage": "{####}", "VerificationMessageTemplate": {"EmailMessage": "{####}"},
        "MfaConfiguration": "ON", "EstimatedNumberOfUsers": 3, "Domain": "x",
    });
    let id = source_id();
    let created = ConfigurationWrite::creating(&name, &pool, &id, None).unwrap().reveal();
    assert_eq!(
        created,
        json!({
            "PoolName": "old", "UserPoolTags": {"team": "login"},
            "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 7}},
            "VerificationMessageTemplate": {"EmailMessage": "{####}"},
        })
    );
    let updated = ConfigurationWrite::updating(&name, &pool, &pool, &id, Some(Tier::Lite)).unwrap().reveal();
    assert_eq!(updated["UserPoolTags"], json!({"team": "login"}));
    assert_eq!(updated["AutoVerifiedAttributes"], json!([]));
    for absent in
        ["MfaConfiguration", "DcrConfiguration", "AcrConfiguration", "AliasAttributes", "SmsConfiguration"]
    {
        assert_eq!(updated.get(absent), None, "{absent}");
    }
    let off = json!({"MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": {"Enabled": false}});
    let mfa = ObjectName::single(ObjectKind::Mfa);
    let request = ConfigurationWrite::creating(&mfa, &off, &id, None).unwrap();
    assert_eq!(request.reveal(), json!({"UserPoolId": id.as_str(), "MfaConfiguration": "OFF"}));
    assert_eq!(request.operation(), Operation::SetUserPoolMfaConfig);
    let replica = ObjectName::of(ObjectKind::Replica, "eu-central-1");
    assert_eq!(
        ConfigurationWrite::creating(&replica, &json!({"RegionName": "eu-central-1"}), &id, None),
        None
    );
}

#[test]
fn a_pool_with_some_of_its_attributes_gets_the_others() {
    in_paused_time(async {
        let (backend, source, _) = plain_backend();
        let attribute = |name: String| json!({"Name": name, "AttributeDataType": "String", "Mutable": true});
        // Only a request that adds attributes can have this name.
        let names: Vec<String> =
            ["sub".to_owned()].into_iter().chain((0..49).map(|n| format!("a{n}"))).collect();
        for some in names.chunks(25) {
            let attributes: Vec<_> = some.iter().cloned().map(attribute).collect();
            source.change_configuration("AddCustomAttributes", json!({"CustomAttributes": attributes}));
        }
        let old = live(&backend, &source_id()).await;
        let wanted = object(&old.objects, ObjectKind::UserPool).clone();
        let write = ConfigurationWrite::creating(&wanted.name, &wanted.document, &source_id(), None);
        let created = send(&source, write).await;
        let id = PoolId::parse(created["UserPool"]["Id"].as_str().unwrap()).unwrap();
        let pool = backend.pool(&id);
        let lacking = async || {
            let now = live(&backend, &id).await;
            let now = &object(&now.objects, ObjectKind::UserPool).document;
            ConfigurationWrite::lacking_attributes(&wanted.document, now, &id)
        };
        let writes = lacking().await;
        assert_eq!(writes.len(), 1);
        for write in writes {
            send(&pool, Some(write)).await;
        }
        assert_eq!(lacking().await, []);
        let new = read(live(&backend, &id).await);
        assert_eq!(differences(&read(old), &new, &ClientMap::new()), Vec::<String>::new());
    });
}

//! The changes that the emulator must know, because sign-ins, users or import jobs depend on them.

use serde_json::{Map, Value, json};
use strict_configuration::{Chosen, ConfigurationRefusal, Configurations};

use super::super::call::Call;

const FORWARDED: [&str; 11] = [
    "CreateUserPool",
    "UpdateUserPool",
    "DeleteUserPool",
    "AddCustomAttributes",
    "SetUserPoolMfaConfig",
    "CreateUserPoolClient",
    "UpdateUserPoolClient",
    "DeleteUserPoolClient",
    "CreateIdentityProvider",
    "UpdateIdentityProvider",
    "DeleteIdentityProvider",
];

/// The members of a pool object that UpdateUserPool takes. The emulator needs neither tier nor add-ons. It
/// would refuse the threat protection of an old pool.
const POOL_MEMBERS: [&str; 17] = [
    "Policies",
    "DeletionProtection",
    "LambdaConfig",
    "AutoVerifiedAttributes",
    "SmsVerificationMessage",
    "EmailVerificationMessage",
    "EmailVerificationSubject",
    "VerificationMessageTemplate",
    "SmsAuthenticationMessage",
    "MfaConfiguration",
    "UserAttributeUpdateSettings",
    "DeviceConfiguration",
    "EmailConfiguration",
    "SmsConfiguration",
    "UserPoolTags",
    "AdminCreateUserConfig",
    "AccountRecoverySetting",
];

/// The members of a client that only reads have.
const READ_ONLY_CLIENT_MEMBERS: [&str; 5] =
    ["ClientSecret", "ClientSecretArn", "ClientType", "CreationDate", "LastModifiedDate"];

pub(super) fn is_forwarded(operation: &str) -> bool {
    FORWARDED.contains(&operation)
}

/// The input for the emulator. It patches, so an update names everything that the changed object has.
pub(super) fn input(
    call: &Call,
    changed: &mut Configurations,
    now: f64,
) -> Result<Value, ConfigurationRefusal> {
    let id = json!({"UserPoolId": call.input["UserPoolId"]});
    Ok(match call.operation.as_str() {
        "UpdateUserPool" => {
            let pool = changed.answer("DescribeUserPool", &id, now)?["UserPool"].take();
            let members = POOL_MEMBERS.into_iter().filter(|name| pool.get(*name).is_some());
            let mut input: Map<String, Value> =
                members.map(|name| (name.to_owned(), pool[name].clone())).collect();
            input.insert("UserPoolId".to_owned(), pool["Id"].clone());
            Value::Object(input)
        }
        "SetUserPoolMfaConfig" => {
            let mut config = changed.answer("GetUserPoolMfaConfig", &id, now)?;
            config["UserPoolId"] = id["UserPoolId"].clone();
            // The emulator keeps blocks that a call omits.
            for name in ["SmsMfaConfiguration", "SoftwareTokenMfaConfiguration", "EmailMfaConfiguration"] {
                if config.get(name).is_none() {
                    config[name] = json!({});
                }
            }
            config
        }
        "UpdateUserPoolClient" => {
            let id = json!({"UserPoolId": call.input["UserPoolId"], "ClientId": call.input["ClientId"]});
            let mut client = changed.answer("DescribeUserPoolClient", &id, now)?["UserPoolClient"].take();
            if let Some(members) = client.as_object_mut() {
                members.retain(|name, _| !READ_ONLY_CLIENT_MEMBERS.contains(&name.as_str()));
            }
            client
        }
        _ => call.input.clone(),
    })
}

/// The ids and secrets that the emulator chose for what a call created.
pub(super) fn chosen(answered: &Value) -> Chosen {
    let (pool, client) = (&answered["UserPool"]["Id"], &answered["UserPoolClient"]["ClientId"]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Chosen {
        id: text(pool).or_else(|| text(client)),
        secret: text(&answered["UserPoolClient"]["ClientSecret"])
            .filter(|secret| has_form_of_cognito(secret)),
    }
}

/// Whether Cognito may have made this secret: it has letters and digits only. The emulator also uses `+` and `/`, and
/// Cognito refuses `/` if a secret is supplied.
fn has_form_of_cognito(secret: &str) -> bool {
    secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use hyper::body::Bytes;
    use strict_configuration::ConfigurationSettings;

    use super::*;

    fn call(operation: &str, input: Value) -> Call {
        let head = Request::new(()).into_parts().0;
        Call::new(operation.to_owned(), head, Bytes::from(input.to_string()))
    }

    fn configurations() -> Configurations {
        let mut configurations =
            Configurations::new("000000000000", "us-east-1", ConfigurationSettings::default());
        let pool = json!({"PoolName": "a", "AutoVerifiedAttributes": ["email"]});
        configurations.adopt("us-east-1_A", &pool, 0.0).unwrap();
        configurations
    }

    #[test]
    fn an_update_tells_the_emulator_what_cognito_reset() {
        let mut changed = configurations();
        let call = call("UpdateUserPool", json!({"UserPoolId": "us-east-1_A"}));
        changed.answer("UpdateUserPool", &call.input, 1.0).unwrap();
        let input = input(&call, &mut changed, 1.0).unwrap();
        assert_eq!((&input["AutoVerifiedAttributes"], &input["LambdaConfig"]), (&json!([]), &json!({})));
        assert!(input.get("UserPoolTier").is_none() && input.get("SchemaAttributes").is_none());
    }

    #[test]
    fn a_bare_mfa_call_turns_everything_off_in_the_emulator() {
        let call = call("SetUserPoolMfaConfig", json!({"UserPoolId": "us-east-1_A"}));
        let input = input(&call, &mut configurations(), 1.0).unwrap();
        assert_eq!(
            (&input["MfaConfiguration"], &input["SoftwareTokenMfaConfiguration"]),
            (&json!("OFF"), &json!({}))
        );
    }

    #[test]
    fn an_update_of_a_client_has_no_member_of_reads() {
        let mut changed = configurations();
        let created = json!({"UserPoolId": "us-east-1_A", "ClientName": "a", "GenerateSecret": true});
        let created = changed.answer("CreateUserPoolClient", &created, 1.0).unwrap();
        let id = &created["UserPoolClient"]["ClientId"];
        let call = call("UpdateUserPoolClient", json!({"UserPoolId": "us-east-1_A", "ClientId": id}));
        let input = input(&call, &mut changed, 1.0).unwrap();
        assert_eq!((&input["ClientName"], &input["ClientId"]), (&json!("a"), id));
        assert!(READ_ONLY_CLIENT_MEMBERS.iter().all(|name| input.get(*name).is_none()));
        let chosen = chosen(&created);
        assert_eq!(chosen.id.as_deref(), id.as_str());
        assert_eq!(chosen.secret.map(|secret| secret.len()), Some(52));
    }

    #[test]
    fn a_secret_of_the_emulator_that_cognito_would_refuse_is_not_taken_over() {
        for (secret, taken) in
            [("kPIfgmJyltG18U", true), ("kPIf/mJyltG18U", false), ("kPIf+mJyltG18U", false)]
        {
            let answered = json!({"UserPoolClient": {"ClientId": "a", "ClientSecret": secret}});
            assert_eq!(chosen(&answered).secret.is_some(), taken, "{secret}");
        }
    }
}

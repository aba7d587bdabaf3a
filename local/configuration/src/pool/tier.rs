//! Which features need which tier: "User pool feature plans", developer guide.

use serde_json::Value;

use super::reading;
use crate::json::{Object, get, texts};
use crate::mfa::Factors;
use crate::refusal::{ConfigurationRefusal, tier_message};

/// Features, each with the least tier that has it.
pub(crate) type Features = Vec<(&'static str, &'static str)>;

/// Whether a tier has what `least` has.
pub(crate) fn has(tier: &str, least: &str) -> bool {
    let rank = |tier: &str| ["LITE", "ESSENTIALS", "PLUS"].iter().position(|name| *name == tier);
    rank(tier) >= rank(least)
}

/// The features of a pool object and its factors.
pub(super) fn features(settings: &Object, factors: &Factors) -> Features {
    let policies = get(settings, "Policies");
    let version = &get(settings, "LambdaConfig")["PreTokenGenerationConfig"]["LambdaVersion"];
    let mode = get(settings, "UserPoolAddOns")["AdvancedSecurityMode"].as_str().unwrap_or("OFF");
    let passkeys =
        factors.web_authn.as_ref().map_or(&Value::Null, |passkeys| &passkeys["FactorConfiguration"]);
    let levels = reading::without_default_levels(get(settings, "AcrConfiguration"));
    let all = [
        (mode != "OFF", "Threat Protection", "PLUS"),
        (
            policies["PasswordPolicy"]["PasswordHistorySize"].as_i64().unwrap_or_default() > 0,
            "Password History",
            "ESSENTIALS",
        ),
        (
            texts(&policies["SignInPolicy"]["AllowedFirstAuthFactors"])
                .iter()
                .any(|factor| *factor != "PASSWORD"),
            "Choice Based Sign-in",
            "ESSENTIALS",
        ),
        (
            version.as_str().is_some_and(|version| version != "V1_0"),
            "Access Token Customization",
            "ESSENTIALS",
        ),
        (factors.email.is_some(), "Email MFA", "ESSENTIALS"),
        (passkeys == "MULTI_FACTOR_WITH_USER_VERIFICATION", "Passkey MFA", "ESSENTIALS"),
        (levels.as_object().is_some_and(|levels| !levels.is_empty()), "Custom ACR Values", "ESSENTIALS"),
        (
            get(settings, "DcrConfiguration")["EnableStatus"] == "Enabled",
            "Dynamic Client Registration",
            "ESSENTIALS",
        ),
    ];
    all.into_iter().filter(|(is_on, ..)| *is_on).map(|(_, name, least)| (name, least)).collect()
}

/// Checks the features of a pool after a change against its tier. `before` has the features and the tier
/// before.
///
/// A pool keeps a feature that it already has, even if its tier lacks it: old LITE pools have threat
/// protection, and Cognito still updates them (aws-cdk #36023). Source of the two errors: aws-cdk #33565 and
/// #40734 of terraform-provider-aws.
pub(super) fn check(
    before: Option<(&Features, &str)>,
    after: &Features,
    tier: &str,
) -> Result<(), ConfigurationRefusal> {
    let is_change_of_tier = before.is_some_and(|(_, before)| before != tier);
    let had =
        |name: &str| before.is_some_and(|(features, _)| features.iter().any(|(feature, _)| *feature == name));
    let missing: Vec<&str> = after
        .iter()
        .filter(|(name, least)| !has(tier, least) && (is_change_of_tier || !had(name)))
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let code =
        if is_change_of_tier { "TierChangeNotAllowedException" } else { "FeatureUnavailableInTierException" };
    Err(ConfigurationRefusal::new(code, tier_message(&missing, tier)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Description;
    use crate::testing::{Fixture, LAMBDA};

    #[test]
    fn a_feature_that_the_tier_lacks_is_refused() {
        let protection = json!({"UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}});
        let mut fixture = Fixture::new();
        let refusal = fixture.create(protection.clone()).unwrap_err();
        assert_eq!(refusal.code, "FeatureUnavailableInTierException");
        let text = "The following features need to be disabled for the ESSENTIALS pricing tier configured: \
                    Threat Protection";
        assert_eq!(refusal.message, text);
        assert_eq!(fixture.refused("UpdateUserPool", protection).message, text);
        let newest = json!({"LambdaVersion": "V3_0", "LambdaArn": LAMBDA});
        let essentials = [
            json!({"Policies": {"PasswordPolicy": {"PasswordHistorySize": 3}}}),
            json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}}),
            json!({"LambdaConfig": {"PreTokenGenerationConfig": newest}}),
            json!({"AcrConfiguration": {"Level1": {"AcrValue": "low"}}}),
            json!({"DcrConfiguration": {}}),
        ];
        for mut pool in essentials {
            fixture.create(pool.clone()).unwrap();
            pool["UserPoolTier"] = "LITE".into();
            assert_eq!(fixture.create(pool).unwrap_err().code, "FeatureUnavailableInTierException");
        }
    }

    #[test]
    fn a_tier_cannot_change_while_features_forbid_it() {
        let mut fixture = Fixture::with(json!({"Policies": {"PasswordPolicy": {"PasswordHistorySize": 3}}}));
        let down = json!({"UserPoolTier": "LITE"});
        assert_eq!(fixture.refused("UpdateUserPool", down.clone()).code, "TierChangeNotAllowedException");
        fixture.call("UpdateUserPool", json!({"Policies": {"PasswordPolicy": {}}}));
        fixture.call("CreateUserPoolDomain", json!({"Domain": "login", "ManagedLoginVersion": 2}));
        assert!(fixture.refused("UpdateUserPool", down.clone()).message.ends_with("Managed Login"));
        fixture.call("UpdateUserPoolDomain", json!({"Domain": "login", "ManagedLoginVersion": 1}));
        fixture.call("UpdateUserPool", down);
    }

    #[test]
    fn an_old_lite_pool_keeps_its_threat_protection_but_no_other_pool_gets_it() {
        let mut fixture = Fixture::new();
        let on = json!({"AdvancedSecurityMode": "AUDIT"});
        let old = json!({"Name": "old", "UserPoolTier": "LITE", "UserPoolAddOns": on});
        let description = Description { user_pool: old, ..Description::default() };
        fixture.pool = "eu-central-1_Old".to_owned();
        fixture.configurations.adopt_description("eu-central-1_Old", &description, 0.0);
        fixture.call("UpdateUserPool", json!({"UserPoolAddOns": on}));
        fixture.call("DescribeRiskConfiguration", json!({}));
        assert!(fixture.create(json!({"UserPoolTier": "LITE", "UserPoolAddOns": on})).is_err());
    }
}

//! The pool itself. Source: `UserPoolType`, `CreateUserPool`, `UpdateUserPool`.
//!
//! The reference says that `UpdateUserPool` resets each member that it does not get. Measurements disagree
//! for some members. A member without a measurement is
//! [`Unknown`](crate::model::configuration::Omission::Unknown).

use crate::model::configuration::{Bound, Field, Tier};

/// AWS refuses to write a tag whose key begins so, and answers it nevertheless.
/// Source: "Tag naming limits and requirements", Tagging AWS resources user guide.
pub const RESERVED_TAG_PREFIX: &str = "aws:";

pub(super) const FIELDS: &[Field] = &[
    Field::given_name("Id").bound(Bound::Pool),
    // Read as `Name`, written as `PoolName`. The API lets an update change it.
    Field::setting("Name").written_as("PoolName").kept(),
    // `Policies` is kept (measured live, 2026-08). A partial `PasswordPolicy` gets 8 characters, 7 days and
    // false for each class that it does not name.
    Field::setting("Policies.PasswordPolicy.MinimumLength").default("8").kept(),
    Field::setting("Policies.PasswordPolicy.RequireUppercase").default("false").kept(),
    Field::setting("Policies.PasswordPolicy.RequireLowercase").default("false").kept(),
    Field::setting("Policies.PasswordPolicy.RequireNumbers").default("false").kept(),
    Field::setting("Policies.PasswordPolicy.RequireSymbols").default("false").kept(),
    Field::setting("Policies.PasswordPolicy.PasswordHistorySize").default("0").kept().tier(Tier::Essentials),
    Field::setting("Policies.PasswordPolicy.TemporaryPasswordValidityDays").default("7").kept(),
    // Kept even if `Policies` comes without it: only an explicit `["PASSWORD"]` clears it (measured live,
    // 2026-08).
    Field::setting("Policies.SignInPolicy.AllowedFirstAuthFactors[]")
        .default(r#"["PASSWORD"]"#)
        .set()
        .kept()
        .tier(Tier::Essentials),
    Field::setting("DeletionProtection").default(r#""INACTIVE""#),
    // An update without `LambdaConfig` unhooks all triggers. An update with one trigger unhooks the others.
    trigger("LambdaConfig.PreSignUp"),
    trigger("LambdaConfig.CustomMessage"),
    trigger("LambdaConfig.PostConfirmation"),
    trigger("LambdaConfig.PreAuthentication"),
    trigger("LambdaConfig.PostAuthentication"),
    trigger("LambdaConfig.DefineAuthChallenge"),
    trigger("LambdaConfig.CreateAuthChallenge"),
    trigger("LambdaConfig.VerifyAuthChallengeResponse"),
    // The old form. Sent alone, it means version `V1_0`.
    trigger("LambdaConfig.PreTokenGeneration")
        .withheld_for("LambdaConfig.PreTokenGenerationConfig.LambdaArn"),
    trigger("LambdaConfig.UserMigration"),
    // `V2_0` and `V3_0` need Essentials.
    Field::setting("LambdaConfig.PreTokenGenerationConfig.LambdaVersion")
        .default(r#""V1_0""#)
        .reset()
        .tier(Tier::Essentials),
    trigger("LambdaConfig.PreTokenGenerationConfig.LambdaArn"),
    Field::setting("LambdaConfig.CustomSMSSender.LambdaVersion").reset(),
    trigger("LambdaConfig.CustomSMSSender.LambdaArn"),
    Field::setting("LambdaConfig.CustomEmailSender.LambdaVersion").reset(),
    trigger("LambdaConfig.CustomEmailSender.LambdaArn"),
    // Both custom senders share this key.
    trigger("LambdaConfig.KMSKeyID"),
    Field::setting("LambdaConfig.InboundFederation.LambdaVersion").reset(),
    trigger("LambdaConfig.InboundFederation.LambdaArn"),
    Field::volatile("Status"),
    Field::volatile("LastModifiedDate"),
    Field::derived("CreationDate"),
    // The create form has other names: see `schema`. `AddCustomAttributes` can add, and nothing can change or
    // remove.
    Field::fixed("SchemaAttributes[]").written_as("Schema[]").keyed(&["Name"]),
    Field::fixed("SchemaAttributes[].Name").written_as("Schema[].Name"),
    Field::fixed("SchemaAttributes[].AttributeDataType").written_as("Schema[].AttributeDataType"),
    Field::fixed("SchemaAttributes[].DeveloperOnlyAttribute")
        .written_as("Schema[].DeveloperOnlyAttribute")
        .default("false"),
    Field::fixed("SchemaAttributes[].Mutable").written_as("Schema[].Mutable").default("true"),
    Field::fixed("SchemaAttributes[].Required").written_as("Schema[].Required").default("false"),
    // The constraints are numbers in strings.
    Field::fixed("SchemaAttributes[].NumberAttributeConstraints.MinValue")
        .written_as("Schema[].NumberAttributeConstraints.MinValue"),
    Field::fixed("SchemaAttributes[].NumberAttributeConstraints.MaxValue")
        .written_as("Schema[].NumberAttributeConstraints.MaxValue"),
    Field::fixed("SchemaAttributes[].StringAttributeConstraints.MinLength")
        .written_as("Schema[].StringAttributeConstraints.MinLength"),
    Field::fixed("SchemaAttributes[].StringAttributeConstraints.MaxLength")
        .written_as("Schema[].StringAttributeConstraints.MaxLength"),
    // Measured live, 2026-08. Its loss silently ends the verification of sign-ups.
    Field::setting("AutoVerifiedAttributes[]").default("[]").set().reset(),
    Field::fixed("AliasAttributes[]").default("[]").set(),
    Field::fixed("UsernameAttributes[]").default("[]").set(),
    // Cognito answers both forms of each message. A restore sends the template.
    Field::setting("SmsVerificationMessage").withheld_for("VerificationMessageTemplate.SmsMessage"),
    Field::setting("EmailVerificationMessage").withheld_for("VerificationMessageTemplate.EmailMessage"),
    Field::setting("EmailVerificationSubject").withheld_for("VerificationMessageTemplate.EmailSubject"),
    Field::setting("VerificationMessageTemplate.SmsMessage"),
    Field::setting("VerificationMessageTemplate.EmailMessage"),
    Field::setting("VerificationMessageTemplate.EmailSubject"),
    Field::setting("VerificationMessageTemplate.EmailMessageByLink"),
    Field::setting("VerificationMessageTemplate.EmailSubjectByLink"),
    Field::setting("VerificationMessageTemplate.DefaultEmailOption").default(r#""CONFIRM_WITH_CODE""#),
    // The second factors have the same message, but take it only while MFA is not off.
    Field::setting("SmsAuthenticationMessage"),
    // Measured live, 2026-08: only an explicit empty list clears it. It must be part of the
    // `AutoVerifiedAttributes` of the same request.
    Field::setting("UserAttributeUpdateSettings.AttributesRequireVerificationBeforeUpdate[]")
        .default("[]")
        .set()
        .kept(),
    // `SetUserPoolMfaConfig` writes it. `UpdateUserPool` refuses to turn MFA on, and keeps it if it is not
    // sent (measured live, 2026-08).
    Field::setting("MfaConfiguration").default(r#""OFF""#).withheld_for("mfa/MfaConfiguration").kept(),
    // The presence is the switch: `false` and `false` remember devices. Only an update without it turns that
    // off.
    Field::setting("DeviceConfiguration.ChallengeRequiredOnNewDevice").reset(),
    Field::setting("DeviceConfiguration.DeviceOnlyRememberedOnUserPrompt").reset(),
    Field::volatile("EstimatedNumberOfUsers"),
    // The identity may be in another Region than the pool.
    Field::setting("EmailConfiguration.SourceArn").bound(Bound::AccountAndRegion),
    Field::setting("EmailConfiguration.ReplyToEmailAddress"),
    Field::setting("EmailConfiguration.EmailSendingAccount").default(r#""COGNITO_DEFAULT""#),
    // SES must have verified the sender in the account and Region of `SourceArn`.
    Field::setting("EmailConfiguration.From").bound(Bound::AccountAndRegion),
    Field::setting("EmailConfiguration.ConfigurationSet").bound(Bound::AccountAndRegion),
    Field::setting("SmsConfiguration.SnsCallerArn").bound(Bound::Account),
    // No secret: "AWS does not treat the external ID as a secret", IAM user guide.
    Field::setting("SmsConfiguration.ExternalId"),
    Field::setting("SmsConfiguration.SnsRegion").bound(Bound::Region),
    // AWS End User Messaging, instead of `SnsCallerArn`.
    Field::setting("SmsConfiguration.EumsSms.CallerArn").bound(Bound::Account),
    Field::setting("SmsConfiguration.EumsSms.ExternalId"),
    Field::setting("SmsConfiguration.EumsSms.OriginationIdentity").bound(Bound::AccountAndRegion),
    Field::setting("SmsConfiguration.EumsSms.ConfigurationSetName").bound(Bound::AccountAndRegion),
    // Registrations of the sender with the telecom regulator of India.
    Field::setting("SmsConfiguration.EumsSms.InEntityId"),
    Field::setting("SmsConfiguration.EumsSms.InTemplateId"),
    Field::setting("SmsConfiguration.EumsSms.Region").bound(Bound::Region),
    // Replaced as a whole. Tags of AWS are answered and refused: `RESERVED_TAG_PREFIX`.
    Field::setting("UserPoolTags.*").default("{}"),
    Field::volatile("SmsConfigurationFailure"),
    Field::volatile("EmailConfigurationFailure"),
    // The objects of the domains write them.
    Field::derived("Domain").bound(Bound::World),
    Field::derived("CustomDomain").bound(Bound::World),
    Field::setting("AdminCreateUserConfig.AllowAdminCreateUserOnly").default("false"),
    // Every read mirrors the days of the password policy (measured live, 2026). A request with both is
    // refused: "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of
    // UnusedAccountValidityDays".
    Field::setting("AdminCreateUserConfig.UnusedAccountValidityDays")
        .default("7")
        .withheld_for("Policies.PasswordPolicy.TemporaryPasswordValidityDays"),
    Field::setting("AdminCreateUserConfig.InviteMessageTemplate.SMSMessage"),
    Field::setting("AdminCreateUserConfig.InviteMessageTemplate.EmailMessage"),
    Field::setting("AdminCreateUserConfig.InviteMessageTemplate.EmailSubject"),
    // A pool of the prices before November 2024 can have it on Lite. Such a pool cannot be created again as
    // it is.
    Field::setting("UserPoolAddOns.AdvancedSecurityMode").default(r#""OFF""#).tier(Tier::Plus),
    Field::setting("UserPoolAddOns.AdvancedSecurityAdditionalFlows.CustomAuthMode").tier(Tier::Plus),
    // An update replaces all of it. Without `EnableStatus` it turns registration on.
    Field::setting("DcrConfiguration.EnableStatus").kept().tier(Tier::Essentials),
    Field::setting("DcrConfiguration.OpenDcrEnabled").default("false").kept().tier(Tier::Essentials),
    // Absent permits the default grant types. An empty list permits none.
    Field::setting("DcrConfiguration.AuthenticatedGrantTypes[]").set().kept().tier(Tier::Essentials),
    Field::setting("DcrConfiguration.OpenDcrGrantTypes[]").set().kept().tier(Tier::Essentials),
    Field::setting("DcrConfiguration.AllowedScopes[]").default("[]").set().kept().tier(Tier::Essentials),
    // Absent means the same as true: the names differ by case.
    Field::fixed("UsernameConfiguration.CaseSensitive").default("true"),
    Field::derived("Arn").bound(Bound::Pool),
    // Absent means the old order, SMS first. No list means the same.
    Field::setting("AccountRecoverySetting.RecoveryMechanisms[]").keyed(&["Name"]),
    Field::setting("AccountRecoverySetting.RecoveryMechanisms[].Priority"),
    Field::setting("AccountRecoverySetting.RecoveryMechanisms[].Name"),
    // A pool created without a tier is Essentials, so a restore always sends it. Updates keep it: the one
    // exception that the documentation names.
    Field::setting("UserPoolTier").kept(),
    Field::setting("KeyConfiguration.KeyType").default(r#""AWS_OWNED_KEY""#),
    Field::setting("KeyConfiguration.KmsKeyArn").bound(Bound::AccountAndRegion),
    // It decides the issuer in every token.
    Field::setting("IssuerConfiguration.Type").default(r#""ORIGINAL""#),
    // Every read has all four levels, with their default names.
    acr_level("AcrConfiguration.Level1.AcrValue", r#""urn:cognito:loa:1""#),
    acr_level("AcrConfiguration.Level2.AcrValue", r#""urn:cognito:loa:2""#),
    acr_level("AcrConfiguration.Level3.AcrValue", r#""urn:cognito:loa:3""#),
    acr_level("AcrConfiguration.Level4.AcrValue", r#""urn:cognito:loa:4""#),
];

const fn trigger(path: &'static str) -> Field {
    Field::setting(path).reset().bound(Bound::AccountAndRegion)
}

const fn acr_level(path: &'static str, default: &'static str) -> Field {
    Field::setting(path).default(default).tier(Tier::Essentials)
}

//! Explanations: what a message of Cognito means, in words of this project.
//!
//! Cognito's messages can quote usernames, values and group names, and a trigger of the pool writes its own.
//! So no message is kept. A few are recognised, and a constant sentence stands for each.

use super::text_enum::named_enum;

named_enum! {
    /// Why Cognito refused a call, as far as its message tells.
    pub enum Explanation {
        AlreadyLinked = "alreadyLinked",
        AttributeFixed = "attributeFixed",
        AttributeUndeclared = "attributeUndeclared",
        EmailFormat = "emailFormat",
        Federated = "federated",
        IamDenies = "iamDenies",
        MfaOff = "mfaOff",
        PasswordPolicy = "passwordPolicy",
        PhoneFormat = "phoneFormat",
        Plan = "plan",
        Role = "role",
        Schema = "schema",
        TokenInvalid = "tokenInvalid",
        UserDisabled = "userDisabled",
        UserUnconfirmed = "userUnconfirmed",
    }
}

/// Parts of Cognito's messages in lower case, seen in answers and in public reports. The first that a message
/// holds decides.
const KNOWN: &[(&str, Explanation)] = &[
    ("is not authorized to perform", Explanation::IamDenies),
    ("cannot be provided for unconfirmed account", Explanation::UserUnconfirmed),
    ("password did not conform", Explanation::PasswordPolicy),
    ("attributes did not conform to the schema", Explanation::Schema),
    ("attribute does not exist in the schema", Explanation::AttributeUndeclared),
    ("non-mutable attribute", Explanation::AttributeFixed),
    ("invalid email address format", Explanation::EmailFormat),
    ("invalid phone number format", Explanation::PhoneFormat),
    ("pagination token", Explanation::TokenInvalid),
    ("user is disabled", Explanation::UserDisabled),
    ("is already linked", Explanation::AlreadyLinked),
    ("external provider", Explanation::Federated),
    ("feature plan", Explanation::Plan),
    ("does not have mfa", Explanation::MfaOff),
    ("role", Explanation::Role),
];

impl Explanation {
    /// What a message of Cognito means. None if it is not known.
    pub fn of(message: &str) -> Option<Self> {
        let message = message.to_lowercase();
        KNOWN.iter().find(|(part, _)| message.contains(part)).map(|(_, explanation)| *explanation)
    }

    /// The explanation in words.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::AlreadyLinked => "The identity is linked to another user of the pool.",
            Self::AttributeFixed => {
                "The schema of the pool allows no change of an attribute after the user was created."
            }
            Self::AttributeUndeclared => "The pool does not declare an attribute.",
            Self::EmailFormat => "The e-mail address has a wrong format.",
            Self::Federated => "The call is not possible for a user of an identity provider.",
            Self::IamDenies => "IAM denies the call.",
            Self::MfaOff => "The pool has no second factor of this kind.",
            Self::PasswordPolicy => "The password does not conform to the policy of the pool.",
            Self::PhoneFormat => "The phone number has a wrong format.",
            Self::Plan => "The feature plan of the pool does not allow the call.",
            Self::Role => "Cognito does not accept a role, or may not use it.",
            Self::Schema => "A value does not conform to the schema of the pool.",
            Self::TokenInvalid => "The token of the listing is wrong or has expired.",
            Self::UserDisabled => "The user is disabled.",
            Self::UserUnconfirmed => "The user is not confirmed.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_message_has_an_explanation_and_no_other_message_is_kept() {
        for (message, explanation) in [
            ("Attributes did not conform to the schema: custom:tier: too long", Some(Explanation::Schema)),
            ("Password did not conform with policy: anna-2000", Some(Explanation::PasswordPolicy)),
            (
                "User: arn:aws:sts::1:assumed-role/r is not authorized to perform: x",
                Some(Explanation::IamDenies),
            ),
            ("PreSignUp failed with error anna@example.com is blocked.", None),
            ("", None),
        ] {
            assert_eq!(Explanation::of(message), explanation, "{message}");
        }
    }

    #[test]
    fn every_explanation_is_known_and_a_sentence() {
        for explanation in Explanation::ALL {
            assert!(explanation.sentence().ends_with('.'));
            assert!(KNOWN.iter().any(|(_, known)| known == explanation), "{explanation}");
        }
        assert!(KNOWN.iter().all(|(part, _)| *part == part.to_lowercase()));
    }
}

//! Where the tools keep each member of a configuration: one row for each row of the table of fields.
//!
//! A test fails if a member lacks its row here.
//! Sources: the schemas of the CloudFormation registry (cfn-lint 1.58.0), and the documentation and the source of the
//! Terraform provider `hashicorp/aws` 6 of September 2026.

mod client;
mod login;
mod mfa;
mod others;
mod pool;
mod provider;

use super::Tool;
use crate::model::configuration::ObjectKind;

/// Where the tools keep one member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The path of the member in the table of fields.
    pub path: &'static str,
    cloudformation: To,
    terraform: To,
}

/// Where one tool keeps a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// Under the same path. Terraform spells it in snake case.
    Same,
    /// Under this path, which is written as in the table of fields. Without a key of its own, `*` is the last name of
    /// the path of the member.
    At(&'static str),
    /// In a member that says more than this one: `EnabledMfas`.
    Within(&'static str),
    /// The tool has no member for it.
    Nowhere,
}

impl Place {
    const fn new(path: &'static str, cloudformation: To, terraform: To) -> Self {
        Self { path, cloudformation, terraform }
    }

    pub fn to(&self, tool: Tool) -> To {
        match tool {
            Tool::CloudFormation => self.cloudformation,
            Tool::Terraform => self.terraform,
        }
    }
}

/// Both tools have the name of the API.
const fn same(path: &'static str) -> Place {
    Place::new(path, To::Same, To::Same)
}

/// CloudFormation has the name of the API, and Terraform another one.
const fn renamed(path: &'static str, terraform: &'static str) -> Place {
    Place::new(path, To::Same, To::At(terraform))
}

/// Only CloudFormation has it.
const fn not_in_terraform(path: &'static str) -> Place {
    Place::new(path, To::Same, To::Nowhere)
}

const fn nowhere(path: &'static str) -> Place {
    Place::new(path, To::Nowhere, To::Nowhere)
}

/// The rows of the kind.
pub(super) fn places_of(kind: ObjectKind) -> &'static [Place] {
    match kind {
        ObjectKind::UserPool => pool::PLACES,
        ObjectKind::Mfa => mfa::PLACES,
        ObjectKind::Client => client::PLACES,
        ObjectKind::IdentityProvider => provider::PLACES,
        ObjectKind::ResourceServer => others::RESOURCE_SERVER,
        ObjectKind::Domain => login::DOMAIN,
        ObjectKind::UiCustomization => login::UI_CUSTOMIZATION,
        ObjectKind::Branding => login::BRANDING,
        ObjectKind::Terms => login::TERMS,
        ObjectKind::RiskConfiguration => others::RISK_CONFIGURATION,
        ObjectKind::LogDelivery => others::LOG_DELIVERY,
        ObjectKind::Replica => others::REPLICA,
        ObjectKind::WebAcl => others::WEB_ACL,
        // No tool has a resource for them.
        ObjectKind::ClientSecrets
        | ObjectKind::Sessions
        | ObjectKind::CimdPolicy
        | ObjectKind::SigningCertificate => &[],
    }
}

/// The row of the member at `path`.
pub(super) fn place(kind: ObjectKind, path: &str) -> Option<&'static Place> {
    places_of(kind).iter().find(|place| place.path == path)
}

/// A name of the API in snake case: `SMSMessage` is `sms_message`.
pub(super) fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let begins_word = before.is_some_and(|before| before.is_ascii_lowercase() || before.is_ascii_digit());
        let ends_acronym = before.is_some_and(|before| before.is_ascii_uppercase())
            && letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (begins_word || ends_acronym) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

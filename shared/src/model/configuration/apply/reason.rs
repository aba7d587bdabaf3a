//! Why a difference stays.

use super::Allow;

/// Why a roll back leaves a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApplyReason {
    /// No request changes it: the schema, the way to sign in, names, ids, certificates.
    CannotChange,
    /// The pool, or the snapshot, has another domain of the same form.
    OtherDomain,
    /// The operator has to allow it.
    NeedsAllow(Allow),
    /// The operator has to ask for new attributes.
    NeedsAddAttributes,
    /// The operator has to ask for deleted clients.
    NeedsRecreateClients,
    /// The operator has to ask for the deletion of objects that the snapshot does not have.
    NeedsDeleteExtra,
    /// Neither the snapshot nor Cognito shows the secret that the request must have.
    SecretMissing,
    /// The request would replace or delete the secret of the client.
    ReplacesSecret,
    /// The second factors of the pool need it, and they stay as they are.
    NeededByMfa,
    /// It names a provider, a scope or a client that the pool does not have.
    NamesMissing,
    /// Another client or policy has the same name, so nothing would tell the new one from it.
    AmbiguousName,
    /// The tier of the pool, or its threat protection, does not have it.
    Tier,
    /// The pool has no domain, which it needs.
    NoDomain,
    /// Cognito takes it only while the pool tracks sessions.
    NotTracked,
    /// The bytes of the logo are not known, and a request without them can remove the logo.
    LogoNotCaptured,
    /// AWS ended the service that it belongs to.
    Ended,
    /// AWS made the object, or the client registered itself.
    MadeByAws,
    /// This version does not know the member.
    Unknown,
}

impl ApplyReason {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::CannotChange => "cannotChange",
            Self::OtherDomain => "otherDomain",
            Self::NeedsAllow(_) => "needsAllow",
            Self::NeedsAddAttributes => "needsAddAttributes",
            Self::NeedsRecreateClients => "needsRecreateClients",
            Self::NeedsDeleteExtra => "needsDeleteExtra",
            Self::SecretMissing => "secretMissing",
            Self::ReplacesSecret => "replacesSecret",
            Self::NeededByMfa => "neededByMfa",
            Self::NamesMissing => "namesMissing",
            Self::AmbiguousName => "ambiguousName",
            Self::Tier => "tier",
            Self::NoDomain => "noDomain",
            Self::NotTracked => "notTracked",
            Self::LogoNotCaptured => "logoNotCaptured",
            Self::Ended => "ended",
            Self::MadeByAws => "madeByAws",
            Self::Unknown => "unknown",
        }
    }

    /// What the operator has to allow. None for another reason.
    pub fn allow(self) -> Option<Allow> {
        match self {
            Self::NeedsAllow(allow) => Some(allow),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ApplyReason; 18] = [
        ApplyReason::CannotChange,
        ApplyReason::OtherDomain,
        ApplyReason::NeedsAllow(Allow::Tier),
        ApplyReason::NeedsAddAttributes,
        ApplyReason::NeedsRecreateClients,
        ApplyReason::NeedsDeleteExtra,
        ApplyReason::SecretMissing,
        ApplyReason::ReplacesSecret,
        ApplyReason::NeededByMfa,
        ApplyReason::NamesMissing,
        ApplyReason::AmbiguousName,
        ApplyReason::Tier,
        ApplyReason::NoDomain,
        ApplyReason::NotTracked,
        ApplyReason::LogoNotCaptured,
        ApplyReason::Ended,
        ApplyReason::MadeByAws,
        ApplyReason::Unknown,
    ];

    #[test]
    fn the_documentation_says_what_to_do_about_every_reason_of_a_roll_back() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/reasons.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, section) = page.split_once("## What a roll back leaves").unwrap();
        let names = ALL.iter().map(|reason| reason.name());
        let of_writes = ["refused", "notPutBack", "partlyReplaced", "needsRefused", "notTaken"];
        for name in names.chain(of_writes) {
            let rows = section.lines().filter(|line| line.starts_with(&format!("| `{name}` |")));
            assert_eq!(rows.count(), 1, "{name}");
        }
        assert_eq!(
            section.lines().filter(|line| line.starts_with("| `")).count(),
            ALL.len() + of_writes.len()
        );
    }
}

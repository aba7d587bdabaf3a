//! The words for what a roll back does, and for what stays different.

use shared::model::configuration::ObjectKind;
use shared::model::configuration::apply::{Action, ApplyReason};
use shared::model::configuration::difference::{Change, Difference, Values};
use shared::operations::apply::{AfterReason, LeftByApply};

use super::super::pool_diff::{both, other_elements, shown};

/// What a step does, for a reader: `change`.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::AddAttributes => "add attributes to",
        Action::Create => "create",
        Action::Change => "change",
        Action::Replace => "delete and create again",
        Action::Delete => "delete",
    }
}

/// Whether only the pool has the object, and the operator can leave it there.
pub fn is_extra(left: &LeftByApply) -> bool {
    left.difference.object.new.is_none()
        && matches!(left.reason, AfterReason::Planned(ApplyReason::NeedsDeleteExtra | ApplyReason::MadeByAws))
}

/// Whether it is the id of an object that was created again.
pub fn is_new_id(left: &LeftByApply) -> bool {
    let difference = &left.difference;
    let ids = [(ObjectKind::Client, "ClientId"), (ObjectKind::CimdPolicy, "CIMDPolicyId")];
    ids.iter().any(|(kind, member)| {
        difference.object.kind == Some(*kind) && difference.field.as_deref() == Some(*member)
    })
}

/// Whether it is the secret of a client that the roll back creates: the client gets a new one.
pub fn is_new_secret(left: &LeftByApply) -> bool {
    left.difference.object.kind == Some(ObjectKind::Client)
        && left.difference.object.old.is_none()
        && left.difference.field.as_deref() == Some("ClientSecret")
        && left.reason == AfterReason::Planned(ApplyReason::SecretMissing)
}

/// Whether it is an object that `--delete-extra` deletes.
pub fn is_deletable(left: &LeftByApply) -> bool {
    is_extra(left) && left.reason == AfterReason::Planned(ApplyReason::NeedsDeleteExtra)
}

/// What stays, and why. `noun` is a snapshot or a stored capture.
pub fn left_line(left: &LeftByApply, noun: &str) -> String {
    let object = &left.difference.object.text;
    if is_extra(left) {
        let is_client = left.difference.object.kind == Some(ObjectKind::Client);
        let why = match is_deletable(left) {
            true if is_client => "A deleted client never gets its id back".to_owned(),
            true => return format!("  {object}: stays\n"),
            false => reason(&left.reason),
        };
        return format!("  {object}: stays. {why}\n");
    }
    let field = left.difference.field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
    format!("  {object}{field}: {}\n    {}\n", held(&left.difference, noun), reason(&left.reason))
}

/// What the pool and the snapshot have. `old` is what the pool has.
fn held(found: &Difference, noun: &str) -> String {
    match (found.change, &found.values) {
        (Change::Added, Values::Shown { new: Some(new), .. }) if found.field.is_some() => {
            format!("only the {noun} has it, {}", shown(new, 0))
        }
        (Change::Removed, Values::Shown { old: Some(old), .. }) if found.field.is_some() => {
            format!("only the user pool has it, {}", shown(old, 0))
        }
        (Change::Added, _) => format!("only the {noun} has it"),
        (Change::Removed, _) => "only the user pool has it".to_owned(),
        (Change::Changed, Values::Shown { old: Some(old), new: Some(new) }) => {
            if let Some(others) = other_elements(old, new) {
                let parts = ["user pool", noun].into_iter().zip(others);
                let parts = parts.filter(|(_, elements)| !elements.is_empty());
                let parts: Vec<_> =
                    parts.map(|(side, elements)| format!("only the {side} has {elements}")).collect();
                return parts.join("; ");
            }
            let [old, new] = both(old, new);
            format!("the user pool has {old}, the {noun} has {new}")
        }
        (Change::Changed, Values::Shown { old: None, new: Some(new) }) => {
            format!("the user pool has nothing, the {noun} has {}", shown(new, 0))
        }
        (Change::Changed, Values::Shown { old: Some(old), new: None }) => {
            format!("the user pool has {}, the {noun} has nothing", shown(old, 0))
        }
        (Change::Changed, _) => format!("the user pool and the {noun} have different values"),
    }
}

/// Why a difference stays, and what changes that.
pub fn reason(reason: &AfterReason) -> String {
    let words = match reason {
        AfterReason::Refused(call) => return format!("Cognito refused it ({call})"),
        AfterReason::NotPutBack(call) => {
            return format!(
                "the command deleted it, and Cognito refused to create it again ({call}). The stored capture holds it"
            );
        }
        AfterReason::PartlyReplaced(call) => {
            return format!(
                "the command deleted it to replace it, and Cognito took only a part of it again ({call}). The stored capture \
                 holds what was there"
            );
        }
        AfterReason::NeedsRefused => "it belongs to an object that Cognito refused, or comes after it",
        AfterReason::NotTaken => "Cognito took the request, and shows another value",
        AfterReason::Planned(reason) => match reason {
            ApplyReason::NeedsAllow(allow) => return format!("needs --allow {allow}. {}", allow.words()),
            ApplyReason::CannotChange => "the command cannot change it",
            ApplyReason::OtherDomain => {
                "a user pool has at most one such domain. Delete the present one yourself, then run the command again"
            }
            ApplyReason::NeedsAddAttributes => {
                "needs --add-attributes. Cognito can never remove an attribute again"
            }
            ApplyReason::NeedsRecreateClients => "needs --recreate-clients. The client gets a new id",
            ApplyReason::NeedsDeleteExtra => "--delete-extra deletes it",
            ApplyReason::SecretMissing => "its secret is not known",
            ApplyReason::ReplacesSecret => "the request would replace or delete the secret of the client",
            ApplyReason::NeededByMfa => "the second factors of the user pool need it, and stay as they are",
            ApplyReason::NamesMissing => "it names a provider, a scope or a client that the user pool lacks",
            ApplyReason::AmbiguousName => "another object has the same name",
            ApplyReason::Tier => "the tier of the user pool, or its threat protection, does not have it",
            ApplyReason::NoDomain => "the user pool has no domain, which it needs",
            ApplyReason::NotTracked => "the user pool does not track sessions",
            ApplyReason::LogoNotCaptured => "the logo is not captured, and the request could remove it",
            ApplyReason::Ended => "AWS has ended the service",
            ApplyReason::MadeByAws => "AWS made it, or the client registered itself",
            ApplyReason::Unknown => "this version does not know it",
        },
    };
    words.to_owned()
}

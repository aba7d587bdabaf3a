//! Losses: what a restore could not restore, by name. Subs, group names, reasons and table keys; no personal data.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use shared::Result;
use shared::catalog::Catalog;
use shared::model::{
    FindingKind, LedgerPage, Note, ObjectionReason, Reason, ReasonCode, RecordKind, Restore, RunId,
    SchemaViolation, Totals,
};
use shared::ports::vault::Vault;

/// How many entries of one kind are named for one reason.
pub const MAX_NAMED: u64 = 5;
/// How many answers of the table are searched. Each has up to 1,000 ledger pages of 60 entries.
const MAX_ANSWERS: usize = 100;

/// An entry of the snapshot that the target lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// `user`, `group` or `membership`.
    pub kind: RecordKind,
    /// The `sub` in the snapshot. For a membership, the `sub` of the user. For a group, its name.
    pub key: String,
    pub reason: LossReason,
    /// More about the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Why the target lacks an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum LossReason {
    /// The ledger says so.
    Ledger(ReasonCode),
    /// A note says so: the target has the entry without a part.
    Note(Note),
    /// The verification found it.
    Verification(FindingKind),
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(code) => code.fmt(f),
            Self::Note(note) => f.write_str(&note_name(*note)),
            Self::Verification(kind) => f.write_str(kind.name()),
        }
    }
}

/// The name of a note, as reports have it.
pub fn note_name(note: Note) -> String {
    serde_json::to_value(note).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Loss {
    /// The order of losses: by kind and reason, and those that follow from other losses at the end.
    fn rank(&self) -> (RecordKind, bool, LossReason) {
        let follows = self.reason == LossReason::Ledger(ReasonCode::UserNotRestored);
        (self.kind, follows, self.reason.clone())
    }
}

/// The first losses of each kind and reason that `totals` counts, and the first users that the verification found different
/// or missing.
///
/// # Errors
/// If the ledger cannot be read.
pub async fn first_losses<V: Vault>(
    catalog: &Catalog<V>,
    restore: &Restore,
    totals: &Totals,
) -> Result<Vec<Loss>> {
    let mut losses = lost_by_the_restore(catalog, &restore.id, totals).await?;
    let (findings, _) = catalog.findings(&restore.id, restore.pass, None).await?;
    for kind in [FindingKind::Different, FindingKind::Missing] {
        let of_kind = findings.iter().filter(|finding| finding.kind == kind).take(MAX_NAMED as usize);
        losses.extend(of_kind.map(|finding| Loss {
            kind: RecordKind::User,
            key: finding.sub.to_string(),
            reason: LossReason::Verification(kind),
            detail: (!finding.fields.is_empty()).then(|| finding.fields.join(", ")),
        }));
    }
    Ok(losses)
}

async fn lost_by_the_restore<V: Vault>(
    catalog: &Catalog<V>,
    restore: &RunId,
    totals: &Totals,
) -> Result<Vec<Loss>> {
    let (mut wanted, mut wanted_notes) = (wanted(totals), wanted_notes(totals));
    let (mut losses, mut after) = (Vec::new(), None);
    for _ in 0..MAX_ANSWERS {
        if wanted.values().chain(wanted_notes.values()).all(|&left| left == 0) {
            break;
        }
        let (pages, next) = catalog.ledger(restore, after).await?;
        for (_, kind, page) in &pages {
            take(*kind, page, &mut wanted, &mut losses);
            take_noted(*kind, page, &mut wanted_notes, &mut losses);
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    losses.sort_by_key(Loss::rank);
    Ok(losses)
}

/// How many losses to name, by kind and reason.
fn wanted(totals: &Totals) -> BTreeMap<(RecordKind, ReasonCode), u64> {
    let reasons = totals.by_kind().flat_map(|(kind, tally)| {
        tally.reasons.iter().map(move |(reason, &count)| ((kind, reason.clone()), count.min(MAX_NAMED)))
    });
    reasons.filter(|((_, reason), _)| reason.is_loss()).collect()
}

/// How many users to name for each note that is a loss.
fn wanted_notes(totals: &Totals) -> BTreeMap<Note, u64> {
    totals.lossy_notes().map(|(note, count)| (note, count.min(MAX_NAMED))).collect()
}

fn take_noted(kind: RecordKind, page: &LedgerPage, wanted: &mut BTreeMap<Note, u64>, losses: &mut Vec<Loss>) {
    for entry in page.incomplete.values() {
        for note in &entry.notes {
            if let Some(left) = wanted.get_mut(note).filter(|left| **left > 0) {
                *left -= 1;
                losses.push(Loss {
                    kind,
                    key: entry.key.clone(),
                    reason: LossReason::Note(*note),
                    detail: None,
                });
            }
        }
    }
}

fn take(
    kind: RecordKind,
    page: &LedgerPage,
    wanted: &mut BTreeMap<(RecordKind, ReasonCode), u64>,
    losses: &mut Vec<Loss>,
) {
    for entry in page.exceptions.values() {
        let Some(reason) = entry.outcome.reason() else { continue };
        let code = reason.code();
        if let Some(left) = wanted.get_mut(&(kind, code.clone())).filter(|left| **left > 0) {
            *left -= 1;
            let (key, detail) = (entry.key.clone(), detail(reason));
            losses.push(Loss { kind, key, reason: LossReason::Ledger(code), detail });
        }
    }
}

fn detail(reason: &Reason) -> Option<String> {
    match reason {
        Reason::RecordMissing { key } | Reason::RecordDamaged { key } => Some(key.clone()),
        Reason::Refused { explanation, .. } => {
            explanation.map(|explanation| explanation.sentence().to_owned())
        }
        // The call that is refused for a role is no clue: the permission that is missing is another one.
        Reason::PreferredUsernameNotSet { call } => call.as_ref().map(ToString::to_string),
        _ => None,
    }
}

/// What a reason means, and what to do about it.
pub fn meaning(code: &ReasonCode) -> &'static str {
    match code {
        ReasonCode::FederatedUser => {
            "federated, without an identity to link: Cognito creates the user again at the next federated sign-in"
        }
        ReasonCode::LeftToSignIn => {
            "federated: Cognito creates the user again at the next federated sign-in, so nothing is missing"
        }
        ReasonCode::ListedTwice => "named twice in the snapshot, restored once: nothing is missing",
        ReasonCode::MemberWithoutUser => {
            "the snapshot holds no such user, because it was deleted during the export or overlooked: nothing is missing"
        }
        ReasonCode::UserNotRestored => "the member was not restored: see the users",
        ReasonCode::RecordMissing => {
            "the record is not in the table: recover the item from point-in-time recovery"
        }
        ReasonCode::RecordDamaged => "the record was altered: recover the item from point-in-time recovery",
        ReasonCode::UsernameTaken => {
            "another user of the target has the username: rename or remove that user"
        }
        ReasonCode::UsernameCollides => {
            "another user of the snapshot has a username that differs only by case, and the target ignores case: use a \
             case-sensitive target"
        }
        ReasonCode::AliasTaken => {
            "another user has the e-mail address, phone number or preferred username: an earlier user of the snapshot, or a \
             user of the target. Change that user, or use a target without this alias"
        }
        ReasonCode::AlreadyInTarget => "already in the target, and left as it is: nothing is missing",
        ReasonCode::UserKept => {
            "the member was already in the target, and stays as it is: nothing is missing"
        }
        ReasonCode::NotSelected => "not selected: nothing is missing",
        ReasonCode::NoSignInName => {
            "users of the target sign in by e-mail or phone, and the user has neither"
        }
        ReasonCode::WouldSendMessage => {
            "Cognito would send a code to the changed address, which is not verified: change it by hand"
        }
        ReasonCode::GroupDiffers => {
            "the group is in the target with other settings, and stays so; its members were added"
        }
        ReasonCode::RoleNotRestored => {
            "the group has no role: allow iam:PassRole on it, or name a role of this account with --group-roles FILE"
        }
        ReasonCode::PreferredUsernameNotSet => {
            "Cognito refuses a preferred_username until the user is confirmed: start the same import again after that"
        }
        ReasonCode::NotInvited => {
            "Cognito could not send the invitation: start the same import again, which sends it again"
        }
        ReasonCode::Unconfirmed => {
            "not confirmed in the snapshot, and left out as the input says: nothing is missing"
        }
        ReasonCode::GroupMissing => "the group was deleted from the target during the restore",
        ReasonCode::GroupNotRestored => "the group itself was not restored: see its own reason",
        ReasonCode::UserMissing => {
            "the target lost the user and its memberships: start the same import again, which restores both"
        }
        ReasonCode::Refused(_) => "Cognito refused the call: look up the code",
    }
}

/// What a note that is a loss means, and what to do about it. No pass tries such a part again. Empty for other notes.
pub fn meaning_of_note(note: Note) -> &'static str {
    match note {
        Note::ValueNotRestored => {
            "restored without a value that the target refuses: change the target or the value"
        }
        Note::MfaNotKept => {
            "codes by text message or e-mail are off: the user turns them on again after the sign-in"
        }
        Note::IdentitiesNotLinked => {
            "the restore cannot read the identities: link the user by `aws cognito-idp admin-link-provider-for-user`"
        }
        _ => "",
    }
}

/// What an objection means, and what to do about it.
pub fn meaning_of_objection(reason: &ObjectionReason) -> &'static str {
    match reason {
        ObjectionReason::Violation(SchemaViolation::RequiredAttribute(_)) => {
            "the target requires an attribute that the user lacks"
        }
        ObjectionReason::Violation(SchemaViolation::Limits(_)) => {
            "the target refuses the value: change the schema, or leave the value out with --accept-losses"
        }
        ObjectionReason::Violation(SchemaViolation::NameOfAlias(_)) => {
            "the target refuses a username in the form of its alias: use a target without this alias"
        }
        ObjectionReason::Violation(SchemaViolation::FixedAttribute(_)) => {
            "the target has the user with another value, and the attribute cannot change: keep the user with --existing skip"
        }
        ObjectionReason::Violation(SchemaViolation::UndeclaredAttribute(_)) => {
            "the target does not declare the attribute"
        }
        ObjectionReason::Violation(SchemaViolation::Provider(_)) => {
            "linked to an identity provider that the target lacks"
        }
        ObjectionReason::Reason(code) => meaning(code),
    }
}

#[cfg(test)]
mod tests {
    use shared::model::{ErrorCode, Explanation, Operation, Outcome, RefusedCall};

    use super::*;

    #[test]
    fn the_meaning_of_a_reason_says_whether_anything_is_missing() {
        let call = RefusedCall { operation: Operation::AdminCreateUser, code: ErrorCode::of("X") };
        for code in ReasonCode::NAMED.iter().chain([&ReasonCode::Refused(call)]) {
            assert_eq!(meaning(code).ends_with("nothing is missing"), !code.is_loss(), "{code}");
        }
    }

    #[test]
    fn each_note_that_is_a_loss_has_a_name_and_a_meaning() {
        for note in Note::LOSSES {
            assert!(!note_name(note).is_empty() && !meaning_of_note(note).is_empty(), "{note:?}");
        }
    }

    #[test]
    fn a_few_losses_of_each_reason_are_named_and_reasons_without_loss_are_not() {
        let mut page = LedgerPage::untouched((0..9).map(|n| format!("sub-{n}")), 1);
        for place in 0..7 {
            page.record(place, Outcome::Failed { reason: Reason::UsernameTaken }, &[]);
        }
        page.record(7, Outcome::Skipped { reason: Reason::ListedTwice }, &[]);
        page.record(
            8,
            Outcome::Failed {
                reason: Reason::Refused {
                    call: RefusedCall { operation: Operation::AdminCreateUser, code: ErrorCode::of("X") },
                    explanation: Some(Explanation::UserDisabled),
                },
            },
            &[],
        );
        let mut totals = Totals::default();
        totals.add(RecordKind::User, &page);
        let (mut wanted, mut losses) = (wanted(&totals), Vec::new());
        take(RecordKind::User, &page, &mut wanted, &mut losses);
        take(RecordKind::Membership, &page, &mut wanted, &mut losses);
        losses.sort_by_key(Loss::rank);
        let told: Vec<_> = losses.iter().map(|loss| (loss.key.as_str(), loss.reason.to_string())).collect();
        assert_eq!(told.len(), 6);
        assert_eq!(told[0], ("sub-8", "refused: AdminCreateUser X".to_owned()));
        assert_eq!(told[5], ("sub-4", "usernameTaken".to_owned()));
        assert_eq!(losses[0].detail.as_deref(), Some("The user is disabled."));
        assert!(wanted.values().all(|&left| left == 0));
    }
}

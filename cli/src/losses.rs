//! Losses: what a restore could not restore, by name. Subs, group names, reasons and table keys; no personal data.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::Result;
use shared::catalog::Catalog;
use shared::model::{FindingKind, LedgerPage, Outcome, Reason, RecordKind, Restore, RunId, Totals};
use shared::ports::vault::Vault;

/// How many entries of one kind are named for one reason.
const MAX_NAMED: u64 = 5;
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
    /// The name of the reason.
    pub reason: String,
    /// More about the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Loss {
    /// The order of losses: by kind and reason, and those that follow from other losses at the end.
    fn rank(&self) -> (RecordKind, bool, String) {
        (self.kind, self.reason == Reason::UserNotRestored.code(), self.reason.clone())
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
            reason: kind.name().to_owned(),
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
    let mut wanted = wanted(totals);
    let (mut losses, mut after) = (Vec::new(), None);
    for _ in 0..MAX_ANSWERS {
        if wanted.values().all(|&left| left == 0) {
            break;
        }
        let (pages, next) = catalog.ledger(restore, after).await?;
        for (_, kind, page) in &pages {
            take(*kind, page, &mut wanted, &mut losses);
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
fn wanted(totals: &Totals) -> BTreeMap<(RecordKind, String), u64> {
    let reasons = totals.by_kind().flat_map(|(kind, tally)| {
        tally.reasons.iter().map(move |(reason, &count)| ((kind, reason.clone()), count.min(MAX_NAMED)))
    });
    reasons.filter(|((_, reason), _)| Reason::is_loss_code(reason)).collect()
}

fn take(
    kind: RecordKind,
    page: &LedgerPage,
    wanted: &mut BTreeMap<(RecordKind, String), u64>,
    losses: &mut Vec<Loss>,
) {
    for entry in page.exceptions.values() {
        let (Outcome::Skipped { reason } | Outcome::Failed { reason }) = &entry.outcome else { continue };
        if let Some(left) = wanted.get_mut(&(kind, reason.code())).filter(|left| **left > 0) {
            *left -= 1;
            losses.push(Loss { kind, key: entry.key.clone(), reason: reason.code(), detail: detail(reason) });
        }
    }
}

fn detail(reason: &Reason) -> Option<String> {
    match reason {
        Reason::RecordMissing { key } | Reason::RecordDamaged { key } => Some(key.clone()),
        Reason::Refused { detail, .. } => Some(detail.clone()),
        _ => None,
    }
}

/// What a reason means, and what to do about it.
pub fn meaning(reason: &str) -> &'static str {
    match reason {
        "federatedUser" => "federated: Cognito creates the user again at the next federated sign-in",
        "listedTwice" => "named twice in the snapshot, restored once: nothing is missing",
        "userNotInSnapshot" => "the member was deleted while the export ran: nothing is missing",
        "userNotRestored" => "the member was not restored: see the users",
        "recordMissing" => {
            "the record is not in the table: recover the item from point-in-time recovery or the replica"
        }
        "recordDamaged" => {
            "the record was altered: recover the item from point-in-time recovery or the replica"
        }
        "usernameTaken" => "another user of the target has the username: rename or remove that user",
        "aliasTaken" => {
            "another user of the target has the e-mail address, phone number or preferred username: change that user"
        }
        "alreadyInTarget" => "already in the target, and left as it is: nothing is missing",
        "userKept" => "the member was already in the target, and stays as it is: nothing is missing",
        "notSelected" => "not selected: nothing is missing",
        "noSignInName" => "users of the target sign in by e-mail or phone, and the user has neither",
        "wouldSendMessage" => {
            "Cognito would send a code to the changed address, which is not verified: change it by hand"
        }
        "groupDiffers" => {
            "the group is in the target with other settings, and stays so; its members were added"
        }
        "groupMissing" => "the group was deleted from the target during the restore",
        "userMissing" => "the user was deleted from the target during the restore",
        rule if rule.starts_with("requiredAttributeMissing") => {
            "the target requires an attribute that the user lacks"
        }
        rule if rule.starts_with("valueNotAccepted") => "the schema of the target does not accept the value",
        rule if rule.starts_with("attributeNotDeclared") => "the target does not declare the attribute",
        provider if provider.starts_with("providerMissing") => {
            "linked to an identity provider that the target lacks"
        }
        call if call.starts_with("refused") => "Cognito refused the call: see the details",
        _ => "see the ledger in the backup table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_meaning() {
        let key = String::new;
        let all = [
            Reason::FederatedUser,
            Reason::ListedTwice,
            Reason::UserNotInSnapshot,
            Reason::UserNotRestored,
            Reason::AlreadyInTarget,
            Reason::UserKept,
            Reason::NotSelected,
            Reason::NoSignInName,
            Reason::WouldSendMessage,
            Reason::RecordMissing { key: key() },
            Reason::RecordDamaged { key: key() },
            Reason::UsernameTaken,
            Reason::AliasTaken,
            Reason::GroupDiffers,
            Reason::GroupMissing,
            Reason::UserMissing,
            Reason::Refused { call: key(), detail: key() },
        ];
        for reason in all {
            assert_ne!(meaning(&reason.code()), meaning("?"), "{}", reason.code());
            let nothing_missing = meaning(&reason.code()).ends_with("nothing is missing");
            assert_eq!(nothing_missing, !reason.is_loss(), "{}", reason.code());
            assert_eq!(Reason::is_loss_code(&reason.code()), reason.is_loss(), "{}", reason.code());
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
                reason: Reason::Refused { call: "AdminCreateUser X".into(), detail: "Why.".into() },
            },
            &[],
        );
        let mut totals = Totals::default();
        totals.add(RecordKind::User, &page);
        let (mut wanted, mut losses) = (wanted(&totals), Vec::new());
        take(RecordKind::User, &page, &mut wanted, &mut losses);
        take(RecordKind::Membership, &page, &mut wanted, &mut losses);
        losses.sort_by_key(Loss::rank);
        let told: Vec<_> = losses.iter().map(|loss| (loss.key.as_str(), loss.reason.as_str())).collect();
        assert_eq!(told.len(), 6);
        assert_eq!((told[0], told[5]), (("sub-8", "refused: AdminCreateUser X"), ("sub-4", "usernameTaken")));
        assert_eq!(losses[0].detail.as_deref(), Some("Why."));
        assert!(wanted.values().all(|&left| left == 0));
    }
}

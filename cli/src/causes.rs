//! Causes of failed runs in the words of the command line.
//!
//! Step Functions keeps one text for the message and for what to do. The functions write what to do after the
//! message, in members of an input.

use shared::Guidance;
use shared::model::{FilterList, Tps};
use shared::report::in_members;

use crate::guidance::in_flags;

/// The cause of a failed run as a message, and what to do in the words of the command line. None if the cause ends with
/// no words that the command line has others for.
pub fn from_cause(cause: &str) -> Option<(&str, String)> {
    let (mut message, mut words) = (cause, Vec::new());
    while let Some((rest, guidance)) = last_guidance(message).filter(|(rest, _)| !rest.is_empty()) {
        message = rest;
        words.insert(0, in_flags(&guidance));
    }
    (!words.is_empty()).then(|| (message, words.join(" ")))
}

/// The cause of a failed run in the words of the command line.
pub fn cause_in_flags(cause: &str) -> String {
    from_cause(cause).map_or_else(|| cause.to_owned(), |(message, words)| format!("{message} {words}"))
}

/// The guidance with which a cause ends, and the text before it. Guidance about what a function may do is not among
/// them: the operator who typed the command may do it.
fn last_guidance(cause: &str) -> Option<(&str, Guidance)> {
    let select = |member: &str| Guidance::ImportInput(Some(member.to_owned()));
    let plain = [
        Guidance::StateExisting,
        Guidance::RepairOrRestoreElsewhere,
        Guidance::AcceptLosses,
        Guidance::CreateMissingAttributes,
        Guidance::CheckSelection(FilterList::Usernames),
        Guidance::CheckSelection(FilterList::Emails),
        Guidance::CheckSelection(FilterList::Subs),
        Guidance::CheckSelection(FilterList::Groups),
        Guidance::StoreSelection,
        Guidance::UseAnotherSnapshot,
        Guidance::GiveSnapshotId,
        Guidance::SameInputAgain,
        Guidance::InviteOrNot,
        Guidance::WaitForImport,
        Guidance::MatchTable,
        Guidance::ExportInput(None),
        Guidance::ImportInput(None),
        select("select"),
        select("except"),
    ];
    let of_plain = plain.into_iter().find_map(|guidance| {
        let rest = cause.strip_suffix(&in_members(&guidance))?;
        Some((rest.trim_end(), guidance))
    });
    of_plain.or_else(|| WITH_PARAMETERS.iter().find_map(|guidance| with_parameters(cause, *guidance)))
}

/// Guidance by its parameters. Unused parameters are left out.
type OfParameters = fn([String; 3]) -> Guidance;

/// The guidance whose words hold parameters.
const WITH_PARAMETERS: [OfParameters; 8] = [
    |[restore, source, snapshot]| Guidance::ContinueRestore { restore, source, snapshot },
    |[unfinished, newest, _]| Guidance::ChooseSnapshot { unfinished, newest },
    |[arn, tag, region]| Guidance::TagPool { arn, tag, region },
    |[pool, ..]| Guidance::AcceptShrunk { pool },
    |[pool, ..]| Guidance::NameSource { pool },
    |[pool, ..]| Guidance::ListSnapshots { pool },
    |[pool, ..]| Guidance::PruneByHand { pool },
    |[categories, ..]| Guidance::LimitCategories { categories, max: Tps::MAX },
];

/// Stand for the parameters in the words of a guidance. No cause holds such characters.
const PLACEHOLDERS: [char; 3] = ['\u{1}', '\u{2}', '\u{3}'];

/// The guidance, if the cause ends with its words and any parameters, and the text before it.
fn with_parameters(cause: &str, guidance: OfParameters) -> Option<(&str, Guidance)> {
    let words = in_members(&guidance(PLACEHOLDERS.map(String::from)));
    let order = words.chars().filter_map(|c| PLACEHOLDERS.iter().position(|placeholder| *placeholder == c));
    let mut pieces = words.split(PLACEHOLDERS).rev();
    let mut rest = cause.strip_suffix(pieces.next()?)?;
    let mut parameters = [const { String::new() }; 3];
    for (parameter, piece) in order.collect::<Vec<_>>().into_iter().rev().zip(pieces) {
        let (before, found) = rest.rsplit_once(piece)?;
        rest = before;
        found.clone_into(&mut parameters[parameter]);
    }
    // Other words between two pieces are no parameter: the pieces are of something else.
    let is_parameter = |text: &String| !text.contains(['"', '.', ';']);
    parameters.iter().all(is_parameter).then(|| (rest.trim_end(), guidance(parameters)))
}

/// What to do about a run that was refused for the reason `error`. Its cause speaks of members of the input.
pub fn for_refusal(error: &str) -> String {
    let guidance = match error {
        "TargetNotEmpty" => Guidance::StateExisting,
        "UsersNotAccepted" => Guidance::AcceptLosses,
        "MissingCustomAttributes" => Guidance::CreateMissingAttributes,
        // The cause says how names are compared.
        "SelectionEmpty" => Guidance::from("The options are --user, --email, --sub, --group and --except-*."),
        "SnapshotShrunk" => Guidance::from(
            "Give --snapshot with the newest one from before the loss. If the users were deleted on purpose, give --accept-shrunk.",
        ),
        // The cause names both ids.
        "UnfinishedRestore" => Guidance::from("Give --snapshot with one of these ids."),
        _ => return String::new(),
    };
    format!("On the command line: {}", in_flags(&guidance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_in_words_of_an_input_is_told_in_words_of_the_command_line() {
        let cause = format!("The target holds users. {}", in_members(&Guidance::StateExisting));
        let (message, words) = from_cause(&cause).unwrap();
        assert_eq!((message, words), ("The target holds users.", in_flags(&Guidance::StateExisting)));
        assert_eq!(from_cause("The target holds users."), None);
        assert_eq!(from_cause(&in_members(&Guidance::StateExisting)), None, "a message remains");
    }

    #[test]
    fn a_cause_whose_guidance_has_parameters_is_told_with_them() {
        let is_of_function = |guidance: &Guidance| {
            use Guidance::{
                AtDestination, CheckPool, CheckTable, GrantCall, GrantTable, LowerLimit, TryLater,
                WaitForLease,
            };
            matches!(
                guidance,
                AtDestination(_)
                    | CheckPool
                    | CheckTable
                    | GrantCall { .. }
                    | GrantTable
                    | LowerLimit
                    | TryLater
                    | WaitForLease
            )
        };
        for guidance in Guidance::examples() {
            let in_both = in_members(&guidance) == in_flags(&guidance);
            // These are no guidance of a run, or are told by a message that names the item.
            let is_other = matches!(
                guidance,
                Guidance::GiveRetention { .. }
                    | Guidance::RecoverOrRemove { .. }
                    | Guidance::ContinueCreation { .. }
            );
            if in_both || is_of_function(&guidance) || is_other {
                continue;
            }
            let cause = format!("It was refused. {}", in_members(&guidance));
            let (message, words) = from_cause(&cause).unwrap_or_else(|| panic!("{guidance:?}"));
            assert_eq!(message, "It was refused.", "{guidance:?}");
            let of_member = matches!(guidance, Guidance::ImportInput(Some(_)));
            assert!(of_member || words == in_flags(&guidance), "{guidance:?}: {words}");
        }
    }

    #[test]
    fn each_guidance_at_the_end_of_a_cause_is_told_in_its_order() {
        let pool = "eu-west-1_AbCdEf123".to_owned();
        let guidance = Guidance::from("Restore A has restored snapshot B into it.").and(
            Guidance::ContinueRestore {
                restore: "20261121T020000123Z-1a2b3c4d".to_owned(),
                source: pool.clone(),
                snapshot: "latest".to_owned(),
            }
            .and(Guidance::StateExisting),
        );
        let cause = format!("The target holds users. {}", in_members(&guidance));
        let (message, words) = from_cause(&cause).unwrap();
        assert_eq!(message, "The target holds users. Restore A has restored snapshot B into it.");
        assert!(
            words.starts_with(
                "To continue restore 20261121T020000123Z-1a2b3c4d, start it with the same options: --pool"
            ) && words.contains("--snapshot latest. Create an empty user pool, or give --existing"),
            "{words}"
        );
        let two = Guidance::NameSource { pool: pool.clone() }.and(Guidance::ListSnapshots { pool });
        let cause = format!("Snapshot X is of another pool. {}", in_members(&two));
        assert_eq!(from_cause(&cause), Some(("Snapshot X is of another pool.", in_flags(&two))));
    }
}

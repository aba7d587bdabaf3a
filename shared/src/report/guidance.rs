//! Guidance in the words of the functions: members of an input, and environment variables.
//!
//! Step Functions shows these words as the cause of a failed execution, and a notification repeats them.

use crate::Error;
use crate::guidance::Guidance;
use crate::model::{FilterList, tag_line};

/// The input that an export needs.
const EXPORT_INPUT: &str = r#"{"userPoolId": "eu-west-1_AbCdEf123", "tps": 10}"#;
/// The input that an import needs.
const IMPORT_INPUT: &str = r#"{"sourceUserPoolId": "eu-west-1_AbCdEf123", "targetUserPoolId": "eu-west-1_GhIjKl456", "snapshot": "latest", "tps": 10}"#;
const SELECTION: &str = r#"{"usernames": ["anna"], "emails": [], "subs": [], "groups": ["admins"]}"#;

/// An error as Step Functions gets its cause: the message and the guidance.
pub fn cause(error: &Error) -> String {
    let guidance = in_members(error.guidance());
    if guidance.is_empty() { error.message().to_owned() } else { format!("{} {guidance}", error.message()) }
}

/// Guidance for a caller who writes the input of a state machine.
pub fn in_members(guidance: &Guidance) -> String {
    let words = match guidance {
        Guidance::None => "",
        Guidance::Advice(words) => words,
        Guidance::All(parts) => {
            let parts: Vec<_> = parts.iter().map(in_members).filter(|words| !words.is_empty()).collect();
            return parts.join(" ");
        }
        Guidance::AtDestination(guidance) => return in_members(guidance),
        Guidance::TryLater => "The state machine tries again.",
        Guidance::LowerLimit => {
            "The state machine tries again. If this happens often, lower the limit: all pools of the account \
             share the quota."
        }
        Guidance::CheckTable => "Set BACKUP_TABLE_NAME to the table of the deployment.",
        Guidance::MatchTable => {
            "Set \"table\" to the table of the deployment, or leave it out. Or start the state machine of the other table."
        }
        Guidance::GrantTable => {
            "Allow the function's role to read and write items of the table, and to use its KMS key."
        }
        Guidance::CheckPool => "Check the id. A pool of another account needs a deployment in that account.",
        Guidance::GrantCall { operation } => {
            return format!(
                "Allow cognito-idp:{operation} on the pool in the function's role. Check that the pool belongs to this account."
            );
        }
        Guidance::TagPool { arn, tag, region } => {
            return format!("Allow it with `{}`. Then start the import again.", tag_line(arn, tag, region));
        }
        Guidance::ListSnapshots { pool } => {
            return format!("The command line lists the snapshots of user pool {pool}.");
        }
        Guidance::GiveSnapshotId => {
            "A snapshot id looks like 20261121T020000123Z-1a2b3c4d. The command line lists the snapshots of a pool."
        }
        Guidance::UseAnotherSnapshot => {
            "Use another snapshot. `latest` is the newest sealed one, and the command line lists all."
        }
        Guidance::NameSource { pool } => {
            return format!(r#"Set "sourceUserPoolId" to "{pool}", or give another snapshot."#);
        }
        Guidance::SameInputAgain => "Start the import again with the same input: it continues.",
        Guidance::ExportInput(_) => return format!("Start an export with an input such as {EXPORT_INPUT}."),
        Guidance::ImportInput(Some(member)) if ["select", "except"].contains(&member.as_str()) => {
            return format!("{member} is an object such as {SELECTION}, with at least one of these lists.");
        }
        Guidance::ImportInput(_) => return format!("Start an import with an input such as {IMPORT_INPUT}."),
        Guidance::LimitCategories { categories, max } => {
            return format!(
                r#"Give an object such as {{"UserCreation": 40}}, with any of {categories}, each from 1 to {max}."#
            );
        }
        Guidance::GiveRetention { max } => {
            return format!(
                "Name at least one of last, days, daily, weekly and monthly, each with a number from 1 to {max}, such as \
                 days=35,monthly=12."
            );
        }
        Guidance::InviteOrNot => {
            r#"Set "passwords" to "temporary" and "sendInvitations" to true, or leave out both."#
        }
        Guidance::RepairOrRestoreElsewhere => {
            "To restore only missing users, set \"existing\" to \"skip\". To also change the other users back, set it to \
             \"update\". To restore into another pool, set \"targetUserPoolId\" to that pool."
        }
        Guidance::StateExisting => r#"Create an empty user pool, or set "existing" to "skip" or "update"."#,
        Guidance::ContinueRestore { restore, source, snapshot } => {
            return format!(
                "To continue restore {restore}, start it with the same input: \"sourceUserPoolId\": \"{source}\" and \
                 \"snapshot\": \"{snapshot}\"."
            );
        }
        Guidance::ChooseSnapshot { unfinished, newest } => {
            return format!(
                "Set \"snapshot\" to \"{unfinished}\" to continue that restore, or to \"{newest}\" to begin a new one."
            );
        }
        Guidance::CreateMissingAttributes => {
            r#"Set "createMissingAttributes" to true, or add the attributes with `aws cognito-idp add-custom-attributes`."#
        }
        Guidance::AcceptLosses => {
            r#"Change the settings of the target, or set "acceptLosses" to true. A dry run names some of the users."#
        }
        Guidance::AcceptShrunk { pool } => {
            return format!(
                "Set \"snapshot\" to the newest snapshot of user pool {pool} from before the loss: the command line lists \
                 them. If the users were deleted on purpose, set \"acceptShrunk\" to true."
            );
        }
        Guidance::CheckSelection(FilterList::Usernames) => {
            "The import compares usernames letter by letter with those in the snapshot. If users sign in by e-mail or phone, \
             their username is a UUID: select them by e-mail address or sub."
        }
        Guidance::CheckSelection(FilterList::Emails) => {
            "The import compares e-mail addresses letter by letter with those in the snapshot. Check upper and lower case."
        }
        Guidance::CheckSelection(FilterList::Subs) => {
            "The import looks for the sub that a user has in the snapshot. A restored user has another sub in its new pool: \
             the sub map has both."
        }
        Guidance::CheckSelection(FilterList::Groups) => {
            "The import compares names of groups letter by letter with those in the snapshot. A group without members selects \
             no user."
        }
        Guidance::StoreSelection => {
            r#"Store the selection again and give its new id, or give "select" and "except" instead of the id."#
        }
        Guidance::PruneByHand { pool } => {
            return format!(
                "Make a plan of the removal for user pool {pool} with the command line and the rules of SnapshotRetention. If \
                 the plan says \"users lost since\", stop: a removal by hand would remove these snapshots, too. Otherwise remove \
                 them with the command line, which has no time limit."
            );
        }
        Guidance::RecoverOrRemove { .. } => {
            "Restore the item from point-in-time recovery, or remove that snapshot with the command line."
        }
        Guidance::ContinueCreation { .. } => "Continue the creation of the user pool.",
        Guidance::WaitForImport => "Wait for the import to end.",
        Guidance::WaitForLease => {
            "A state machine tries again by itself. If another execution has the lease, wait for its end, and start again then."
        }
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The functions and the notifications have no command line.
    #[test]
    fn no_guidance_of_the_library_names_an_option_or_a_verb_of_the_command_line() {
        for guidance in Guidance::examples() {
            let words = in_members(&guidance);
            assert_eq!(words.is_empty(), guidance.is_none(), "{guidance:?}");
            // The AWS CLI has options, too.
            let own = words.split('`').filter(|words| !words.starts_with("aws ")).collect::<String>();
            assert!(!own.contains(" --") && !words.contains("cognito-backup "), "{guidance:?}: {words}");
            assert!(words.is_empty() || words.ends_with('.'), "{guidance:?}: {words}");
        }
    }

    /// Each audience sees the constants unchanged.
    #[test]
    fn advice_for_each_audience_names_no_member_of_an_input() {
        for advice in
            [Guidance::NEW_EXPORT, Guidance::RECOVER_ITEM, Guidance::NEWER_VERSION, Guidance::REPORT_THIS]
        {
            assert!(!in_members(&advice).contains('"'), "{advice:?}");
        }
    }
}

//! The answer of `copy`.

use jiff::Timestamp;
use serde::Serialize;
use shared::format::plural;
use shared::model::{PoolId, RunId, Snapshot};
use shared::operations::copy::{Copied, Tally};

use super::Report;
use super::flags::{NextCredentials, command_elsewhere};
use super::text::{ago, number, size, table};
use crate::aws::TablePlace;

/// A copy that was completed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyEnd {
    pub snapshot_id: RunId,
    /// The pool of the snapshot.
    pub source_user_pool_id: PoolId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Timestamp>,
    pub source: TablePlace,
    pub destination: TablePlace,
    /// The items that were copied or existed already, and their sizes.
    #[serde(flatten)]
    pub copied: Copied,
    /// Always true: a copy is completed when the whole snapshot was read at the destination and found as it was sealed.
    pub verified: bool,
    /// The result in words.
    pub summary: String,
    /// The credentials of the next command at the destination.
    #[serde(skip)]
    next: NextCredentials,
}

impl CopyEnd {
    /// The end of a copy of `snapshot`. `next` are the credentials of the next command at the destination.
    pub fn new(
        snapshot: &Snapshot,
        source: &TablePlace,
        destination: &TablePlace,
        copied: Copied,
        next: NextCredentials,
    ) -> Self {
        Self {
            snapshot_id: snapshot.id.clone(),
            source_user_pool_id: snapshot.pool.clone(),
            sealed_at: snapshot.seal.as_ref().map(|seal| seal.sealed_at),
            source: source.clone(),
            destination: destination.clone(),
            summary: summary(snapshot, destination, &copied),
            copied,
            verified: true,
            next,
        }
    }
}

impl Report for CopyEnd {
    fn human(&self, now: Timestamp) -> String {
        let Self { snapshot_id: snapshot, source_user_pool_id: pool, destination, copied, .. } = self;
        let sealed = self.sealed_at.map(|at| format!(" It was sealed {}.", ago(at, now))).unwrap_or_default();
        let bytes = &copied.bytes;
        format!(
            "{}{sealed}\n\n{}\n\nCopied: {}. Already there: {}.{}\n\
             Next: create an empty user pool in account {}, and restore the snapshot into it with credentials of that account. \
             MACHINE is the ARN of the import state machine that works on table {}:\n  {}",
            self.summary,
            counts(copied),
            size(bytes.copied),
            size(bytes.already_there),
            left_out(copied.secrets_left_out),
            destination.account,
            destination.table,
            command_elsewhere(
                format!(
                    "import --pool {pool} --into TARGET --snapshot {snapshot} --import-state-machine MACHINE"
                ),
                &destination.table,
                &destination.region,
                &self.next
            )
        )
    }
}

fn summary(snapshot: &Snapshot, destination: &TablePlace, copied: &Copied) -> String {
    let done = match copied.items.all().copied {
        0 => format!("was in {destination} already: nothing was written"),
        _ => format!("is copied to {destination}"),
    };
    format!(
        "Snapshot {} of user pool {} {done}. All of it is verified there: {}.",
        snapshot.id,
        snapshot.pool,
        snapshot.counts.summary()
    )
}

/// A line about secrets, with a line break before it. Empty if there are none.
fn left_out(secrets: u64) -> String {
    match secrets {
        0 => String::new(),
        count => format!(
            "\n{} of the configuration left out: give --configuration-key and --configuration-mac-key to copy secrets, too.",
            plural(count, "secret", "secrets")
        ),
    }
}

fn counts(copied: &Copied) -> String {
    let items = &copied.items;
    let row =
        |what: &str, tally: Tally| vec![what.to_owned(), number(tally.copied), number(tally.already_there)];
    let rows = [
        row("users", items.users),
        row("groups", items.groups),
        row("pool configuration", items.configuration),
        row("pages", items.pages),
        row("units", items.units),
        row("header", items.header),
    ];
    table(&["ITEMS", ">COPIED", ">ALREADY THERE"], rows)
}

#[cfg(test)]
mod tests {
    use shared::operations::copy::Items;

    use super::*;
    use crate::testing;

    fn end(is_repeated: bool) -> CopyEnd {
        let tally = |amount| {
            if is_repeated {
                Tally { copied: 0, already_there: amount }
            } else {
                Tally { copied: amount, already_there: amount / 4 }
            }
        };
        let items = Items {
            users: tally(400_000),
            groups: tally(3),
            configuration: tally(1),
            pages: tally(6_671),
            units: tally(5),
            header: tally(1),
        };
        let copied = Copied { items, bytes: tally(412_345_678), secrets_left_out: u64::from(!is_repeated) };
        CopyEnd::new(
            &testing::snapshot(1, 400_000),
            &testing::place("111111111111"),
            &testing::place("222222222222"),
            copied,
            NextCredentials::Others,
        )
    }

    #[test]
    fn a_copy_ends_with_what_to_do_in_the_other_account() {
        insta::assert_snapshot!(end(false).human(testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&end(false)).unwrap());
    }

    #[test]
    fn a_repeated_copy_says_that_nothing_was_written() {
        let text = end(true).human(testing::now());
        assert!(text.contains("(account 222222222222, eu-west-1) already: nothing was written."), "{text}");
        assert!(text.contains("Copied: 0 bytes. Already there: 412.3 MB."), "{text}");
    }
}

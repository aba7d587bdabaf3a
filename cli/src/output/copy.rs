//! What a copy of a snapshot came to: the answer of `copy`.

use jiff::Timestamp;
use serde::Serialize;
use shared::format::plural;
use shared::model::{Counts, PoolId, RunId, Snapshot};
use shared::operations::copy::{Copied, Tally};

use super::Report;
use super::text::{ago, number, size, table};
use crate::aws::TablePlace;

/// A copy that came to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyEnd {
    /// The snapshot.
    pub snapshot_id: RunId,
    /// The pool that it was taken of.
    pub source_user_pool_id: PoolId,
    /// When it was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Timestamp>,
    /// The table that it was copied from.
    pub source: TablePlace,
    /// The table that it was copied to.
    pub destination: TablePlace,
    /// The items that were copied or there already, and their sizes.
    #[serde(flatten)]
    pub copied: Copied,
    /// Whether the whole snapshot was read at the destination and found as it was sealed: a copy does not end well without.
    pub verified: bool,
    /// What it came to, in plain words.
    pub summary: String,
}

impl CopyEnd {
    /// The end of a copy of `snapshot`.
    pub fn new(snapshot: &Snapshot, source: &TablePlace, destination: &TablePlace, copied: Copied) -> Self {
        Self {
            snapshot_id: snapshot.id.clone(),
            source_user_pool_id: snapshot.pool.clone(),
            sealed_at: snapshot.seal.as_ref().map(|seal| seal.sealed_at),
            source: source.clone(),
            destination: destination.clone(),
            summary: summary(snapshot, destination, &copied),
            copied,
            verified: true,
        }
    }
}

impl Report for CopyEnd {
    fn human(&self, now: Timestamp) -> String {
        let Self { snapshot_id: snapshot, source_user_pool_id: pool, destination, copied, .. } = self;
        let sealed = self.sealed_at.map(|at| format!(" It was sealed {}.", ago(at, now))).unwrap_or_default();
        let bytes = &copied.bytes;
        format!(
            "{}{sealed}\n\n{}\n\n{} were copied, {} were there already.\n\
             Next: create an empty user pool in account {}, and restore the snapshot into it with credentials of that account:\n  \
             cognito-backup import --pool {pool} --into TARGET --snapshot {snapshot} --table {} --region {}",
            self.summary,
            counts(copied),
            size(bytes.copied),
            size(bytes.already_there),
            destination.account,
            destination.table,
            destination.region
        )
    }
}

fn summary(snapshot: &Snapshot, destination: &TablePlace, copied: &Copied) -> String {
    let Counts { users, groups, memberships, .. } = snapshot.counts;
    let done = match copied.items.all().copied {
        0 => format!("was in {destination} already: nothing was written"),
        _ => format!("is copied to {destination}"),
    };
    format!(
        "Snapshot {} of user pool {} {done}. All of it was verified there: {}, {} and {}.",
        snapshot.id,
        snapshot.pool,
        plural(users, "user", "users"),
        plural(groups, "group", "groups"),
        plural(memberships, "membership", "memberships")
    )
}

fn counts(copied: &Copied) -> String {
    let items = &copied.items;
    let row = |what: &str, tally: Tally| vec![what.to_owned(), number(tally.copied), number(tally.already_there)];
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

    fn end(was_there: bool) -> CopyEnd {
        let tally = |amount| match was_there {
            true => Tally { copied: 0, already_there: amount },
            false => Tally { copied: amount, already_there: amount / 4 },
        };
        let items = Items {
            users: tally(400_000),
            groups: tally(3),
            configuration: tally(1),
            pages: tally(6_671),
            units: tally(5),
            header: tally(1),
        };
        let copied = Copied { items, bytes: tally(412_345_678) };
        CopyEnd::new(&testing::snapshot(1, 400_000), &testing::place("111111111111"), &testing::place("222222222222"), copied)
    }

    #[test]
    fn a_copy_ends_with_what_to_do_in_the_other_account() {
        insta::assert_snapshot!(end(false).human(testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&end(false)).unwrap());
    }

    #[test]
    fn a_repeated_copy_says_that_nothing_was_written() {
        let told = end(true).human(testing::now());
        assert!(told.contains("(account 222222222222, eu-west-1) already: nothing was written."), "{told}");
        assert!(told.contains("0 bytes were copied, 412.3 MB were there already."), "{told}");
    }
}

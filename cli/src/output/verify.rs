//! What a comparison of a pool with a snapshot came to: the answer of `verify`.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use shared::format::plural;
use shared::model::{CallStats, FindingKind, PoolId, RestoreState, RunId, Snapshot};
use shared::operations::verify::{Comparison, Finding, MatchedBy, Tally};

use super::Report;
use super::runs::calls;
use super::text::{ago, number, table};
use crate::exit::ExitStatus;
use shared::model::RecordKind;

/// Whether the pool holds all that the snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Held {
    /// Everything, as the snapshot has it.
    Complete,
    /// Something is missing or different.
    Partial,
}

/// A comparison that came to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyEnd {
    /// `COMPLETE` or `PARTIAL`.
    pub status: Held,
    /// The snapshot.
    pub snapshot_id: RunId,
    /// The pool that the snapshot was taken of.
    pub source_user_pool_id: PoolId,
    /// The pool that was compared with it.
    pub user_pool_id: PoolId,
    /// When the snapshot was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Timestamp>,
    /// What was counted.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The first findings of each kind, or all of them.
    pub findings: Vec<Finding>,
    /// How many there are besides.
    pub findings_left_out: u64,
    /// The calls that it took.
    pub calls: CallStats,
    /// What it came to, in plain words.
    pub summary: String,
}

impl VerifyEnd {
    /// The end of a comparison of `pool` with `snapshot` that made `calls` and of which `left_out` findings are not told one by one.
    pub fn new(
        snapshot: &Snapshot,
        pool: &PoolId,
        comparison: Comparison,
        findings: Vec<Finding>,
        left_out: u64,
        calls: CallStats,
    ) -> Self {
        let status = if comparison.is_complete() { Held::Complete } else { Held::Partial };
        Self {
            status,
            snapshot_id: snapshot.id.clone(),
            source_user_pool_id: snapshot.pool.clone(),
            user_pool_id: pool.clone(),
            sealed_at: snapshot.seal.as_ref().map(|seal| seal.sealed_at),
            summary: summary(snapshot, pool, &comparison),
            comparison,
            findings,
            findings_left_out: left_out,
            calls,
        }
    }

    /// How the command is to end.
    pub fn exit_status(&self) -> ExitStatus {
        match self.status {
            Held::Complete => ExitStatus::Done,
            Held::Partial => ExitStatus::Partial,
        }
    }

    /// Writes the same as the answer of any other command, but piece by piece: findings may be as many as the pool has users.
    ///
    /// # Errors
    /// When `out` takes no more.
    pub fn write(&self, json: bool, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        if json {
            serde_json::to_writer(&mut out, self)?;
            out.write_all(b"\n")?;
        } else {
            writeln!(out, "{}", self.without_findings(now))?;
            for finding in &self.findings {
                let [kind, key, finding, detail] = cells(finding);
                writeln!(out, "{}", format!("{kind:<10}  {key:<36}  {finding:<9}  {detail}").trim_end())?;
            }
        }
        out.flush()
    }

    fn without_findings(&self, now: Timestamp) -> String {
        let comparison = &self.comparison;
        let sealed = self.sealed_at.map(|at| format!(" The snapshot was sealed {}.", ago(at, now)));
        let mut lines = vec![
            self.summary.clone() + sealed.as_deref().unwrap_or_default(),
            String::new(),
            counts(comparison),
            String::new(),
            matched(&comparison.matched_by),
        ];
        for (what, tally) in [("Users", &comparison.users), ("Groups", &comparison.groups)] {
            lines.extend(fields(what, tally));
        }
        let of_nobody = comparison.memberships.user_not_in_snapshot;
        if of_nobody > 0 {
            let are = if of_nobody == 1 { "is" } else { "are" };
            lines.push(format!(
                "{} of the snapshot {are} of users who were deleted while it was taken: nothing is missing.",
                plural(of_nobody, "membership", "memberships")
            ));
        }
        lines.push(calls(&self.calls));
        lines.extend(self.next());
        lines.join("\n") + if self.findings.is_empty() { "" } else { "\n" }
    }

    /// What to do about it.
    fn next(&self) -> Option<String> {
        let Self { source_user_pool_id: source, user_pool_id: pool, snapshot_id: snapshot, comparison, .. } = self;
        let missing = comparison.users.missing + comparison.groups.missing + comparison.memberships.missing;
        let (what, option) = match self.status {
            Held::Complete => return None,
            Held::Partial if missing == 0 => ("make what differs as in the snapshot", "--existing update"),
            Held::Partial => (
                "bring back what is missing and leave what is there (or, with `update` for `skip`, make that as in the snapshot, too)",
                "--existing skip",
            ),
        };
        let mut next =
            format!("Next: {what}, with:\n  cognito-backup import --pool {source} --into {pool} --snapshot {snapshot} {option}");
        if source == pool {
            next += "\nFor a pool that is backed up the deployment has to allow that: its setting RepairablePools. --plan tells beforehand what it does.";
        }
        Some(next)
    }
}

impl Report for VerifyEnd {
    fn human(&self, now: Timestamp) -> String {
        let mut text = self.without_findings(now);
        if !self.findings.is_empty() {
            let rows = self.findings.iter().map(|finding| cells(finding).into());
            text += &format!("\n{}", table(&["FIRST FINDINGS", "SUB OR NAME", "FINDING", "DETAIL"], rows));
        }
        if self.findings_left_out > 0 {
            text += &format!("\n{} more: --all lists them all.", number(self.findings_left_out));
        }
        text
    }
}

fn summary(snapshot: &Snapshot, pool: &PoolId, comparison: &Comparison) -> String {
    let whose = match snapshot.pool == *pool {
        true => "of it".to_owned(),
        false => format!("of user pool {}", snapshot.pool),
    };
    if comparison.is_complete() {
        return format!("User pool {pool} holds everything that snapshot {} {whose} holds.", snapshot.id);
    }
    let mut parts = Vec::new();
    let mut tell = |count: u64, kind: RecordKind, what: &str| {
        if count > 0 {
            parts.push(format!("{} {} {what}", number(count), kind.noun(count)));
        }
    };
    for (kind, tally) in [(RecordKind::User, &comparison.users), (RecordKind::Group, &comparison.groups)] {
        tell(tally.missing, kind, FindingKind::Missing.name());
        tell(tally.different, kind, FindingKind::Different.name());
    }
    tell(comparison.memberships.missing, RecordKind::Membership, FindingKind::Missing.name());
    format!("User pool {pool} is NOT as snapshot {} {whose}: {}.", snapshot.id, parts.join(", "))
}

fn counts(comparison: &Comparison) -> String {
    let of = |kind: RecordKind, numbers: [Option<u64>; 4]| {
        let numbers = numbers.map(|count| count.map_or_else(|| "-".to_owned(), number));
        [vec![kind.noun(0).to_owned()], numbers.into()].concat()
    };
    let tally = |kind, tally: &Tally| of(kind, [tally.same, tally.different, tally.missing, tally.extra].map(Some));
    let members = &comparison.memberships;
    let rows = [
        tally(RecordKind::User, &comparison.users),
        tally(RecordKind::Group, &comparison.groups),
        of(RecordKind::Membership, [Some(members.present), None, Some(members.missing), Some(members.extra)]),
    ];
    table(&["", ">SAME", ">DIFFERENT", ">MISSING", ">EXTRA"], rows)
}

/// How users were matched.
fn matched(by: &MatchedBy) -> String {
    let names: Vec<&str> = by.sign_in_attributes.iter().map(|name| word(name)).collect();
    let name = if names.is_empty() { "username".to_owned() } else { names.join(" or ") };
    if by.own_pool {
        let mut text = "Users were matched by sub: the snapshot was taken of this pool".to_owned();
        let others = [(by.sub_map, "by the sub maps of repairs".to_owned()), (by.name, format!("by {name}"))];
        for (count, how) in others.into_iter().filter(|(count, _)| *count > 0) {
            text += &format!("; {how}: {}", number(count));
        }
        return text + ".";
    }
    if by.restores.is_empty() {
        return format!("Users were matched by {name}: the table knows of no restore of this snapshot into this pool.");
    }
    let ids: Vec<&str> = by.restores.iter().map(|restore| restore.restore_id.as_str()).collect();
    let mut text = format!("Users were matched by the sub map of restore {} ({})", ids.join(", else of "), number(by.sub_map));
    if by.name > 0 {
        text += &format!(", the others by {name} ({})", number(by.name));
    }
    text += ".";
    if by.restores.iter().any(|restore| restore.status == RestoreState::Running) {
        text += "\nA restore has not ended: what it has not brought yet is missing.";
    }
    text
}

/// An attribute that people sign in with, as they call it.
fn word(attribute: &str) -> &str {
    match attribute {
        "email" => "e-mail address",
        "phone_number" => "phone number",
        other => other,
    }
}

/// In which fields entries differ, the most frequent first.
fn fields(what: &str, tally: &Tally) -> Option<String> {
    let mut fields: Vec<_> = tally.fields.iter().collect();
    fields.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let fields: Vec<String> = fields.iter().map(|(field, count)| format!("{field} ({})", number(**count))).collect();
    let unreadable = "; record: the record in the backup table is missing or altered";
    let unreadable = if tally.fields.contains_key("record") { unreadable } else { "" };
    (!fields.is_empty()).then(|| format!("{what} differ in: {}{unreadable}.", fields.join(", ")))
}

/// RecordKind, `sub` or name, finding and what else there is to say.
fn cells(finding: &Finding) -> [String; 4] {
    let told = finding.kind().name().to_owned();
    match finding {
        Finding::User { sub, pool_sub, fields, .. } => {
            let mut detail = fields.join(", ");
            if let Some(pool_sub) = pool_sub {
                detail += &format!(" (sub in the pool: {pool_sub})");
            }
            [RecordKind::User.noun(1).to_owned(), sub.to_string(), told, detail]
        }
        Finding::Group { group, fields, .. } => {
            [RecordKind::Group.noun(1).to_owned(), group.to_string(), told, fields.join(", ")]
        }
        Finding::Membership { group, sub, .. } => {
            [RecordKind::Membership.noun(1).to_owned(), sub.to_string(), told, format!("group {group}")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_pool_that_lacks_something_is_told_from_the_summary_to_the_first_findings() {
        let end = testing::verify_end();
        assert_eq!(end.exit_status(), ExitStatus::Partial);
        insta::assert_snapshot!(end.human(testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&end).unwrap());
    }

    #[test]
    fn a_pool_that_holds_everything_is_told_in_a_few_lines() {
        let end = testing::verify_end();
        let comparison = Comparison {
            users: Tally { same: 400_000, extra: 2, ..Tally::default() },
            matched_by: MatchedBy { own_pool: true, sub: 400_000, ..MatchedBy::default() },
            ..Comparison::default()
        };
        let end = VerifyEnd::new(&testing::snapshot(1, 400_000), &testing::pool("a"), comparison, Vec::new(), 0, end.calls);
        assert_eq!(end.exit_status(), ExitStatus::Done);
        insta::assert_snapshot!(end.human(testing::now()));
    }

    #[test]
    fn what_to_do_next_depends_on_what_was_found() {
        let next = |pool: &str, users: Tally| {
            let comparison = Comparison { users, ..Comparison::default() };
            let (snapshot, calls) = (testing::snapshot(1, 9), testing::calls());
            VerifyEnd::new(&snapshot, &testing::pool(pool), comparison, Vec::new(), 0, calls).next()
        };
        let (missing, different) = (Tally { missing: 1, ..Tally::default() }, Tally { different: 1, ..Tally::default() });
        assert!(next("b", missing.clone()).unwrap().ends_with("--existing skip"));
        assert!(next("b", different.clone()).unwrap().ends_with("--existing update"));
        for (users, option) in [(missing, "--existing skip"), (different, "--existing update")] {
            let next = next("a", users).unwrap();
            assert!(next.contains(option) && next.contains("--into eu-west-1_a ") && next.contains("RepairablePools"), "{next}");
        }
        assert_eq!(next("a", Tally { extra: 1, ..Tally::default() }), None);
    }

    #[test]
    fn every_way_of_matching_is_told() {
        let by = |sign_in: &[&str], own_pool| MatchedBy {
            sign_in_attributes: sign_in.iter().map(|&name| name.to_owned()).collect(),
            own_pool,
            ..MatchedBy::default()
        };
        assert!(matched(&by(&[], false)).starts_with("Users were matched by username:"));
        let addresses = matched(&by(&["email", "phone_number"], false));
        assert!(addresses.starts_with("Users were matched by e-mail address or phone number:"), "{addresses}");
        assert!(matched(&by(&["email"], true)).starts_with("Users were matched by sub:"));
        let repaired = MatchedBy { sub: 7, sub_map: 1_234, name: 2, ..by(&["email"], true) };
        assert!(matched(&repaired).ends_with("this pool; by the sub maps of repairs: 1,234; by e-mail address: 2."));
        let mut restored = testing::verify_end().comparison.matched_by;
        assert!(!matched(&restored).contains("not ended"));
        restored.restores[0].status = RestoreState::Running;
        assert!(matched(&restored).contains(", else of ") && matched(&restored).contains("has not ended"));
        restored.name = 0;
        assert!(!matched(&restored).contains("the others"));
    }

    #[test]
    fn all_findings_are_written_after_the_summary() {
        let end = testing::verify_end();
        let written = |json| {
            let mut out = Vec::new();
            end.write(json, testing::now(), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        insta::assert_snapshot!(written(false));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written(true)).unwrap(), serde_json::to_value(&end).unwrap());
    }
}

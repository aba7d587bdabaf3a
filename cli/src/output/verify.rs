//! The answer of `verify`: how a pool differs from a snapshot.

use std::collections::BTreeSet;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use shared::format::{form, plural};
use shared::model::{
    CallStats, Existing, FindingKind, GroupRoles, ImportOptions, Method, PoolId, RecordKind, RestoreState,
    RunId, Selection, Snapshot, Unconfirmed, UserFilter,
};
use shared::operations::verify::{ComparedRoles, Comparison, Finding, MatchedBy, Tally};

use super::Report;
use super::damage::recovery;
use super::flags::{command, sub_map_flag, to_flags};
use super::runs::calls;
use super::text::{ago, number, table};
use crate::exit::ExitStatus;

/// The most damaged users that a command leaves out by name.
const MAX_EXCEPTIONS: usize = 20;

/// Whether the pool holds everything that the snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Held {
    /// Everything, as in the snapshot.
    Complete,
    /// Something is missing or different.
    Partial,
}

/// A comparison that was completed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyEnd {
    /// `COMPLETE` or `PARTIAL`.
    pub status: Held,
    pub snapshot_id: RunId,
    pub source_user_pool_id: PoolId,
    /// The pool that was compared with the snapshot.
    pub user_pool_id: PoolId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Timestamp>,
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The first findings of each kind, or all findings.
    pub findings: Vec<Finding>,
    /// How many more findings there are.
    pub findings_left_out: u64,
    pub calls: CallStats,
    /// The result in words.
    pub summary: String,
}

impl VerifyEnd {
    /// The end of a comparison of `pool` with `snapshot`. `left_out` counts the findings that `findings` lacks.
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

    /// How the command ends.
    pub fn exit_status(&self) -> ExitStatus {
        match self.status {
            Held::Complete => ExitStatus::Done,
            Held::Partial => ExitStatus::Partial,
        }
    }

    /// Writes the answer piece by piece, because there may be as many findings as users.
    ///
    /// # Errors
    /// If `out` cannot be written.
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
        lines.extend(roles(comparison));
        let Comparison { users, memberships, .. } = comparison;
        for (count, whose) in [
            (
                memberships.member_without_user,
                "users that were deleted during the export: nothing is missing",
            ),
            (memberships.damaged, "damaged users or groups"),
        ] {
            if count > 0 {
                lines.push(format!(
                    "{} of the snapshot {} of {whose}.",
                    plural(count, "membership", "memberships"),
                    form(count, "is", "are")
                ));
            }
        }
        for (what, users, memberships) in [
            ("Left to the next federated sign-in", users.left_to_sign_in, memberships.left_to_sign_in),
            (
                "Left out by the restore, because they were not confirmed",
                users.left_out_unconfirmed,
                memberships.left_out_unconfirmed,
            ),
        ] {
            if users > 0 {
                let users = plural(users, "user", "users");
                let memberships = plural(memberships, "membership", "memberships");
                lines.push(format!("{what}: {users} and {memberships}: nothing is missing."));
            }
        }
        lines.push(calls(&self.calls));
        lines.extend(self.next());
        lines.join("\n") + if self.findings.is_empty() { "" } else { "\n" }
    }

    /// What to do about the differences.
    fn next(&self) -> Option<String> {
        let damaged = self.comparison.damaged();
        let recover = (damaged > 0).then(|| {
            let recovery = recovery(&self.source_user_pool_id, damaged, ["record", "records"]);
            format!("Next: {recovery} No import can restore what a damaged record holds.")
        });
        let steps = [recover, self.import()];
        let steps: Vec<_> = steps.into_iter().flatten().collect();
        (!steps.is_empty()).then(|| steps.join("\n"))
    }

    /// The options of the next import: those of the earlier one. With others, the import would bring back what
    /// the operator left out.
    fn options(&self, existing: Existing) -> ImportOptions {
        let Comparison { restored, users, .. } = &self.comparison;
        let mut options = restored.as_ref().map(|restore| restore.options.clone()).unwrap_or_default();
        // A repair with another snapshot may have left them out.
        if users.left_out_unconfirmed > 0 {
            options.unconfirmed = Unconfirmed::Skip;
        }
        // The few entries that are left need no import job.
        ImportOptions { existing, method: Method::Api, ..options }
    }

    /// The selection that leaves out damaged users, and what the operator must add to it by hand.
    fn exceptions(&self) -> (Selection, bool) {
        let damaged = |finding: &Finding| match finding {
            Finding::User { finding: FindingKind::Damaged, sub, .. } => Some(sub.to_string()),
            _ => None,
        };
        let subs: BTreeSet<String> = self.findings.iter().filter_map(damaged).collect();
        if self.comparison.users.damaged == 0 {
            return (Selection::default(), false);
        }
        if subs.len() as u64 != self.comparison.users.damaged || subs.len() > MAX_EXCEPTIONS {
            return (Selection::default(), true);
        }
        (
            Selection { except: Some(UserFilter { subs, ..UserFilter::default() }), ..Selection::default() },
            false,
        )
    }

    /// The import that restores what is missing or different, without damaged users. If a group is damaged,
    /// the text names no import: a selection can leave out a group only with its members.
    fn import(&self) -> Option<String> {
        let Self {
            source_user_pool_id: source, user_pool_id: pool, snapshot_id: snapshot, comparison, ..
        } = self;
        let missing = comparison.users.missing + comparison.groups.missing + comparison.memberships.missing;
        let different = comparison.users.different + comparison.groups.different;
        let is_damaged = comparison.damaged() > 0;
        let (what, existing) = match (missing, different) {
            (0, 0) => return None,
            _ if comparison.groups.damaged > 0 => {
                let next = "Then run the same `verify` again: it names the import for the other differences.";
                return Some(next.to_owned());
            }
            (0, _) if is_damaged => {
                ("make the different entries as in the snapshot, without damaged users", Existing::Update)
            }
            (0, _) => ("make the different entries as in the snapshot", Existing::Update),
            _ if is_damaged => {
                ("restore the missing entries and leave existing ones, without damaged users", Existing::Skip)
            }
            _ => (
                "restore the missing entries and leave existing ones (--existing update also changes existing ones back)",
                Existing::Skip,
            ),
        };
        let options = self.options(existing);
        let (selection, is_by_hand) = self.exceptions();
        let by_hand = if is_by_hand { " --except-sub SUB" } else { "" };
        // The import is a new restore, with a sub map of its own.
        let lifetime =
            comparison.restored.as_ref().map(|restore| restore.sub_map_lifetime).unwrap_or_default();
        let mut next = format!(
            "Next: {what}, with:\n  {}",
            command(format!(
                "import --pool {source} --into {pool} --snapshot {snapshot}{}{by_hand}{}",
                to_flags(&options, &selection),
                sub_map_flag(lifetime)
            ))
        );
        if is_by_hand {
            next += "\nGive --except-sub for each damaged user. `verify --all` names them.";
        }
        if let (GroupRoles::Map(_), Some(restore)) = (&options.group_roles, &comparison.restored) {
            next += &format!("\nFILE is the file of roles that restore {} had.", restore.id);
        }
        if source == pool {
            next += "\nThe pool needs the tag cognito-backup=repair, unless the deployment has RequirePoolTag=NO. Use --plan first to \
                     see what the import does.";
        }
        Some(next)
    }
}

/// With what the roles of groups were compared, unless it was the snapshot.
fn roles(comparison: &Comparison) -> Option<String> {
    let restore = &comparison.restored.as_ref()?.id;
    match comparison.group_roles {
        ComparedRoles::OfSnapshot => None,
        ComparedRoles::Mapped => {
            Some(format!("Group roles were compared with those that the map of restore {restore} names."))
        }
        ComparedRoles::NotCompared => {
            Some(format!("Group roles were not compared: restore {restore} was to give none."))
        }
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
            text += &format!("\n{} more: --all shows all of them.", number(self.findings_left_out));
        }
        text
    }
}

fn summary(snapshot: &Snapshot, pool: &PoolId, comparison: &Comparison) -> String {
    let of = if snapshot.pool == *pool { String::new() } else { format!(" of user pool {}", snapshot.pool) };
    if comparison.is_complete() {
        return format!("User pool {pool} holds everything that snapshot {}{of} holds.", snapshot.id);
    }
    let mut parts = Vec::new();
    let mut add = |count: u64, kind: RecordKind, what: &str| {
        if count > 0 {
            parts.push(format!("{} {} {what}", number(count), kind.noun(count)));
        }
    };
    for (kind, tally) in [(RecordKind::User, &comparison.users), (RecordKind::Group, &comparison.groups)] {
        add(tally.missing, kind, FindingKind::Missing.name());
        add(tally.different, kind, FindingKind::Different.name());
        add(tally.damaged, kind, FindingKind::Damaged.name());
    }
    add(comparison.memberships.missing, RecordKind::Membership, FindingKind::Missing.name());
    format!("User pool {pool} DIFFERS from snapshot {}{of}: {}.", snapshot.id, parts.join(", "))
}

fn counts(comparison: &Comparison) -> String {
    let of = |kind: RecordKind, numbers: [Option<u64>; 5]| {
        let numbers = numbers.map(|count| count.map_or_else(|| "-".to_owned(), number));
        [vec![kind.noun(0).to_owned()], numbers.into()].concat()
    };
    let tally = |kind, tally: &Tally| {
        let Tally { same, different, missing, damaged, extra, .. } = *tally;
        of(kind, [same, different, missing, damaged, extra].map(Some))
    };
    let members = &comparison.memberships;
    let rows = [
        tally(RecordKind::User, &comparison.users),
        tally(RecordKind::Group, &comparison.groups),
        of(
            RecordKind::Membership,
            [Some(members.present), None, Some(members.missing), Some(members.damaged), Some(members.extra)],
        ),
    ];
    table(&["", ">SAME", ">DIFFERENT", ">MISSING", ">DAMAGED", ">EXTRA"], rows)
}

/// How users were matched, in words.
fn matched(by: &MatchedBy) -> String {
    let names: Vec<&str> = by.sign_in_attributes.iter().map(|name| word(name)).collect();
    let name = if names.is_empty() { "username".to_owned() } else { names.join(" or ") };
    if by.own_pool {
        let mut text = "Users were matched by sub, because the snapshot is of this pool".to_owned();
        let others = [(by.sub_map, "by the sub maps of repairs".to_owned()), (by.name, format!("by {name}"))];
        for (count, how) in others.into_iter().filter(|(count, _)| *count > 0) {
            text += &format!("; {how}: {}", number(count));
        }
        return text + ".";
    }
    if by.restores.is_empty() {
        return format!(
            "Users were matched by {name}: the table holds no restore of this snapshot into this pool."
        );
    }
    let ids: Vec<&str> = by.restores.iter().map(|restore| restore.restore_id.as_str()).collect();
    let mut text = format!(
        "Users were matched by the sub map of restore {} ({})",
        ids.join(", then of "),
        number(by.sub_map)
    );
    if by.name > 0 {
        text += &format!(", the others by {name} ({})", number(by.name));
    }
    text += ".";
    if by.restores.iter().any(|restore| restore.status == RestoreState::Running) {
        text += "\nA restore has not ended: the rest of its users is still missing.";
    }
    text
}

/// The name of a sign-in attribute in words.
fn word(attribute: &str) -> &str {
    match attribute {
        "email" => "e-mail address",
        "phone_number" => "phone number",
        other => other,
    }
}

/// The fields in which entries differ, the most frequent first.
fn fields(what: &str, tally: &Tally) -> Option<String> {
    let mut fields: Vec<_> = tally.fields.iter().collect();
    fields.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let fields: Vec<String> =
        fields.iter().map(|(field, count)| format!("{field} ({})", number(**count))).collect();
    (!fields.is_empty()).then(|| format!("{what} differ in: {}.", fields.join(", ")))
}

/// Kind, `sub` or name, finding and detail.
fn cells(finding: &Finding) -> [String; 4] {
    let name = finding.kind().name().to_owned();
    let detail_of = |fields: &[String]| {
        if finding.kind() == FindingKind::Damaged {
            "the record in the backup table is missing or altered".to_owned()
        } else {
            fields.join(", ")
        }
    };
    match finding {
        Finding::User { sub, pool_sub, fields, .. } => {
            let mut detail = detail_of(fields);
            if let Some(pool_sub) = pool_sub {
                detail += &format!(" (sub in the pool: {pool_sub})");
            }
            [RecordKind::User.noun(1).to_owned(), sub.to_string(), name, detail]
        }
        Finding::Group { group, fields, .. } => {
            [RecordKind::Group.noun(1).to_owned(), group.to_string(), name, detail_of(fields)]
        }
        Finding::Membership { group, sub, .. } => {
            [RecordKind::Membership.noun(1).to_owned(), sub.to_string(), name, format!("group {group}")]
        }
    }
}

#[cfg(test)]
mod tests;

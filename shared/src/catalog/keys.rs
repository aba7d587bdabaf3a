//! The keys of the table. Only this module makes them and takes them apart.

use super::RebuildId;
use crate::model::{
    Digest, DigestBuilder, FindingKind, GroupName, ListingQuestion, NameKey, PoolId, RecordKind, RunId,
    RunKind, SelectionId, Snapshot, Sub, Unit, UnitId,
};
use crate::ports::vault::Key;

pub const SNAPSHOTS: &str = "SNAP#";
pub const RESTORES: &str = "RESTORE#";
/// The prefix of the partitions of stored selections.
pub const SELECTIONS: &str = "SELECTION#";
pub const UNITS: &str = "UNIT#";
pub const CHECKS: &str = "CHECK#";
pub const LEDGER: &str = "LEDGER#";
pub const SUB_MAP: &str = "SUB#";
pub const NEW_SUB: &str = "NEW#";
pub const PAGES: &str = "PAGES#";
pub const HOLDS: &str = "HOLD#";
/// The prefix of the headers of sub maps.
pub const SUB_MAPS: &str = "SUB_MAP#";
/// The prefix of the headers of stored captures.
pub const STORED_CAPTURES: &str = "STORED_CAPTURE#";
/// The sort key of the item that says which run an execution carries out.
pub const EXECUTION: &str = "EXECUTION";
const RECORDS: &str = "REC#";
const PARTS: &str = "PART#";

pub fn pool_partition(pool: &PoolId) -> String {
    format!("POOL#{pool}")
}

/// The partition of what imports write about the pool into which they restore. Imports may not write to the partition of
/// a pool, because it has the headers of snapshots. The permissions of the roles tell items apart by their partition.
pub fn target_partition(pool: &PoolId) -> String {
    format!("TARGET#{pool}")
}

pub fn snapshot_partition(id: &RunId) -> String {
    format!("SNAP#{id}")
}

pub fn restore_partition(id: &RunId) -> String {
    format!("RESTORE#{id}")
}

pub fn snapshot(pool: &PoolId, id: &RunId) -> Key {
    Key::new(pool_partition(pool), format!("{SNAPSHOTS}{id}"))
}

/// The header of a stored capture. No prefix of snapshots meets it.
pub fn stored_capture(pool: &PoolId, id: &RunId) -> Key {
    Key::new(pool_partition(pool), format!("{STORED_CAPTURES}{id}"))
}

pub fn restore(target: &PoolId, id: &RunId) -> Key {
    Key::new(target_partition(target), format!("{RESTORES}{id}"))
}

/// The header of the sub map of a restore.
pub fn sub_map_header(target: &PoolId, restore: &RunId) -> Key {
    Key::new(target_partition(target), format!("{SUB_MAPS}{restore}"))
}

/// Whether an item expires a fixed time after it was written. So does every item of a restore, but its sub map and
/// its headers, which say themselves when they expire. So do stored selections, and the item that says which run an
/// execution carries out. No other item expires.
pub fn expires_as_written(key: &Key) -> bool {
    key.sk == EXECUTION
        || key.pk.starts_with(SELECTIONS)
        || (key.pk.starts_with(RESTORES) && !is_in_sub_map(key))
}

/// Whether an item in the partition of a restore is an entry of its sub map.
pub fn is_in_sub_map(key: &Key) -> bool {
    key.sk.starts_with(SUB_MAP) || key.sk.starts_with(NEW_SUB)
}

/// A key that no item has. Every role that reads snapshots may look it up.
pub fn no_item() -> Key {
    Key::new("SNAP#", "UNIT#")
}

/// Which run an execution carries out. `run` is the id that the execution gives to a new run. Exports may not write to
/// partitions of restores, and imports not to partitions of snapshots.
pub fn execution(operation: RunKind, run: &RunId) -> Key {
    let partition = match operation {
        RunKind::Export => snapshot_partition(run),
        RunKind::Import => restore_partition(run),
    };
    Key::new(partition, EXECUTION)
}

pub fn lease(pool: &PoolId, operation: RunKind) -> Key {
    match operation {
        RunKind::Export => Key::new(pool_partition(pool), "LEASE#EXPORT"),
        RunKind::Import => Key::new(target_partition(pool), "LEASE#IMPORT"),
    }
}

/// The lease of a dry run.
pub fn dry_run_lease(run: &RunId) -> Key {
    Key::new(restore_partition(run), "LEASE")
}

/// The journal of a new pool that is created from a snapshot of this one. The name may hold any character.
pub fn rebuild(id: &RebuildId) -> Key {
    Key::new(pool_partition(&id.source), format!("REBUILD#{}", rebuild_digest(id)))
}

fn rebuild_digest(id: &RebuildId) -> Digest {
    DigestBuilder::new("name of a new pool").text(&id.region).text(&id.name).finish()
}

/// Where the journal of a new pool is.
pub fn rebuilt(pool: &PoolId) -> Key {
    Key::new(pool_partition(pool), "REBUILT")
}

/// The lease on the creation of this pool.
pub fn rebuild_lease(id: &RebuildId) -> Key {
    Key::new(pool_partition(&id.source), format!("LEASE#REBUILD#{}", rebuild_digest(id)))
}

/// The steps of a creation. `marker` tells it from others of the same name.
pub fn rebuild_steps(marker: &str) -> String {
    format!("REBUILD_STEP#{}#", DigestBuilder::new("marker of a creation").text(marker).finish())
}

/// A step of a creation. The name of its object may hold any character.
pub fn rebuild_step(source: &PoolId, marker: &str, object: &str) -> Key {
    let digest = DigestBuilder::new("object of a creation").text(object).finish();
    Key::new(pool_partition(source), format!("{}{digest}", rebuild_steps(marker)))
}

/// The checkpoint of prune.
pub fn pruning(pool: &PoolId) -> Key {
    Key::new(pool_partition(pool), "PRUNING")
}

/// What the last removal did.
pub fn retention(pool: &PoolId) -> Key {
    Key::new(pool_partition(pool), "RETENTION")
}

/// The partition of the holds on a snapshot. It is a partition of restores, because imports may not
/// write to partitions of snapshots.
pub fn holds(snapshot: &RunId) -> String {
    format!("RESTORE#HOLDS#{snapshot}")
}

pub fn hold(snapshot: &RunId, restore: &RunId) -> Key {
    Key::new(holds(snapshot), format!("{HOLDS}{restore}"))
}

pub fn unit(partition: String, unit: &UnitId) -> Key {
    Key::new(partition, format!("{UNITS}{unit}"))
}

pub fn header(of: &Snapshot) -> Key {
    snapshot(&of.pool, &of.id)
}

pub fn unit_of_snapshot(snapshot: &RunId, of: &Unit) -> Key {
    unit(snapshot_partition(snapshot), &of.id())
}

/// The checkpoint of a check of the listing of users. `attempts` counts the attempts of the units of users, so a listing
/// that is made again is checked again.
pub fn listing_check(snapshot: &RunId, question: ListingQuestion, attempts: u32) -> Key {
    Key::new(snapshot_partition(snapshot), format!("{CHECKS}{}#{attempts}", question.name()))
}

/// The prefix of all page batches of a kind: those of all attempts at all units.
pub fn every_batch(kind: RecordKind) -> String {
    format!("{PAGES}{}", kind.unit_prefix())
}

/// The prefix of all units of a kind.
pub fn units_of_kind(kind: RecordKind) -> String {
    format!("{UNITS}{}", kind.unit_prefix())
}

/// The prefix of the page batches of an attempt. Attempts and page numbers are padded, so that keys
/// sort by number.
pub fn pages(unit: &UnitId, attempt: u32) -> String {
    format!("{PAGES}{unit}#{attempt:03}#")
}

pub fn page(snapshot: &RunId, unit: &UnitId, attempt: u32, number: u64) -> Key {
    Key::new(snapshot_partition(snapshot), format!("{}{number:07}", pages(unit, attempt)))
}

/// The key of a page that no unit has, for messages.
pub fn page_beyond(snapshot: &RunId, number: u64) -> Key {
    Key::new(snapshot_partition(snapshot), format!("{PAGES}{number}"))
}

pub fn is_page_batch(key: &Key) -> bool {
    key.sk.starts_with(PAGES)
}

/// All units of a snapshot: for messages.
pub fn units_of_snapshot(snapshot: &RunId) -> Key {
    Key::new(snapshot_partition(snapshot), format!("{UNITS}…"))
}

pub fn page_number(sk: &str) -> Option<u64> {
    sk.rsplit_once('#').and_then(|(_, number)| number.parse().ok())
}

/// The unit, the attempt and the number of the first page in the sort key of a page batch.
pub fn unit_attempt_and_number(sk: &str) -> Option<(&str, u32, u64)> {
    let (rest, number) = sk.strip_prefix(PAGES)?.rsplit_once('#')?;
    let (unit, attempt) = rest.rsplit_once('#')?;
    Some((unit, attempt.parse().ok()?, number.parse().ok()?))
}

pub fn user_record(pool: &PoolId, sub: &Sub, digest: Digest) -> Key {
    Key::new(format!("USER#{pool}#{sub}"), format!("{RECORDS}{digest}"))
}

/// The record of a group. Errors, logs and reports show keys, so the key holds the digest of the name.
pub fn group_record(pool: &PoolId, group: &GroupName, digest: Digest) -> Key {
    let name = DigestBuilder::new("group name").text(group.as_str()).finish();
    Key::new(format!("CONF#{pool}"), format!("{RECORDS}group#{name}#{digest}"))
}

pub fn pool_record(pool: &PoolId, digest: Digest) -> Key {
    Key::new(format!("CONF#{pool}"), format!("{RECORDS}pool#{digest}"))
}

/// A record of a configuration. `what` is the kind of the record.
pub fn configuration_record(pool: &PoolId, what: &str, digest: Digest) -> Key {
    Key::new(format!("CONF#{pool}"), format!("{}{digest}", configuration_record_prefix(what)))
}

/// The prefix of all records of this kind of a configuration.
pub fn configuration_record_prefix(what: &str) -> String {
    format!("{RECORDS}{what}#")
}

/// The prefix of the checkpoints of a capture.
pub const CAPTURES: &str = "CAPTURE#";

/// Checkpoint `number` of the capture of the configuration, from 1.
pub fn capture(snapshot: &RunId, number: u32) -> Key {
    Key::new(snapshot_partition(snapshot), format!("{CAPTURES}{number:05}"))
}

/// The prefix of the parts of a record.
pub fn record_parts(record: &Key) -> String {
    format!("{PARTS}{}#", record.sk.strip_prefix(RECORDS).unwrap_or(&record.sk))
}

/// Part `number` of a record in parts, from 1, in the partition of the record. Padded, so that keys sort by number.
pub fn record_part(record: &Key, number: u32) -> Key {
    Key::new(record.pk.as_str(), format!("{}{number:02}", record_parts(record)))
}

pub fn ledger_page(restore: &RunId, unit: &UnitId, number: u64) -> Key {
    Key::new(restore_partition(restore), format!("{LEDGER}{unit}#{number:07}"))
}

/// When the restore may have created entries of a page.
pub fn creations(restore: &RunId, unit: &UnitId, number: u64) -> Key {
    Key::new(restore_partition(restore), format!("CREATED#{unit}#{number:07}"))
}

pub fn sub_map(restore: &RunId, sub: &Sub) -> Key {
    Key::new(restore_partition(restore), format!("{SUB_MAP}{sub}"))
}

/// An entry of the sub map by the `sub` in the target.
pub fn new_sub(restore: &RunId, sub: &Sub) -> Key {
    Key::new(restore_partition(restore), format!("{NEW_SUB}{sub}"))
}

pub fn verification(restore: &RunId, pass: u32) -> Key {
    Key::new(restore_partition(restore), format!("VERIFICATION#{pass:03}"))
}

pub fn seen_users(restore: &RunId, pass: u32, attempt: u32, chunk: u64) -> Key {
    Key::new(restore_partition(restore), format!("SEEN#{pass:03}#{attempt:03}#{chunk:05}"))
}

pub fn findings(pass: u32) -> String {
    format!("FINDING#{pass:03}#")
}

pub fn findings_of(pass: u32, kind: FindingKind) -> String {
    format!("{}{}#", findings(pass), kind.name())
}

pub fn finding(restore: &RunId, pass: u32, kind: FindingKind, sub: &Sub) -> Key {
    Key::new(restore_partition(restore), format!("{}{sub}", findings_of(pass, kind)))
}

pub fn forecast(run: &RunId) -> Key {
    Key::new(restore_partition(run), "FORECAST")
}

/// A selection in a partition of its own. The permissions of operators tell items apart by their partition.
pub fn stored_selection(id: &SelectionId) -> Key {
    Key::new(format!("{SELECTIONS}{id}"), "SELECTION")
}

pub fn selection(run: &RunId) -> Key {
    Key::new(restore_partition(run), "SELECTION")
}

pub fn selection_scan(run: &RunId) -> Key {
    Key::new(restore_partition(run), "SELECTION_SCAN")
}

/// A member of a group that the selection names, or that it excepts.
pub fn selected(run: &RunId, selected: bool, sub: &Sub) -> Key {
    let side = if selected { "select" } else { "except" };
    Key::new(restore_partition(run), format!("SELECTED#{side}#{sub}"))
}

pub fn collisions(run: &RunId) -> Key {
    Key::new(restore_partition(run), "COLLISIONS")
}

/// The prefix of the hashes of a slice.
pub fn collected_hashes(slice: u64) -> String {
    format!("NAME_HASHES#{slice:05}#")
}

/// Some hashes of a slice: those of the names on these pages.
pub fn some_collected_hashes(run: &RunId, slice: u64, first: u64, last: u64, part: u32) -> Key {
    let sk = format!("{}{first:07}#{last:07}#{part:03}", collected_hashes(slice));
    Key::new(restore_partition(run), sk)
}

/// The prefix of the hashes that several names have.
pub fn doubtful_hashes(doubts: Digest) -> String {
    format!("EQUAL_HASHES#{doubts}#")
}

/// Some hashes that several names have.
pub fn some_doubtful_hashes(run: &RunId, doubts: Digest, part: u32) -> Key {
    Key::new(restore_partition(run), format!("{}{part:03}", doubtful_hashes(doubts)))
}

/// The first user of a name that may collide.
pub fn name_claim(run: &RunId, name: Digest) -> Key {
    Key::new(restore_partition(run), format!("NAME_CLAIM#{name}"))
}

pub fn import_jobs(restore: &RunId) -> Key {
    Key::new(restore_partition(restore), "JOBS")
}

pub fn import_job(restore: &RunId, number: u32) -> Key {
    Key::new(restore_partition(restore), format!("JOB#{number:05}"))
}

pub fn target_scan(restore: &RunId) -> Key {
    Key::new(restore_partition(restore), "TARGET_SCAN")
}

/// A user of a snapshot that is restored into its own pool.
pub fn snapshot_sub(restore: &RunId, sub: &Sub) -> Key {
    Key::new(restore_partition(restore), format!("SNAPSHOT_SUB#{sub}"))
}

/// A user of the own pool, by `sub`.
pub fn target_sub(restore: &RunId, sub: &Sub) -> Key {
    Key::new(restore_partition(restore), format!("TARGET_SUB#{sub}"))
}

pub fn member_scan(restore: &RunId, unit: &UnitId) -> Key {
    Key::new(restore_partition(restore), format!("MEMBER_SCAN#{unit}"))
}

pub fn member(restore: &RunId, unit: &UnitId, sub: &Sub) -> Key {
    Key::new(restore_partition(restore), format!("MEMBER#{unit}#{sub}"))
}

/// The groups of a user of the target.
pub fn user_groups(restore: &RunId, pass: u32, sub: &Sub) -> Key {
    Key::new(restore_partition(restore), format!("USER_GROUPS#{pass}#{sub}"))
}

/// A user of the target, by sign-in name.
pub fn target_name(restore: &RunId, name: NameKey) -> Key {
    Key::new(restore_partition(restore), format!("TARGET_NAME#{}", name.0))
}

/// The users of jobs that no job has created.
pub fn job_missed(restore: &RunId, chunk: u64) -> Key {
    Key::new(restore_partition(restore), format!("JOB_MISSED#{chunk:05}"))
}

/// A user in the file of a job, by sign-in name.
pub fn job_name(restore: &RunId, name: NameKey) -> Key {
    Key::new(restore_partition(restore), format!("JOB_NAME#{}", name.0))
}

pub fn renewal(restore: &RunId) -> Key {
    Key::new(restore_partition(restore), "RENEWAL")
}

pub fn report(restore: &RunId) -> Key {
    Key::new(restore_partition(restore), "REPORT")
}

/// The kind of the entries on a ledger page, from its sort key. None if this version does not know the
/// kind.
pub fn ledger_kind(ledger_sk: &str) -> Option<RecordKind> {
    RecordKind::of_unit(ledger_sk.strip_prefix(LEDGER)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DigestBuilder, Listing};

    #[test]
    fn no_key_holds_the_name_of_a_group() {
        let (pool, group) = (PoolId::parse("eu-west-1_A").unwrap(), GroupName::new("admins"));
        let record = |group: &GroupName| group_record(&pool, group, Digest::default());
        assert!(!record(&group).to_string().contains("admins"));
        assert_ne!(record(&group), record(&GroupName::new("users")));
    }

    /// The role of an import may write to these partitions, and to no others.
    #[test]
    fn what_an_import_writes_is_in_no_partition_of_snapshots() {
        let pool = PoolId::parse("eu-west-1_A").unwrap();
        let run = RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap();
        let of_target = [restore(&pool, &run), sub_map_header(&pool, &run), lease(&pool, RunKind::Import)]
            .map(|key| key.pk);
        assert_eq!(of_target, ["TARGET#eu-west-1_A"; 3]);
        let of_restore = [hold(&run, &run), execution(RunKind::Import, &run), dry_run_lease(&run)];
        assert!(of_restore.iter().all(|key| key.pk.starts_with(RESTORES)));
        let of_snapshots =
            [snapshot(&pool, &run), stored_capture(&pool, &run), lease(&pool, RunKind::Export)];
        assert!(of_snapshots.iter().all(|key| key.pk == pool_partition(&pool)));
        let stored = stored_selection(&SelectionId::of_random(1));
        assert!(
            stored.pk.starts_with(SELECTIONS) && !stored.pk.starts_with(RESTORES),
            "only operators write it"
        );
    }

    #[test]
    fn page_keys_sort_by_number_and_name_their_unit() {
        let id = RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap();
        let unit = Listing::Users.unit_id();
        let keys: Vec<_> = [1, 2, 10, 999_999].map(|n| page(&id, &unit, 1, n).sk).into();
        assert!(keys.is_sorted());
        assert_eq!(page_number(&keys[2]), Some(10));
        assert_eq!(unit_attempt_and_number(&keys[2]), Some(("users", 1, 10)));
        assert!(keys.iter().all(|key| key.starts_with(&every_batch(RecordKind::User))));
        for listing in [Listing::Users, Listing::Groups, Listing::Members { group: GroupName::new("users") }]
        {
            let kind = listing.kind();
            assert_eq!(ledger_kind(&ledger_page(&id, &listing.unit_id(), 1).sk), Some(kind));
        }
    }

    /// What one pass or one comparison has written must not be read by another.
    #[test]
    fn prefixes_tell_passes_and_comparisons_apart() {
        let restore = RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap();
        let sub = Sub::new("11111111-2222-4333-8444-555555555555");
        let found = |pass| finding(&restore, pass, FindingKind::Missing, &sub).sk;
        assert!(found(1).starts_with(&findings(1)) && !found(2).starts_with(&findings(1)));
        let doubts = |seed: &str| DigestBuilder::new(seed).finish();
        let doubtful = some_doubtful_hashes(&restore, doubts("one"), 0).sk;
        assert!(doubtful.starts_with(&doubtful_hashes(doubts("one"))));
        assert!(!doubtful.starts_with(&doubtful_hashes(doubts("other"))));
        let collected = some_collected_hashes(&restore, 1, 1, 16, 0).sk;
        assert!(collected.starts_with(&collected_hashes(1)) && !collected.starts_with(&collected_hashes(10)));
    }
}

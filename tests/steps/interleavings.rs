//! Goal: the calls of two invocations break no invariant, in any order.
//!
//! Method: a scheduler lets in one call at a time. These tests try some schedules with at most two preemptions, some
//! random ones, and the cases that were found. `cargo xtask soak schedules` tries all, also with three preemptions.

use crate::support::interleaving::{Explored, LARGER_PAIRS, Limits, PAIRS, Pair, explore, replay, sample};

/// The most schedules of one pair that are tried here.
const SCHEDULES: u64 = 60;
/// Random schedules of each pair.
const SAMPLES: u64 = 6;

fn assert_sound(found: &Explored) {
    let violations: Vec<_> = found.violations.iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

fn pair(name: &str) -> Pair {
    *PAIRS.iter().chain(LARGER_PAIRS).find(|pair| pair.name == name).expect("the pair exists")
}

/// Plays every schedule that turns to the second actor once.
fn assert_sound_with_one_turn(name: &str) {
    for step in 0..40 {
        let schedule = format!("{step}>1").parse().unwrap();
        assert!(replay(pair(name), &schedule).map_err(|violation| panic!("{violation}")).is_ok());
    }
}

#[test]
fn schedules_with_few_preemptions_keep_the_invariants() {
    let mut all = Explored::default();
    for pair in PAIRS.iter().chain(LARGER_PAIRS) {
        let limits = Limits { schedules: SCHEDULES, deadline: None };
        let found = explore(*pair, 2, 2, limits);
        let begun = found.schedules + found.merged;
        assert!(begun >= 25 || !found.violations.is_empty(), "{pair:?}: {begun}");
        all.add(found);
    }
    assert_sound(&all);
}

#[test]
fn random_schedules_keep_the_invariants() {
    let mut all = Explored::default();
    PAIRS.iter().chain(LARGER_PAIRS).for_each(|pair| all.add(sample(*pair, 0..SAMPLES)));
    assert_sound(&all);
}

/// A late finalize took the lease again that the record of the failure had released. For 20 minutes no other
/// export could begin.
#[test]
fn a_late_finalize_does_not_take_a_released_lease_again() {
    assert_sound_with_one_turn("export finalize and the record of a failure");
    assert_sound_with_one_turn("import finalize and the record of a failure");
}

/// A removal deleted the units of the snapshot after the import had read its header. The import said that the
/// snapshot was damaged.
#[test]
fn a_snapshot_that_is_removed_between_two_reads_is_not_called_damaged() {
    assert_sound_with_one_turn("hold of an import and prune");
    assert_sound_with_one_turn("copy out of the table and prune");
}

/// The import read a header with an undecided mark. Before it read the lease, the removal decided and gave the lease
/// back. So the import took the mark for one that counts for nothing.
#[test]
fn a_removal_that_ends_between_two_reads_of_an_import_is_seen() {
    for turns in ["5>1,8>0,14>1,35>0,36>1,63>2", "5>3,6>1,14>0,20>1,36>0,37>1,64>2"] {
        let played = replay(pair("hold of an import and prune in another Region"), &turns.parse().unwrap());
        assert!(played.map_err(|violation| panic!("{violation}")).is_ok());
    }
}

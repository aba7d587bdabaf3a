//! Goal: no order of the calls of two invocations breaks an invariant.
//!
//! Method: a scheduler lets in one call at a time. These tests try all schedules with one preemption, and some
//! random ones. `cargo xtask soak schedules` tries all schedules with up to three preemptions.

use crate::support::interleaving::{Explored, PAIRS, explore, sample};

/// Random schedules of each pair.
const SAMPLES: u64 = 40;

fn assert_sound(found: &Explored) {
    let violations: Vec<_> = found.violations.iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn every_schedule_with_one_preemption_keeps_the_invariants() {
    let mut all = Explored::default();
    for pair in PAIRS {
        let found = explore(*pair, 1, 2, u64::MAX);
        assert!(found.schedules > 10 || !found.violations.is_empty(), "{pair:?}: {}", found.schedules);
        all.add(found);
    }
    assert_sound(&all);
}

#[test]
fn random_schedules_keep_the_invariants() {
    let mut all = Explored::default();
    PAIRS.iter().for_each(|pair| all.add(sample(*pair, 0..SAMPLES)));
    assert_sound(&all);
}

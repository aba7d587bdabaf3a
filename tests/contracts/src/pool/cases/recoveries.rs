//! Point-in-time recoveries.

use shared::ports::pool::PoolErrorKind;

use super::parts::{case, refused};
use crate::pool::{Call, Case, Expected, Settings};

pub(super) fn cases() -> Vec<Case> {
    let listed = |states: &[&'static str]| (Call::ListRecoveries, Expected::NamesInOrder(states.to_vec()));
    vec![
        case("a new pool has no recovery", Vec::new(), vec![listed(&[])]),
        case(
            "recoveries are listed from the latest one, also those that have ended",
            vec![Call::Recover(true)],
            vec![
                listed(&["RESTORING"]),
                (Call::Recover(false), Expected::Done),
                listed(&["RESTORE_COMPLETED"]),
                (Call::Recover(true), Expected::Done),
                listed(&["RESTORING", "RESTORE_COMPLETED"]),
            ],
        ),
        case(
            "the tier Lite has no recoveries",
            Vec::new(),
            vec![(Call::ListRecoveries, refused(PoolErrorKind::Refused))],
        )
        .in_pool(Settings { tier: Some("LITE"), ..Settings::default() }),
        case(
            "a pool that does not exist lists no recoveries",
            vec![Call::LosePool],
            vec![(Call::ListRecoveries, refused(PoolErrorKind::NotFound))],
        ),
    ]
}

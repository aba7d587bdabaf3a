//! Goal: an export knows how long Cognito takes to answer, because that decides whether it splits its listing.
//!
//! Method: calls of known lengths, in paused time.

use std::time::Duration;

use shared::model::{CallStats, Ceilings, Tps};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::pool::Pool;
use tokio::time::{Instant, sleep};

use crate::support::{backend, in_paused_time, source_id};

#[test]
fn the_first_call_counts_for_nothing_and_each_later_one_for_an_eighth() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let earlier = CallStats::none(Tps::DEFAULT);
        let pool = backend.pool(&source_id());
        let pool = PacedPool::new(pool, Tps::DEFAULT, &Ceilings::default(), backend.clock(), earlier);
        backend.script().set_latency(Duration::from_millis(100), Duration::ZERO);
        let call = async || {
            // The limiter makes no call wait.
            sleep(Duration::from_secs(1)).await;
            let began = Instant::now();
            pool.describe().await.unwrap();
            (began.elapsed(), pool.latency())
        };
        assert_eq!(pool.latency(), None);
        let (_, after) = call().await;
        assert_eq!(after, None, "the first call also opens a connection");
        let (took, mut before) = call().await;
        assert_eq!(before, Some(took));
        for _ in 0..5 {
            let (took, after) = call().await;
            assert_eq!(after, before.map(|before| (before * 7 + took) / 8));
            assert_ne!(after, before);
            before = after;
        }
    });
}

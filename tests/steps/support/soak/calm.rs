//! A calm: without faults, a new run of each kind succeeds in time.

use serde_json::json;
use tokio::time::timeout;

use super::world::{Wanted, World};
use super::{SUCCEEDS_WITHIN, checks};
use crate::copied::copy_to;
use crate::disturbance::History;
use crate::machine::{End, Machine};
use crate::pruned::{assert_no_strays, by_policy, headers, prune_by_hand, sealed};
use crate::{snapshot, source_id};

impl World {
    /// Exports, restores, prunes and copies.
    pub async fn calm(&mut self) {
        let exported = {
            let (machine, input) = (self.calm_machine(), json!({"userPoolId": source_id(), "tps": self.tps}));
            let name = self.name("calm-export");
            in_time("an export", machine.export(input, &name)).await.report()
        };
        self.put_back_lost().await;
        let newest = sealed(&self.backend).await[0].clone();
        assert_eq!(json!(newest), exported["snapshotId"]);
        let contents = snapshot::read(&self.backend, &source_id(), &newest).await;
        contents.assert_agrees_with(&History::of(&self.source));
        self.recognise(&contents);
        self.report.users_checked += contents.users.len() as u64;
        let records = contents.user_records.clone();
        self.take_lost_away();

        // The restore that is under way ends, unless its snapshot is gone.
        let is_there = |wanted: &&Wanted, ids: &[_]| ids.contains(&wanted.snapshot);
        let ids = sealed(&self.backend).await;
        if self.restore.as_ref().filter(|wanted| is_there(wanted, &ids)).is_none() {
            self.restore = Some(Wanted::new(contents, self.new_target()));
        }
        self.note_lost();
        let wanted = self.restore.as_ref().expect("it was just chosen");
        let (machine, input) = (self.calm_machine(), super::day::import_input(wanted, self.tps));
        let had_lost = !wanted.met_lost.is_empty();
        let name = self.name("calm-import");
        let end = in_time("an import", machine.import(input, &name)).await;
        assert!(
            matches!(end, End::Finished(_)) || end.error().0 == "TargetNotEmpty" || had_lost,
            "an import without faults ends: {end:?}"
        );
        checks::imported(self, Some(end)).await;
        assert!(self.restore.is_none(), "an import without faults completes its restore");

        let before = sealed(&self.backend).await;
        in_time("a removal", prune_by_hand(&self.backend, &by_policy("last=3"))).await.unwrap();
        let after = sealed(&self.backend).await;
        assert!(before.iter().take(3).all(|id| after.contains(id)), "{before:?} became {after:?}");
        assert_no_strays(&self.backend).await;
        if !self.lost.keys().any(|key| records.contains(key)) {
            in_time("a copy", copy_to(&self.backend, &self.other, &newest)).await.unwrap();
            assert!(headers(&self.other).await.iter().any(|header| header.id == newest));
        }
        self.report.calms += 1;
    }

    fn calm_machine(&self) -> Machine {
        Machine { retries_as_deployed: true, ..Machine::new(&self.backend) }
    }
}

async fn in_time<T>(what: &str, run: impl Future<Output = T>) -> T {
    let ended = timeout(SUCCEEDS_WITHIN, run).await;
    ended.unwrap_or_else(|_| panic!("{what} without faults does not end within {SUCCEEDS_WITHIN:?}"))
}

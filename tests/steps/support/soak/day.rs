//! A day of a world: runs begin at random times and overlap, and faults strike for some hours.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use proptest::sample::Index;
use serde_json::{Value, json};
use shared::Result;
use shared::model::{Retention, RunId, SnapshotSelector};
use shared::operations::copy::Copied;
use shared::operations::prune::{Ended as PruneEnded, RemovalRequest};
use shared::ports::Backend;
use shared_memory::{MemoryBackend, PageShape};
use tokio::time::{Instant, sleep, timeout};

use super::ENDS_WITHIN;
use super::checks::{self, Before};
use super::faults::FaultKind;
use super::world::{Wanted, World};
use crate::copied::copy_to;
use crate::disturbance::{Change, History};
use crate::machine::{End, Machine};
use crate::pruned::{by_policy, prune_or_die, sealed};
use crate::random::Random;
use crate::{snapshot, source_id};

/// Longer than any lease.
pub const LEASES_END: Duration = Duration::from_secs(25 * 60);
/// The snapshots that a removal in the other account keeps.
pub const LAST_ELSEWHERE: usize = 2;
/// A calm follows after so many days.
const CALM_EVERY: u64 = 6;

/// How a run of the day ended.
pub enum Ended {
    Export(Option<End>),
    /// None if the operator aborted the execution.
    Import(Option<End>),
    /// None if the process died.
    Prune(Option<Result<PruneEnded>>),
    Copy(RunId, Option<Result<Copied>>),
    /// A removal in the other account.
    Elsewhere,
    /// A change of the source, or the end of the faults.
    Other,
}

type Run<'a> = Pin<Box<dyn Future<Output = Ended> + 'a>>;

impl World {
    /// Plays a day and checks every invariant after it.
    pub async fn play_day(&mut self, day: u64) {
        let began = Instant::now();
        let mut random = self.random.branch();
        self.lose_a_record(&mut random);
        self.want_a_restore(&mut random).await;
        self.note_lost();
        let before = Before::of(self).await;
        let history = Arc::new(Mutex::new(History::of(&self.source)));
        history.lock().unwrap().newcomers = day as usize * 1_000;
        self.set_the_scene(&mut random);
        // The short ones end while runs are under way.
        let storm = Duration::from_secs(60 * *random.pick(&[1, 3, 10, 60, 240]));
        let rate = *random.pick(&[None, Some(400), Some(120), Some(40), Some(15)]);
        self.faults.set_rate(rate);
        self.is_stormy = rate.is_some();

        let (machines, ended) = self.run_all(&mut random, storm, &history, &before.here).await;
        self.report.longest_end = self.report.longest_end.max(began.elapsed().saturating_sub(storm));
        for machine in &machines {
            timeout(ENDS_WITHIN, self.account(machine)).await.expect("every second invocation ends");
        }
        let script = self.backend.script();
        script.set_latency(Duration::ZERO, Duration::ZERO);
        let history = Arc::into_inner(history).expect("all runs have ended").into_inner().unwrap();
        checks::after_the_day(self, &before, &history, ended).await;
        if day.is_multiple_of(CALM_EVERY) {
            sleep(LEASES_END).await;
            self.calm().await;
        }
        self.report.schedules = day;
        // DynamoDB deletes items at any time after they have expired.
        for backend in [&self.backend, &self.other] {
            backend.vault().sweep(|_| random.one_in(2));
        }
        let next_day = Duration::from_secs(24 * 3600);
        sleep(next_day.saturating_sub(began.elapsed()).max(LEASES_END)).await;
    }

    fn lose_a_record(&mut self, random: &mut Random) {
        if self.lost.len() < 2 && random.one_in(12) {
            let items = self.backend.vault().items();
            let records: Vec<_> = items.into_iter().filter(|(key, _)| key.pk.starts_with("USER#")).collect();
            if !records.is_empty() {
                let (key, item) = random.pick(&records).clone();
                self.backend.vault().remove(&key);
                self.lost.insert(key, item);
                self.faults.count(FaultKind::LostRecord, 1);
            }
        }
    }

    /// Chooses the snapshot and the target of the next restore.
    async fn want_a_restore(&mut self, random: &mut Random) {
        if self.restore.is_some() {
            return;
        }
        let ids = sealed(&self.backend).await;
        if ids.is_empty() {
            return;
        }
        let snapshot = random.pick(&ids).clone();
        self.put_back_lost().await;
        let contents = snapshot::read(&self.backend, &source_id(), &snapshot).await;
        self.take_lost_away();
        // A user that changed during the listing can have two states.
        let is_clear = |records: &Vec<_>| records.iter().all(|record| *record == records[0]);
        if !contents.users.values().all(is_clear) {
            return;
        }
        self.restore = Some(Wanted::new(contents, self.new_target()));
    }

    fn set_the_scene(&self, random: &mut Random) {
        let millis = |random: &mut Random, choices: &[u64]| Duration::from_millis(*random.pick(choices));
        let latency = millis(random, &[0, 5, 30, 200]);
        self.backend.script().set_latency(latency, latency / 5);
        let shape = PageShape {
            sizes: (0..random.between(1, 4)).map(|_| random.below(8) as usize).collect(),
            repeat: random.one_in(3),
            dangling: random.one_in(2),
            echo: random.one_in(3),
            ..PageShape::default()
        };
        self.source.set_shape(shape.clone());
        if let Some(wanted) = &self.restore {
            wanted.target.set_shape(PageShape { echo: false, ..shape });
        }
    }

    /// Begins runs at random times of the storm, and waits until all have ended. Returns their machines
    /// and ends.
    async fn run_all(
        &mut self,
        random: &mut Random,
        storm: Duration,
        history: &Arc<Mutex<History>>,
        before: &[RunId],
    ) -> (Vec<Machine>, Vec<Ended>) {
        let minutes = storm.as_secs() / 60;
        let start = |random: &mut Random| Duration::from_millis(random.below(minutes * 60_000 * 2 / 3));
        // Half of the days begin all runs within a minute.
        let is_close = random.one_in(2);
        let start = |random: &mut Random| if is_close { start(random) / 60 } else { start(random) };
        self.removals.clear();
        let with_retention = self.retention(random);
        self.removals.extend(
            with_retention
                .retention()
                .map(|retention| RemovalRequest::ByPolicy { retention: retention.clone(), automatic: true }),
        );
        let mut machines = Vec::new();
        let mut runs: Vec<Run<'_>> = Vec::new();
        for _ in 0..random.between(1, 2) {
            let mut machine = self.machine(&with_retention, random);
            let input = json!({"userPoolId": source_id(), "tps": self.tps});
            let (name, at, abort) = (self.name("export"), start(random), self.aborts(random));
            machine.may_be_aborted = abort.is_some();
            machines.push(machine.clone());
            runs.push(Box::pin(async move {
                sleep(at).await;
                Ended::Export(within(abort, machine.export(input, &name)).await)
            }));
        }
        if let Some(wanted) = &self.restore {
            let input = import_input(wanted, self.tps);
            let mut machine = self.machine(&self.backend, random);
            let (name, at, abort) = (self.name("import"), start(random), self.aborts(random));
            machine.may_be_aborted = abort.is_some();
            machines.push(machine.clone());
            runs.push(Box::pin(async move {
                sleep(at).await;
                Ended::Import(within(abort, machine.import(input, &name)).await)
            }));
        }
        if random.one_in(2) {
            let (wanted, at, backend) = (removal(random, before), start(random), self.backend.clone());
            self.removals.push(wanted.clone());
            runs.push(Box::pin(async move {
                sleep(at).await;
                Ended::Prune(prune_or_die(&backend, &wanted).await)
            }));
        }
        if random.one_in(3) && !before.is_empty() {
            let (id, at) = (random.pick(before).clone(), start(random));
            let (from, to) = (self.backend.clone(), self.other.clone());
            runs.push(Box::pin(async move {
                sleep(at).await;
                let copied = copy_or_die(&from, &to, &id).await;
                Ended::Copy(id, copied)
            }));
        }
        if random.one_in(4) {
            let (at, other) = (start(random), self.other.clone());
            runs.push(Box::pin(async move {
                sleep(at).await;
                let _ = prune_or_die(&other, &by_policy(&format!("last={LAST_ELSEWHERE}"))).await;
                Ended::Elsewhere
            }));
        }
        for _ in 0..random.below(10) {
            let (at, change) = (start(random), change(random));
            let (history, source) = (Arc::clone(history), self.source.clone());
            runs.push(Box::pin(async move {
                sleep(at).await;
                history.lock().unwrap().change(&source, &change);
                Ended::Other
            }));
        }
        let faults = self.faults.clone();
        runs.push(Box::pin(async move {
            sleep(storm).await;
            faults.set_rate(None);
            Ended::Other
        }));
        let ended = timeout(storm + ENDS_WITHIN, join_all(runs)).await;
        let ended = ended
            .unwrap_or_else(|_| panic!("a run does not end within {ENDS_WITHIN:?} after the last fault"));
        (machines, ended)
    }

    /// The backend of the exports of a day.
    fn retention(&self, random: &mut Random) -> MemoryBackend {
        let retention = random.one_in(3).then(|| format!("last={}", random.between(1, 5)));
        let retention = retention.map(|rules| Retention::parse(&rules).unwrap());
        self.backend.clone().with_retention(retention)
    }

    /// After which time the operator aborts an execution.
    fn aborts(&self, random: &mut Random) -> Option<Aborts> {
        let faults = self.faults.clone();
        random.one_in(6).then(|| Aborts { after: Duration::from_millis(random.below(60_000)), faults })
    }
}

struct Aborts {
    after: Duration,
    faults: super::faults::Faults,
}

/// The end of an execution. None if the operator aborts it: its invocation runs on.
async fn within(abort: Option<Aborts>, run: impl Future<Output = End>) -> Option<End> {
    let Some(Aborts { after, faults }) = abort else { return Some(run.await) };
    let ended = timeout(after, run).await.ok();
    if ended.is_none() {
        faults.count(FaultKind::Aborted, 1);
    }
    ended
}

/// The input of a restore. It stays the same, so that each import continues the one before.
pub fn import_input(wanted: &Wanted, tps: u32) -> Value {
    json!({
        "sourceUserPoolId": source_id(),
        "targetUserPoolId": wanted.target_id,
        "snapshot": SnapshotSelector::Id(wanted.snapshot.clone()).to_string(),
        "tps": tps,
        // The users were deleted on purpose.
        "acceptShrunk": true,
    })
}

fn removal(random: &mut Random, ids: &[RunId]) -> RemovalRequest {
    if random.one_in(4) && !ids.is_empty() {
        return RemovalRequest::Named([random.pick(ids).clone()].into());
    }
    by_policy(&format!("last={}", random.between(1, 6)))
}

/// None if the process dies.
async fn copy_or_die(from: &MemoryBackend, to: &MemoryBackend, id: &RunId) -> Option<Result<Copied>> {
    let (from, to) = (from.invocation(), to.invocation());
    tokio::select! {
        biased;
        copied = copy_to(&from, &to, id) => Some(copied),
        () = from.death() => None,
        () = to.death() => None,
    }
}

/// A change that the operator or a user makes.
fn change(random: &mut Random) -> Change {
    let index = |random: &mut Random| index_of(random.number());
    match random.below(16) {
        0..=4 => Change::Rename(index(random), random.below(50) as u16),
        5 => Change::Disable(index(random)),
        6 => Change::Delete(index(random)),
        7..=8 => Change::SignUp,
        9..=10 => Change::Join(index(random), index(random)),
        11 => Change::Leave(index(random), index(random)),
        12 => Change::AddGroup,
        13..=14 => Change::DescribeGroup(index(random), random.below(50) as u16),
        _ => Change::DeleteGroup(index(random)),
    }
}

/// An index whose place a number decides.
fn index_of(number: u64) -> Index {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    proptest::arbitrary::any::<Index>().new_tree(&mut runner).unwrap().current()
}

//! A world: a source, targets, the table, the table of another account, and what the operator knows.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use serde_dynamo::Item;
use shared::model::{Counts, PoolDescription, PoolId, RunId, Seal, Snapshot, Sub};
use shared::operations::prune::RemovalRequest;
use shared::ports::Backend;
use shared::ports::vault::Key;
use shared_memory::{MemoryBackend, MemoryPool};

use super::faults::{FaultKind, Faults};
use super::report::Report;
use crate::copied::other_account;
use crate::machine::{Invocation, Jumps, Machine};
use crate::people::Population;
use crate::pruned::named;
use crate::random::Random;
use crate::snapshot::Contents;
use crate::{backend, people};

/// The longest error of a clock. A restore tells its own users from others if the clocks of Lambda and Cognito
/// differ by five seconds at most.
const MAX_CLOCK_ERROR: SignedDuration = SignedDuration::from_secs(4);

pub struct World {
    pub random: Random,
    pub backend: MemoryBackend,
    pub source: MemoryPool,
    /// The table of another account, which copies go to.
    pub other: MemoryBackend,
    pub faults: Faults,
    /// The limit of every run.
    pub tps: u32,
    /// Records that the table has lost, and that no export has written again.
    pub lost: BTreeMap<Key, Item>,
    /// Whether faults strike calls on this day.
    pub is_stormy: bool,
    /// The restore that the operator wants.
    pub restore: Option<Wanted>,
    pub executions: u64,
    /// Each sealed snapshot, as it was when it was first seen.
    pub seen: BTreeMap<RunId, (Seal, Counts)>,
    /// What the runs of the day may remove.
    pub removals: Vec<RemovalRequest>,
    targets: u32,
    pub report: Report,
}

/// A restore that the operator starts again until it ends.
pub struct Wanted {
    pub snapshot: RunId,
    pub contents: Contents,
    pub target: MemoryPool,
    pub target_id: PoolId,
    /// The users whose records the table lacked before a day or a calm in which an import of it ran.
    pub met_lost: HashSet<Sub>,
}

impl Wanted {
    pub fn new(contents: Contents, (target_id, target): (PoolId, MemoryPool)) -> Self {
        Self { snapshot: contents.snapshot.id.clone(), contents, target, target_id, met_lost: HashSet::new() }
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (backend, source, _) = backend();
        let (other, _) = other_account();
        let faults = Faults::new(random.branch());
        [&backend, &other].into_iter().for_each(|backend| faults.strike(backend));
        population(&mut random).fill(&source);
        let tps = *random.pick(&[3, 10, 50]);
        Self {
            random,
            backend,
            source,
            other,
            faults,
            tps,
            lost: BTreeMap::new(),
            is_stormy: false,
            restore: None,
            executions: 0,
            seen: BTreeMap::new(),
            removals: Vec::new(),
            targets: 0,
            report: Report::default(),
        }
    }

    /// Checks that a sealed snapshot, or its copy, is as it was when it was first seen.
    pub fn recognise(&mut self, contents: &Contents) {
        let Snapshot { id, seal, counts, .. } = &contents.snapshot;
        let now = (seal.clone().expect("a sealed snapshot has a seal"), *counts);
        let first = self.seen.entry(id.clone()).or_insert_with(|| now.clone());
        assert_eq!(*first, now, "the sealed snapshot {id} changed");
    }

    /// A name that no other execution has.
    pub fn name(&mut self, operation: &str) -> String {
        self.executions += 1;
        format!("{operation}-{}", self.executions)
    }

    /// A new empty pool with the settings of the source.
    pub fn new_target(&mut self) -> (PoolId, MemoryPool) {
        self.targets += 1;
        let id = PoolId::parse(&format!("eu-west-1_Target{:03}", self.targets)).unwrap();
        let description = PoolDescription::with_defaults(&["note", "shoe_size"]);
        let target = self.backend.create_pool(&id, description);
        target.add_provider(people::PROVIDER);
        (id, target)
    }

    /// A machine that tries again as deployed, with the faults that the machine itself makes.
    pub fn machine(&self, backend: &MemoryBackend, random: &mut Random) -> Machine {
        let mut machine = Machine::new(backend);
        machine.retries_as_deployed = true;
        machine.stop_at_death = random.one_in(4);
        machine.budget = Duration::from_secs(*random.pick(&[5, 20, 120, 900]));
        if random.one_in(3) {
            let tasks = random.between(1, 6);
            machine.twins = (0..tasks).map(|_| Duration::from_millis(random.below(20_000))).collect();
        }
        if random.one_in(3) {
            machine.jumps = Some(Jumps {
                random: Arc::new(Mutex::new(random.branch())),
                one_in: 3,
                max: MAX_CLOCK_ERROR,
                count: Arc::new(AtomicUsize::new(0)),
            });
        }
        machine
    }

    /// Waits for the invocations of a machine that still run, and counts what it did.
    pub async fn account(&mut self, machine: &Machine) {
        machine.join_twins().await;
        let twins = machine.overlapping_twins.load(std::sync::atomic::Ordering::Relaxed);
        self.faults.count(FaultKind::Duplicated, twins as u64);
        let timed_out = |ended: &&Invocation| **ended == Invocation::TimedOut;
        let timed_out = machine.invocations().iter().filter(timed_out).count() as u64;
        self.faults.count(FaultKind::TimedOut, timed_out);
        let jumps = machine.jumps.as_ref();
        let jumped = jumps.map_or(0, |jumps| jumps.count.load(std::sync::atomic::Ordering::Relaxed));
        self.faults.count(FaultKind::ClockJump, jumped as u64);
        self.report.died.extend(machine.died.lock().unwrap().iter().cloned());
    }

    /// Tells what the world has seen so far.
    pub fn tell(&self, report: &mut Report) {
        *report = Report {
            worlds: 1,
            struck: self.faults.struck(),
            digest: self.faults.digest(),
            ..self.report.clone()
        };
    }

    /// Notes which users of the wanted restore have lost records.
    pub fn note_lost(&mut self) {
        if let Some(wanted) = &mut self.restore {
            let lost = self.lost.keys().filter(|key| wanted.contents.user_records.contains(key));
            wanted.met_lost.extend(lost.map(|key| Sub::new(key.pk.rsplit('#').next().unwrap())));
        }
    }

    /// Puts lost records back for a check. A record that the table has again is not lost, and one that no page
    /// names is missed by no run.
    pub async fn put_back_lost(&mut self) {
        let there = self.backend.vault().items();
        let named = named(&self.backend).await;
        self.lost.retain(|key, _| !there.contains_key(key) && named.contains(key));
        for (key, item) in &self.lost {
            self.backend.vault().put_by_hand(key, item.clone());
        }
    }

    /// Takes the lost records away again.
    pub fn take_lost_away(&self) {
        self.lost.keys().for_each(|key| drop(self.backend.vault().remove(key)));
    }
}

fn population(random: &mut Random) -> Population {
    let mut population = people::plain(random.between(4, 30) as usize, random.between(0, 4) as usize);
    for person in &mut population.people {
        person.name = random.below(256) as u8;
        person.attributes = random.below(256) as u8;
        person.groups = random.below(256) as u8;
        person.status = random.below(4) as u8;
        person.enabled = !random.one_in(5);
    }
    population
}

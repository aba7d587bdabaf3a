//! What a capture has found: objects that are kept, and what is missing.

use std::collections::{BTreeMap, HashSet};

use super::{Capturing, Keeper};
use crate::Result;
use crate::catalog::is_too_large;
use crate::model::configuration::{
    Capture, CaptureCheckpoint, CapturedEntry, CapturedList, CapturedObject, NotCaptured, NotCapturedReason,
    ObjectKind, ObjectName, Uncaptured,
};
use crate::ports::pool::Pool;

/// Objects are kept in groups of so many.
const KEPT_AT_ONCE: usize = 25;
/// The most entries of a checkpoint. An entry of the largest branding has 2 KB, others have 150 bytes.
const ENTRIES_A_CHECKPOINT: usize = 150;

/// What a capture has found.
#[derive(Debug, Default)]
pub(in crate::operations) struct Found {
    /// Objects that are kept.
    entries: Vec<CapturedEntry>,
    /// Objects that are not kept yet.
    waiting: Vec<(CapturedEntry, CapturedObject)>,
    not_captured: BTreeMap<(Uncaptured, Option<String>), NotCaptured>,
    absent: Vec<ObjectName>,
    /// What earlier invocations have found, so that it is not read again.
    done: HashSet<ObjectName>,
    /// The checkpoints of earlier invocations, and how many entries and absent objects these have.
    pub checkpoints: u32,
    kept: (usize, usize),
}

impl Found {
    /// Continues after the checkpoints of earlier invocations.
    pub fn resuming(checkpoints: Vec<CaptureCheckpoint>) -> Self {
        let mut found = Self { checkpoints: checkpoints.len() as u32, ..Self::default() };
        for checkpoint in checkpoints {
            found.entries.extend(checkpoint.entries);
            found.absent.extend(checkpoint.absent);
            checkpoint.not_captured.into_iter().for_each(|lacking| found.lacks(lacking));
        }
        found.kept = (found.entries.len(), found.absent.len());
        found.done = found.entries.iter().map(|entry| entry.name.clone()).collect();
        found.done.extend(found.absent.iter().cloned());
        for (object, member) in found.not_captured.keys() {
            if let (Uncaptured::One(name), None) = (object, member) {
                found.done.insert(name.clone());
            }
        }
        found
    }

    /// Notes what is missing. The first reason counts.
    pub fn lacks(&mut self, lacking: NotCaptured) {
        let key = (lacking.object.clone(), lacking.member.clone());
        self.not_captured.entry(key).or_insert(lacking);
    }

    /// What the next invocation need not read, in checkpoints.
    pub fn to_checkpoints(&self) -> Vec<CaptureCheckpoint> {
        let (entries, absent) = (&self.entries[self.kept.0..], &self.absent[self.kept.1..]);
        let mut checkpoints: Vec<CaptureCheckpoint> = entries
            .chunks(ENTRIES_A_CHECKPOINT)
            .map(|entries| CaptureCheckpoint { entries: entries.to_vec(), ..CaptureCheckpoint::default() })
            .collect();
        checkpoints.extend(
            absent
                .chunks(10 * ENTRIES_A_CHECKPOINT)
                .map(|absent| CaptureCheckpoint { absent: absent.to_vec(), ..CaptureCheckpoint::default() }),
        );
        // A member that is missing belongs to an object that is captured. The secrets of a client that is captured are
        // not looked for again. All other operations that were given up are.
        let of_objects = self.not_captured.values().filter(|lacking| match &lacking.object {
            Uncaptured::One(name) => !name.kind.is_single() || lacking.member.is_some(),
            Uncaptured::All(kind) => *kind == ObjectKind::ClientSecrets,
        });
        let not_captured: Vec<_> = of_objects.cloned().collect();
        checkpoints.extend(
            not_captured.chunks(5 * ENTRIES_A_CHECKPOINT).map(|some| CaptureCheckpoint {
                not_captured: some.to_vec(),
                ..CaptureCheckpoint::default()
            }),
        );
        checkpoints
    }

    pub fn into_list(self) -> CapturedList {
        CapturedList::new(self.entries, self.not_captured.into_values().collect())
    }
}

impl<P: Pool, K: Keeper> Capturing<'_, P, K> {
    /// Whether an earlier invocation has read the object, or knows why it cannot be read.
    pub(super) async fn has(&self, name: &ObjectName) -> bool {
        self.found.lock().await.done.contains(name)
    }

    pub(super) async fn lacks(&self, lacking: NotCaptured) {
        self.found.lock().await.lacks(lacking);
    }

    /// Notes that the pool does not have the object.
    pub(super) async fn is_absent(&self, name: ObjectName) {
        self.found.lock().await.absent.push(name);
    }

    /// Takes an object. Its assets are kept at once, one after the other, because they can be large.
    ///
    /// This is the place that leaves secrets out: what is withheld is counted and dropped.
    pub(super) async fn take(&self, capture: Capture) -> Result<()> {
        let Capture { object, assets, withheld } = capture;
        let mut is_too_large_to_store = is_too_large(&object)?;
        let mut stored = Vec::with_capacity(assets.len());
        for asset in assets {
            is_too_large_to_store |= is_too_large(&asset)?;
            if is_too_large_to_store {
                break;
            }
            stored.push(asset.digest());
            self.keeper.keep_asset(asset).await?;
        }
        if is_too_large_to_store {
            self.lacks(NotCaptured::new(Uncaptured::One(object.name), NotCapturedReason::TooLarge)).await;
            return Ok(());
        }
        let entry = CapturedEntry {
            name: object.name.clone(),
            digest: object.digest(),
            assets: stored,
            secrets_left_out: withheld.len() as u64,
        };
        let is_full = {
            let mut found = self.found.lock().await;
            found.waiting.push((entry, object));
            found.waiting.len() >= KEPT_AT_ONCE
        };
        if is_full { self.flush().await } else { Ok(()) }
    }

    /// Keeps the objects that wait.
    pub(in crate::operations) async fn flush(&self) -> Result<()> {
        let waiting = std::mem::take(&mut self.found.lock().await.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let (entries, objects): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        self.keeper.keep_objects(objects).await?;
        self.found.lock().await.entries.extend(entries);
        Ok(())
    }
}

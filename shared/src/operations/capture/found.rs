//! What a capture has found: objects that are kept, and what is missing.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use super::pool::ALL;
use super::reading::GivenUp;
use super::{Capturing, Keeper, KeptSecret};
use crate::Result;
use crate::catalog::is_too_large;
use crate::model::configuration::{
    Capture, CaptureCheckpoint, CapturedEntry, CapturedList, CapturedObject, NotCaptured, NotCapturedReason,
    ObjectKind, ObjectName, Uncaptured, Withheld,
};
use crate::ports::pool::Pool;

/// How many objects are kept at once.
const KEPT_AT_ONCE: usize = 25;
/// The most entries of a checkpoint. An entry of the largest branding has 2 KB, others have 150 bytes.
const ENTRIES_A_CHECKPOINT: usize = 150;
/// The most secrets of the entries of a checkpoint, if it has several entries. Each has 300 bytes, and longer names.
const SECRETS_A_CHECKPOINT: usize = 300;
/// How many invocations of one capture may end without progress. With the waits and the attempts at each
/// call, Cognito has three minutes to answer.
const MAX_IN_VAIN: u32 = 5;
/// The wait after the first of them. It doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const MAX_WAIT: Duration = Duration::from_secs(60);

/// What a capture has found.
#[derive(Debug, Default)]
pub(in crate::operations) struct Found {
    /// Objects that are kept.
    entries: Vec<CapturedEntry>,
    /// Objects that are not kept yet.
    waiting: Vec<(CapturedEntry, CapturedObject)>,
    /// Objects with secrets for which KMS did not answer, and these secrets. The next look asks again.
    unencrypted: Vec<(CapturedEntry, CapturedObject, Vec<NotCaptured>)>,
    not_captured: BTreeMap<NoteKey, NotCaptured>,
    settled: Vec<ObjectName>,
    /// What earlier invocations have found, so that it is not read again.
    done: HashSet<ObjectName>,
    /// The kinds that this invocation has read to the end.
    finished: BTreeSet<ObjectKind>,
    /// The checkpoints of earlier invocations. How many of these invocations ended without progress, and what
    /// the checkpoints hold.
    pub checkpoints: u32,
    in_vain: u32,
    kept: Kept,
}

/// Why an invocation leaves a capture to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::operations) enum End {
    OutOfTime,
    /// Everything was read, and Cognito did not answer for a part of it.
    WithoutAnswers,
    /// The invocation fails, and the state machine starts another one.
    Failed,
}

/// What is missing: an object, and its member if the rest is there.
type NoteKey = (Uncaptured, Option<String>);

/// What earlier checkpoints hold: the numbers of entries and settled names, and the notes.
#[derive(Debug, Default)]
struct Kept {
    entries: usize,
    settled: usize,
    notes: BTreeSet<NoteKey>,
}

impl Found {
    /// Continues after the checkpoints of earlier invocations.
    pub fn resuming(checkpoints: Vec<CaptureCheckpoint>) -> Self {
        let mut found = Self { checkpoints: checkpoints.len() as u32, ..Self::default() };
        for checkpoint in checkpoints {
            found.entries.extend(checkpoint.entries);
            found.settled.extend(checkpoint.settled);
            found.in_vain += u32::from(checkpoint.is_in_vain);
            checkpoint.not_captured.into_iter().for_each(|lacking| found.lacks(lacking));
        }
        found.kept = Kept {
            entries: found.entries.len(),
            settled: found.settled.len(),
            notes: found.not_captured.keys().cloned().collect(),
        };
        found.done = found.entries.iter().map(|entry| entry.name.clone()).collect();
        found.done.extend(found.settled.iter().cloned());
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

    /// Notes what is missing, in place of an earlier note. A note that the owner of the pool has turned it off stays.
    fn lacks_now(&mut self, lacking: NotCaptured) {
        let key = (lacking.object.clone(), lacking.member.clone());
        let noted = self.not_captured.entry(key).or_insert_with(|| lacking.clone());
        if !noted.reason.is_absence() {
            *noted = lacking;
        }
    }

    fn is_captured(&self, name: &ObjectName) -> bool {
        self.entries.iter().any(|entry| entry.name == *name)
    }

    /// Whether the object is captured, or settled, or noted as missing.
    fn knows(&self, name: &ObjectName) -> bool {
        self.is_captured(name)
            || self.settled.contains(name)
            || self.not_captured.contains_key(&(Uncaptured::One(name.clone()), None))
    }

    /// Whether Cognito did not answer for something.
    fn lacks_answers(&self) -> bool {
        self.not_captured.values().any(|lacking| lacking.reason == NotCapturedReason::Unavailable)
    }

    /// What the next look need not read, in checkpoints that follow the earlier ones. None if too many looks have ended
    /// without progress.
    fn left(&self, end: End) -> Option<Vec<CaptureCheckpoint>> {
        let mut checkpoints = self.to_checkpoints();
        let is_in_vain = match end {
            End::OutOfTime => checkpoints.is_empty(),
            End::WithoutAnswers => true,
            End::Failed => false,
        };
        if is_in_vain && self.in_vain >= MAX_IN_VAIN {
            return None;
        }
        if is_in_vain {
            checkpoints.push(CaptureCheckpoint { is_in_vain, ..CaptureCheckpoint::default() });
        }
        Some(checkpoints)
    }

    /// How long to wait until Cognito is asked again.
    fn wait(&self) -> Duration {
        MAX_WAIT.min(FIRST_WAIT * 2_u32.saturating_pow(self.in_vain))
    }

    /// What the next invocation need not read, in checkpoints. A checkpoint must not say that nothing is left to do
    /// before another one holds what was done, because the invocation may die between two.
    fn to_checkpoints(&self) -> Vec<CaptureCheckpoint> {
        // A member that is missing belongs to an object that is captured. The secrets of a client that is captured are
        // not looked for again. All other operations that were given up are, and what Cognito did not answer.
        let notes = self.not_captured.iter().filter(|(key, lacking)| {
            let is_lasting = match &lacking.object {
                Uncaptured::One(name) => !name.kind.is_single() || lacking.member.is_some(),
                Uncaptured::All(kind) => *kind == ObjectKind::ClientSecrets,
                Uncaptured::Other(_) => false,
            };
            is_lasting && lacking.reason != NotCapturedReason::Unavailable && !self.kept.notes.contains(key)
        });
        let notes: Vec<_> = notes.map(|(_, lacking)| lacking.clone()).collect();
        let empty = CaptureCheckpoint::default;
        let mut checkpoints = Vec::new();
        for some in notes.chunks(5 * ENTRIES_A_CHECKPOINT) {
            checkpoints.push(CaptureCheckpoint { not_captured: some.to_vec(), ..empty() });
        }
        let mut entries = Vec::new();
        let mut secrets = 0;
        for entry in &self.entries[self.kept.entries..] {
            let is_full = entries.len() == ENTRIES_A_CHECKPOINT || secrets > SECRETS_A_CHECKPOINT;
            if is_full {
                checkpoints.push(CaptureCheckpoint { entries: std::mem::take(&mut entries), ..empty() });
                secrets = 0;
            }
            secrets += entry.secrets.len();
            entries.push(entry.clone());
        }
        if !entries.is_empty() {
            checkpoints.push(CaptureCheckpoint { entries, ..empty() });
        }
        for some in self.settled[self.kept.settled..].chunks(10 * ENTRIES_A_CHECKPOINT) {
            checkpoints.push(CaptureCheckpoint { settled: some.to_vec(), ..empty() });
        }
        checkpoints
    }

    pub fn into_list(self) -> CapturedList {
        // An operation that was given up stands for the objects that it did not answer before.
        let of_kind = |kind| (Uncaptured::All(kind), None);
        let is_covered = |lacking: &NotCaptured| match &lacking.object {
            Uncaptured::One(name) if lacking.member.is_none() && name.id != ALL => {
                let whole = self.not_captured.get(&of_kind(name.kind));
                let is_unavailable = lacking.reason == NotCapturedReason::Unavailable;
                is_unavailable && whole.is_some_and(|whole| whole.reason == lacking.reason)
            }
            _ => false,
        };
        let notes = self.not_captured.values().filter(|lacking| !is_covered(lacking)).cloned().collect();
        CapturedList::new(self.entries, notes)
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

    /// Notes what is missing, in place of an earlier note.
    pub(super) async fn lacks_now(&self, lacking: NotCaptured) {
        self.found.lock().await.lacks_now(lacking);
    }

    /// Whether Cognito did not answer for something.
    pub(in crate::operations) async fn lacks_answers(&self) -> bool {
        self.found.lock().await.lacks_answers()
    }

    /// How long to wait until Cognito is asked again.
    pub(in crate::operations) async fn wait(&self) -> Duration {
        self.found.lock().await.wait()
    }

    /// Notes that the object needs no other look.
    pub(super) async fn is_settled(&self, name: ObjectName) {
        let mut found = self.found.lock().await;
        if !found.done.contains(&name) {
            found.settled.push(name);
        }
    }

    /// Notes that this invocation has read the objects of a kind to the end.
    pub(super) async fn has_finished(&self, kind: ObjectKind) {
        self.found.lock().await.finished.insert(kind);
    }

    /// Notes that the pool was deleted: the capture may lack objects of every kind.
    pub(super) async fn lacks_deleted_pool(&self, given_up: &GivenUp) -> Result<()> {
        self.flush().await?;
        let mut found = self.found.lock().await;
        for &kind in ObjectKind::ALL {
            // What an object of a deleted pool was settled for, is not known: Cognito does not find it, either.
            match Uncaptured::parse(kind.name()) {
                Some(Uncaptured::One(name)) if found.is_captured(&name) => {}
                Some(object) => found.lacks_now(given_up.of(object)),
                None => {}
            }
        }
        Ok(())
    }

    /// Notes what this invocation had no time to read.
    pub(in crate::operations) async fn lacks_the_rest(&self) {
        let mut found = self.found.lock().await;
        let of_pool = ObjectName::of(ObjectKind::Sessions, ALL);
        for &kind in ObjectKind::ALL {
            let is_read = found.finished.contains(&kind) && (kind != of_pool.kind || found.knows(&of_pool));
            match Uncaptured::parse(kind.name()) {
                Some(Uncaptured::One(name)) if found.knows(&name) => {}
                Some(object) if !is_read => {
                    found.lacks(NotCaptured::new(object, NotCapturedReason::Unavailable));
                }
                _ => {}
            }
        }
    }

    /// Takes an object. Its assets are kept at once, one after the other, because they can be large.
    ///
    /// What is withheld is encrypted or counted, and dropped.
    pub(super) async fn take(&self, capture: Capture) -> Result<()> {
        let Capture { object, assets, withheld } = capture;
        // Only its companions were missing: the secrets of a client, the settled id of terms.
        if self.has(&object.name).await {
            return Ok(());
        }
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
        let mut entry = CapturedEntry {
            name: object.name.clone(),
            digest: object.digest(),
            assets: stored,
            secrets: Vec::new(),
            secrets_left_out: 0,
        };
        let lacking = self.keep_secrets(&mut entry, &withheld).await?;
        let unanswered = lacking.iter().find(|lacking| lacking.reason == NotCapturedReason::Unavailable);
        if let Some(unanswered) = unanswered {
            let mut found = self.found.lock().await;
            found.lacks(NotCaptured { member: None, ..unanswered.clone() });
            found.unencrypted.push((entry, object, lacking));
            return Ok(());
        }
        for lacking in lacking {
            self.lacks(lacking).await;
        }
        let is_full = {
            let mut found = self.found.lock().await;
            found.waiting.push((entry, object));
            found.waiting.len() >= KEPT_AT_ONCE
        };
        if is_full { self.flush().await } else { Ok(()) }
    }

    /// Keeps the secrets of an object in their records. Returns those that it could not keep.
    async fn keep_secrets(
        &self,
        entry: &mut CapturedEntry,
        withheld: &[Withheld],
    ) -> Result<Vec<NotCaptured>> {
        let mut lacking = Vec::new();
        for secret in withheld {
            let note = |reason| {
                let note = NotCaptured::new(Uncaptured::One(entry.name.clone()), reason);
                NotCaptured { member: Some(secret.path.clone()), ..note }
            };
            match self.keeper.keep_secret(&entry.name, secret).await? {
                KeptSecret::Kept(kept) => entry.secrets.push(kept),
                KeptSecret::LeftOut if secret.is_unknown => {
                    lacking.push(note(NotCapturedReason::UnknownMember));
                }
                KeptSecret::LeftOut => entry.secrets_left_out += 1,
                KeptSecret::TooLarge => lacking.push(note(NotCapturedReason::TooLarge)),
                KeptSecret::Refused(error) => {
                    let reason = if error.is_passing() {
                        NotCapturedReason::Unavailable
                    } else {
                        NotCapturedReason::NotEncrypted
                    };
                    lacking.push(NotCaptured {
                        operation: Some(error.operation.name().to_owned()),
                        code: Some(error.code),
                        ..note(reason)
                    });
                }
            }
        }
        entry.secrets.sort();
        Ok(lacking)
    }

    /// Takes the objects for whose secrets KMS does not answer without these secrets.
    pub(super) async fn give_secrets_up(&self) {
        let mut found = self.found.lock().await;
        for (entry, object, lacking) in std::mem::take(&mut found.unencrypted) {
            found.not_captured.remove(&(Uncaptured::One(entry.name.clone()), None));
            for mut lacking in lacking {
                if lacking.reason == NotCapturedReason::Unavailable {
                    lacking.reason = NotCapturedReason::NotEncrypted;
                }
                found.lacks(lacking);
            }
            found.waiting.push((entry, object));
        }
    }

    /// Keeps the objects that wait. They wait until they are kept, because a read that runs out of time drops
    /// this call.
    pub(in crate::operations) async fn flush(&self) -> Result<()> {
        let _one_at_a_time = self.flushing.lock().await;
        let waiting = self.found.lock().await.waiting.clone();
        if waiting.is_empty() {
            return Ok(());
        }
        let (entries, objects): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        self.keeper.keep_objects(objects).await?;
        let mut found = self.found.lock().await;
        found.waiting.drain(..entries.len());
        found.entries.extend(entries);
        Ok(())
    }

    /// The checkpoints for another look, once everything that was taken is kept. None if too many looks have ended in
    /// vain.
    pub(in crate::operations) async fn leave(&self, end: End) -> Result<Option<Vec<CaptureCheckpoint>>> {
        self.flush().await?;
        Ok(self.found.lock().await.left(end))
    }
}

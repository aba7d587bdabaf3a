//! What a roll back works with, and what it does under the lease.

use std::collections::BTreeSet;

use jiff::Timestamp;
use shared::catalog::Catalog;
use shared::model::configuration::apply::{Allow, ApplyChoices, ApplyPlan};
use shared::model::configuration::difference::{Change, Difference};
use shared::model::configuration::{
    CapturedList, CapturedObject, ConfigurationKeys, Nature, NotCapturedReason, ObjectName,
};
use shared::model::{PoolId, SnapshotSelector, StoredCapture, object_name};
use shared::operations::apply::{Applied, Wanted, apply, plan_of};
use shared::operations::{
    CapturedSnapshot, HeldLease, PresentPool, captured_configuration, holder_name, last_known,
    prepare_capture, table_keys,
};
use shared::pacing::PacedPool;
use shared::ports::keys::{DecryptingKeys, EncryptingKeys};
use shared::ports::pool::{ConfigurablePool, Pool};
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind, Guidance};

use super::super::said::Said;
use crate::commands::Deployment;
use crate::exit::ExitStatus;
use crate::output::{StoredConfiguration, applied_so_far, way_back};
use crate::problem::{Problem, Result};
use crate::watch::Meter;

/// What the pool goes back to.
pub struct Target {
    pub captured: CapturedSnapshot,
    /// With the secrets that are known, and the bytes of assets.
    objects: Vec<CapturedObject>,
    /// The list with the last known records of what it lacks.
    pub earlier: CapturedList,
    /// The keys of the table. None if the present secrets are not stored.
    pub keys: Option<ConfigurationKeys>,
}

impl Target {
    /// Reads the snapshot or the capture. With KMS, it decrypts its secrets, and looks for the keys of the table.
    ///
    /// # Errors
    /// If it cannot be used, or KMS does not decrypt a secret.
    pub async fn read<E, V: Vault>(
        deployment: &Deployment<E, V>,
        pool: &PoolId,
        snapshot: &SnapshotSelector,
        kms: Option<&impl DecryptingKeys>,
        now: Timestamp,
    ) -> Result<Self> {
        let catalog = &deployment.catalog;
        let captured = captured_configuration(catalog, pool, snapshot, now).await;
        let mut captured = captured.map_err(|error| deployment.of_snapshot(error))?;
        let mut keys = None;
        if let Some(kms) = kms {
            keys = table_keys(catalog, &captured, &deployment.region).await?;
            captured.reveal_secrets(kms, &deployment.region).await.map_err(|error| {
                let without = Guidance::from("Or give --no-secrets. Then secrets stay as they are.");
                Error::new(error.kind(), error.message(), error.guidance().clone().and(without))
            })?;
        }
        let objects = captured.with_assets(catalog).await?;
        let earlier = last_known(catalog, pool, captured.list.clone()).await?;
        Ok(Self { captured, objects, earlier, keys })
    }

    pub fn wanted<'a>(&'a self, choices: &'a ApplyChoices) -> Wanted<'a> {
        Wanted { list: &self.captured.list, objects: &self.objects, choices }
    }
}

/// What the command does after the confirmation.
pub struct Work<'a, V, P, K> {
    pub catalog: &'a Catalog<V>,
    pub pool: &'a PacedPool<P>,
    pub target: &'a Target,
    pub choices: &'a ApplyChoices,
    /// The plan that the operator has seen.
    pub plan: &'a ApplyPlan,
    /// KMS, and the keys of the table. None if the present secrets are not stored.
    pub keys: Option<(K, &'a ConfigurationKeys)>,
}

impl<V: Vault, P: ConfigurablePool, K: EncryptingKeys> Work<'_, V, P, K> {
    /// Stores the present configuration, and carries the plan out. `course` has what is done, at each moment.
    ///
    /// # Errors
    /// `Overtaken` if the pool was changed since the plan, `LeaseLost`, and the errors of [`prepare_capture`] and
    /// [`apply`].
    pub async fn carry_out(
        self,
        lease: &mut HeldLease<'_, V>,
        course: &mut Course,
        meter: &mut Meter,
    ) -> shared::Result<()> {
        let Self { catalog, pool, target, choices, plan, keys } = self;
        meter.note(&format!("Storing the present configuration of user pool {}.", pool.id()));
        let mut said = Said(meter);
        let id = StoredCapture::id_of(&holder_name("capture", lease.now()), lease.now());
        let present = PresentPool { pool, earlier: &target.earlier, keys };
        let prepared = prepare_capture(catalog, id, &target.captured.id, present, &mut said);
        let prepared = lease.during(Box::pin(prepared)).await?;
        let again = plan_of(&prepared.live, target.wanted(choices))?;
        if again.steps != plan.steps {
            return Err(changed_since(pool.id()));
        }
        require_stored_secrets(&again, choices, &prepared.live.list)?;
        let capture = prepared.keep(catalog, lease).await?;
        let stored = StoredConfiguration::new(capture, &prepared.live.list, &way_back(&again, choices));
        said.0.note(&stored.words());
        course.stored = Some(stored);
        let (wanted, clock) = (target.wanted(choices), lease.clock());
        let work = apply(catalog, pool, &again, wanted, clock, &mut course.applied, &mut said);
        lease.during(Box::pin(work)).await
    }
}

/// Refuses to replace or delete a secret that the capture could not store: then nothing brings it back.
fn require_stored_secrets(
    plan: &ApplyPlan,
    choices: &ApplyChoices,
    list: &CapturedList,
) -> shared::Result<()> {
    let lost: Vec<String> =
        secrets_that_get_lost(plan, list).iter().map(|label| object_name(label)).collect();
    if lost.is_empty() || choices.allow.contains(&Allow::LostSecret) {
        return Ok(());
    }
    let what = format!(
        "The capture cannot store the secrets of {}, which the plan replaces or deletes. Nothing was changed.",
        lost.join(", ")
    );
    let next = "Use a table with keys that you may use (kms:Encrypt), without --no-secrets. Or give --allow lost-secret.";
    Err(Error::new(ErrorKind::InvalidInput, what, next))
}

/// The labels of the objects whose secrets the list of a capture lacks, and which the plan replaces or deletes.
fn secrets_that_get_lost(plan: &ApplyPlan, list: &CapturedList) -> BTreeSet<String> {
    let is_not_encrypted = |name: &ObjectName| {
        let mut lacking = list.not_captured().iter();
        lacking
            .any(|lacking| lacking.reason == NotCapturedReason::NotEncrypted && lacking.object.includes(name))
    };
    let is_left_out = |name: &ObjectName| {
        list.entries().iter().any(|entry| entry.name == *name && entry.secrets_left_out > 0)
    };
    let is_replaced = |difference: &Difference| {
        let is_secret = difference.row.is_some_and(|row| row.nature == Nature::Secret);
        is_secret || difference.field.is_none() && difference.change == Change::Removed
    };
    let lost = plan.steps.iter().filter(|step| {
        step.differences.iter().filter(|difference| is_replaced(difference)).any(|difference| {
            let name = difference.object.old.as_ref();
            name.is_some_and(|name| is_not_encrypted(name) || is_left_out(name))
        })
    });
    lost.map(|step| step.label.clone()).collect()
}

fn changed_since(pool: &PoolId) -> Error {
    Error::new(
        ErrorKind::Overtaken,
        format!("User pool {pool} was changed after the plan was shown. The command has changed nothing."),
        "Run the command again, and look at the new plan.",
    )
}

/// What the command has done until now.
#[derive(Default)]
pub struct Course {
    pub stored: Option<StoredConfiguration>,
    pub applied: Applied,
}

impl Course {
    /// The problem of a command that stopped for an error, or because the operator interrupted it: with what is done, and
    /// the capture that leads back.
    pub fn stopped(&self, error: Option<Error>) -> Problem {
        // Before that, nothing can be done.
        let has_list = self.stored.is_some() || error.is_none();
        let list = if has_list { applied_so_far(&self.applied) } else { String::new() };
        let problem = error.map_or_else(interruption, |error| self.failure(error));
        let back = self.stored.as_ref().map(|stored| format!("\n{}", stored.words())).unwrap_or_default();
        Problem { message: format!("{}{list}{back}", problem.message), ..problem }
    }

    fn failure(&self, error: Error) -> Problem {
        let name = error.kind().name();
        let status = if error.kind() == ErrorKind::Overtaken && !self.applied.has_sent {
            ExitStatus::Refused
        } else {
            ExitStatus::of_error(name, self.applied.has_sent)
        };
        Problem { status, ..error.into() }
    }
}

fn interruption() -> Problem {
    Problem {
        status: ExitStatus::Failed,
        ..Problem::refused(
            "Interrupted",
            "The command stopped before its end.".to_owned(),
            "Run the command again to continue: it makes a new plan.".to_owned(),
        )
    }
}

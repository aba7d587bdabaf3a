//! What a roll back works with, and what it does under the lease.

use jiff::Timestamp;
use shared::catalog::Catalog;
use shared::format::form;
use shared::model::configuration::apply::{Allow, ApplyChoices, ApplyPlan, SecretsAtRisk, Side};
use shared::model::configuration::{CapturedList, CapturedObject, ConfigurationKeys};
use shared::model::{PoolId, SnapshotSelector, StoredCapture};
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
use crate::output::{AtRisk, SecretStorage, StoredConfiguration, applied_so_far, way_back};
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
    /// Whether the stored capture gets the present secrets.
    pub storage: SecretStorage,
}

impl Target {
    /// Reads the snapshot or the stored capture. With KMS, it decrypts its secrets, and looks for the keys of the table.
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
        let (mut keys, mut storage) = (None, SecretStorage::NotWanted);
        if let Some(kms) = kms {
            keys = table_keys(catalog, &captured, &deployment.region).await?;
            storage = if keys.is_some() { SecretStorage::Encrypted } else { SecretStorage::NoKeys };
            captured.reveal_secrets(kms, &deployment.region).await.map_err(|error| {
                let without =
                    "Or give --no-secrets. Then secrets stay as they are, and the stored capture has none.";
                let without = Guidance::from(without);
                Error::new(error.kind(), error.message(), error.guidance().clone().and(without))
            })?;
        }
        let objects = captured.with_assets(catalog).await?;
        let earlier = last_known(catalog, pool, captured.list.clone()).await?;
        Ok(Self { captured, objects, earlier, keys, storage })
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
        let live = &prepared.live;
        let live_side = Side { list: &live.list, objects: &live.answers };
        require_stored_secrets(&again.secrets_at_risk(live_side), choices, target.storage, false)?;
        let capture = prepared.keep(catalog, lease).await?;
        let options = way_back(&again, choices, target.storage);
        let stored = StoredConfiguration::new(capture, &live.list, &live.answers, target.storage, &options);
        said.0.note(&stored.words());
        course.stored = Some(stored);
        let (wanted, clock) = (target.wanted(choices), lease.clock());
        let work = apply(catalog, pool, &again, wanted, clock, &mut course.applied, &mut said);
        lease.during(Box::pin(work)).await
    }
}

/// Refuses to replace or delete secrets that the stored capture cannot have: then nothing brings them back.
///
/// `stores_shown` says whether the stored capture may still get the secrets that Cognito shows.
///
/// # Errors
/// `InvalidInput` unless there are none, or the operator gives them up.
pub fn require_stored_secrets(
    at_risk: &[SecretsAtRisk],
    choices: &ApplyChoices,
    storage: SecretStorage,
    stores_shown: bool,
) -> shared::Result<()> {
    let (all, not_shown) = (AtRisk::all(at_risk), AtRisk::not_shown(at_risk));
    let lost = if stores_shown { &not_shown } else { &all };
    if lost.secrets == 0 || choices.allow.contains(&Allow::LostSecret) {
        return Ok(());
    }
    let (secret, them) = (form(lost.secrets, "secret", "secrets"), lost.pronoun());
    let hidden = match not_shown.secrets {
        0 => String::new(),
        count => format!(
            " Cognito does not show the {} of {} to the command.",
            form(count, "secret", "secrets"),
            not_shown.objects()
        ),
    };
    let what = format!(
        "The plan replaces or deletes the {secret} of {}, and the stored capture cannot have {them}.{hidden} Nothing was \
         changed.",
        lost.objects()
    );
    let needs = "kms:Encrypt, kms:GenerateDataKey and kms:GenerateMac on the keys of the snapshots";
    let first = match storage {
        _ if lost.secrets == not_shown.secrets => String::new(),
        SecretStorage::Encrypted => {
            format!("Allow {needs}, and run the command again. If that is not possible: ")
        }
        SecretStorage::NotWanted => {
            format!("Run the command without --no-secrets. It needs {needs}. If that is not possible: ")
        }
        SecretStorage::NoKeys => {
            "No snapshot of the table has an encrypted secret, so there are no keys. ".to_owned()
        }
    };
    let make_sure = if first.ends_with(": ") { "make sure" } else { "Make sure" };
    let next = format!(
        "{first}{make_sure} that you have the {secret} yourself, or that your applications can do with new ones. Then \
         --allow lost-secret gives {them} up: no command brings {them} back."
    );
    Err(Error::new(ErrorKind::InvalidInput, what, next))
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
    /// the stored capture.
    pub fn stopped(&self, error: Option<Error>) -> Problem {
        let has_sent = self.applied.has_sent;
        let is_told =
            error.as_ref().is_some_and(|error| self.stored.is_none() || error.kind() == ErrorKind::LeaseLost);
        let list = if is_told && !has_sent { String::new() } else { applied_so_far(&self.applied) };
        let problem = error.map_or_else(interruption, |error| self.failure(error));
        let capture = match &self.stored {
            None => String::new(),
            Some(stored) if has_sent => format!("\n{}", stored.words_of_stop()),
            Some(stored) => format!("\n{}", stored.words_if_unused()),
        };
        let again = "run the command again";
        let guidance = if has_sent && !problem.guidance.to_lowercase().contains(again) {
            format!("{} To go on, {again}.", problem.guidance)
        } else {
            problem.guidance
        };
        let message = format!("{}{list}{capture}", problem.message);
        Problem { message, guidance: guidance.trim_start().to_owned(), ..problem }
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
            "A signal ended the command.".to_owned(),
            "Run the command again to continue: it makes a new plan.".to_owned(),
        )
    }
}

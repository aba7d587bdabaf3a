//! `pool show`: print the captured configuration of a snapshot.

use clap::Args;
use shared::model::{PoolId, SnapshotSelector};
use shared::operations::captured_configuration;
use shared::ports::keys::DecryptingKeys;
use shared::ports::vault::Vault;

use crate::arguments;
use crate::commands::{Deployment, Session};
use crate::exit::ExitStatus;
use crate::output::{Answer, PoolShown};
use crate::problem::Result;

/// The arguments of `pool show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The user pool
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// `latest`, or the id of a snapshot or capture that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// Decrypt the secrets with your own permission (`kms:Decrypt`), and print them in their places
    #[arg(long)]
    pub secrets: bool,
}

/// A configuration to print.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    snapshot: SnapshotSelector,
    reveals_secrets: bool,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If the pool id or the snapshot id cannot be read.
    pub fn read(args: &ShowArgs) -> Result<Self> {
        Ok(Self {
            pool: arguments::read("--pool", &args.pool, PoolId::parse)?,
            snapshot: arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?,
            reveals_secrets: args.secrets,
        })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Reads the configuration. `keys` is KMS.
    ///
    /// # Errors
    /// If there is no such snapshot, if it holds no configuration, or if the table cannot be read. If KMS does not decrypt a
    /// secret that is to be printed.
    pub async fn run<E, V: Vault, S>(
        &self,
        deployment: &Deployment<E, V>,
        keys: &impl DecryptingKeys,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let now = (session.now)();
        let captured = captured_configuration(&deployment.catalog, &self.pool, &self.snapshot, now).await;
        let mut captured = captured.map_err(|error| deployment.of_snapshot(error))?;
        if self.reveals_secrets {
            captured.reveal_secrets(keys, &deployment.region).await?;
        }
        Ok(Answer::new(&PoolShown::new(&captured, self.reveals_secrets), ExitStatus::Done, now))
    }
}

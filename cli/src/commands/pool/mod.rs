//! `pool`: what snapshots and pools hold beside users and groups.

mod account;
mod apply;
mod confirm;
pub mod create;
mod diff;
mod finish;
mod map;
mod refusals;
pub mod release;
mod said;
mod show;

use std::future::Future;

use clap::{Args, Subcommand};
use shared::Error;
use shared::model::PoolId;
use shared::ports::Clock;
use shared::ports::keys::{DecryptingKeys, EncryptingKeys};
use shared::ports::pool::ConfigurablePool;
use shared::ports::vault::Vault;

use super::{Deployment, Session};
use crate::aws::Caller;
use crate::output::Answer;
use crate::output::flags::command;
use crate::problem::Result;

/// The arguments of `pool`.
#[derive(Debug, Args)]
pub struct PoolArgs {
    #[command(subcommand)]
    pub command: PoolCommand,
}

/// What `pool` does.
#[derive(Debug, Subcommand)]
pub enum PoolCommand {
    /// Print the configuration that a snapshot holds
    ///
    /// Prints each object in the member names of Cognito, and what the export could not capture, with the reason. Of secrets,
    /// it says which ones are stored. With --secrets, it prints them, too. The bytes of the assets of a login style are replaced by their digests.
    ///
    /// With --format, it prints the configuration as code for CloudFormation or Terraform, with what it takes to import the
    /// user pool into a stack or a state. The code has no secrets: they are parameters or variables. What the tool cannot
    /// express is listed at the head of the code and on stderr.
    #[command(after_help = show::examples())]
    Show(show::ShowArgs),
    /// Compare the configuration of a snapshot with the live pool, or with another snapshot
    ///
    /// Prints each difference, from the old value to the new one, by object and member in the names of Cognito. The order of
    /// lists, defaults, and what Cognito changes by itself are no differences. What cannot be compared is listed with the
    /// reason, and is no difference.
    ///
    /// Exit code 0: nothing differs. 3: something differs. 1: nothing differs in what was compared, and the command could not
    /// read a part of the live pool that the snapshot holds, for example without permission. What the tier or the Region does
    /// not have, and secrets, do not change the code.
    ///
    /// Secrets are never shown. A changed one is listed as `changed`. For a live pool, KMS makes a MAC of each secret
    /// (`kms:GenerateMac`) with the key of the snapshot. If it makes none, or the snapshot holds no secrets, they are not
    /// compared.
    ///
    /// The command reads a live pool with your own permissions, and changes nothing. If Cognito does not answer a call, the
    /// command asks again, at most twice, and then fails.
    Diff(diff::DiffArgs),
    /// Roll a live user pool back to the configuration that a snapshot holds
    ///
    /// Compares the pool with the snapshot, shows what it would change, asks, and changes it: only what differs, object by
    /// object. First it stores the present configuration as a stored capture, and prints the line that goes back to it. What
    /// cannot be changed is named and left, for example the schema. What weakens the pool, costs money, breaks what relies on
    /// it or loses something for good needs --allow. Objects that the snapshot does not have stay, unless --delete-extra
    /// deletes them. A deleted client returns only under a new id. The command changes no user, group or password. A changed
    /// client, MFA, domain or issuer can make users sign in again.
    ///
    /// Exit code 0: of what the command compared, nothing differs, except objects that only the user pool has. 3: something
    /// else still differs. 4: refused before any change. With --plan: always 0. If the command stops, run it again: it makes a
    /// new plan and continues. It calls Cognito with your own permissions. An export of the pool that starts meanwhile ends with
    /// `ExportAlreadyRunning`.
    #[command(after_help = examples_of_apply())]
    Apply(apply::ApplyArgs),
    /// Create a user pool again from the configuration that a snapshot holds
    ///
    /// Creates the pool, its resource servers, identity providers, clients and all else, in the account of your credentials.
    /// Clients get new ids, and domains only if the map names them. The command leaves out what it cannot create, and names it. If
    /// the plan has an object that is missing at the end, the exit code is 3. The pool has no triggers and no deletion protection until
    /// `pool finish`, so that no trigger runs for imported users.
    ///
    /// If the command stops, the same command continues: nothing is created twice. It calls Cognito with your own
    /// permissions. Secrets that the snapshot holds encrypted are decrypted with your permission (`kms:Decrypt`).
    Create(create::CreateArgs),
    /// Give a created user pool its triggers and its deletion protection
    ///
    /// Run it after the import. Until then, no trigger runs. It asks before it changes anything. It keeps a deletion
    /// protection that you have switched on, and refuses if you have given the user pool other triggers.
    Finish(finish::FinishArgs),
}

/// Two examples of `pool apply`.
fn examples_of_apply() -> String {
    let example = |options: &str| command(format!("pool apply --pool eu-west-1_AbCdEf123 {options}"));
    format!(
        "Examples:\n  Show what would change, and change nothing:\n    {}\n  Roll back the app clients and MFA alone, and let MFA \
         become weaker:\n    {}",
        example("--plan"),
        example("--only clients,mfa --allow mfa-off")
    )
}

/// What `pool` is to do.
#[derive(Debug)]
pub enum Request {
    Show(show::Request),
    Diff(diff::Request),
    Apply(Box<apply::Request>),
    Create(Box<create::Request>),
    Finish(finish::Request),
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If an id or a limit cannot be read.
    pub fn read(args: &PoolArgs) -> Result<Self> {
        Ok(match &args.command {
            PoolCommand::Show(args) => Self::Show(show::Request::read(args)?),
            PoolCommand::Diff(args) => Self::Diff(diff::Request::read(args)?),
            PoolCommand::Apply(args) => Self::Apply(Box::new(apply::Request::read(args)?)),
            PoolCommand::Create(args) => Self::Create(Box::new(create::Request::read(args)?)),
            PoolCommand::Finish(args) => Self::Finish(finish::Request::read(args)?),
        })
    }

    /// The pool of the snapshot.
    pub fn pool(&self) -> &PoolId {
        match self {
            Self::Show(request) => request.pool(),
            Self::Diff(request) => request.pool(),
            Self::Apply(request) => request.pool(),
            Self::Create(request) => request.pool(),
            Self::Finish(request) => request.pool(),
        }
    }

    /// Does it. `pool_at` connects to a pool, `keys` is KMS, and `caller` asks for the account of the credentials.
    /// `clock` tells how long a lease lasts.
    ///
    /// # Errors
    /// If a snapshot cannot be used, or the table or a pool cannot be read.
    pub async fn run<E, V: Vault + Clone + 'static, P: ConfigurablePool, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        pool_at: impl Fn(&PoolId) -> P,
        keys: &(impl DecryptingKeys + EncryptingKeys + Clone),
        caller: impl AsyncFnOnce() -> std::result::Result<Caller, Error>,
        clock: Clock,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        match self {
            Self::Show(request) => request.run(deployment, keys, session).await,
            Self::Diff(request) => Box::pin(request.run(deployment, pool_at, keys, session)).await,
            Self::Apply(request) => {
                // The future is large.
                Box::pin(request.run(deployment, pool_at, keys, caller, clock, session)).await
            }
            Self::Create(request) => {
                Box::pin(request.run(deployment, pool_at, keys, caller, clock, session)).await
            }
            Self::Finish(request) => request.run(deployment, pool_at, clock, session).await,
        }
    }
}

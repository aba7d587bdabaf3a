//! `cargo xtask local pool`.

use std::io::{Write, stdout};

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::Client;
use clap::Args;
use local::aws::{self, REGION};
use local::population::{self, FillProgress};

use crate::local_up::running;
use crate::progress::{bar, finish, say, watch};

/// Options of `local pool`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The number of users in the pool. Generated users have many scripts, groups and custom attributes.
    /// With 0, the pool is empty, to restore into.
    #[arg(long, default_value_t = 200)]
    users: usize,
}

/// Makes a pool in the local AWS and fills it. Prints the pool's id.
pub(crate) async fn run(options: Options) -> Result<()> {
    let state = running()?;
    let cognito = Client::new(&aws::config(&state.deployment.endpoint_url, REGION));
    let pool = population::create_pool(&cognito, "playground").await?;
    if options.users > 0 {
        let bar = bar("filling the pool", options.users)?;
        let progress = FillProgress::default();
        let users = population::generate(options.users, 1);
        let filling = users.fill(&cognito, &pool, &progress);
        watch(filling, &bar, async || progress.users() as u64).await?;
        finish(&bar)?;
    }
    writeln!(stdout(), "{pool}")?;
    say(&next(&pool, options.users))
}

/// What can be done with a new pool.
fn next(pool: &str, users: usize) -> String {
    if users == 0 {
        format!("\nNext: cognito-backup import --pool <a pool with a snapshot> --into {pool} --tps 200")
    } else {
        format!(
            "\nNext: cognito-backup export --pool {pool}\n\
             Then: cargo xtask local pool --users 0, for an empty pool to restore into\n\
             If the shell does not find cognito-backup: eval \"$(cargo xtask local env)\""
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_command_names_the_pool() {
        assert!(next("us-east-1_a", 10).contains("export --pool us-east-1_a\n"));
        assert!(next("us-east-1_a", 0).contains("--into us-east-1_a "));
    }
}

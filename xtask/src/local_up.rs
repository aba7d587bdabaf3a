//! `cargo xtask local up`.

use std::io::{Write, stderr, stdout};

use anyhow::{Context, Result, bail};
use clap::Args;
use local::build::{self, Output};
use local::emulator::{Server, Settings};
use local::provision::{self, Deployment};
use local::python::Python;
use local::state::State;

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The port to listen on; a free one where not given.
    #[arg(long)]
    port: Option<u16>,
    /// Cognito calls per second of the functions, 1 to 200.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=200))]
    tps: u16,
}

/// Builds, starts, deploys, and prints the deployment.
pub(crate) async fn run(options: Options) -> Result<()> {
    if let Some(state) = State::of_running()? {
        bail!(
            "a local AWS is up already at {} (process {}); `cargo xtask local down` stops it",
            state.deployment.endpoint_url,
            state.deployment.pid
        );
    }
    say("building the functions")?;
    let executables = build::functions(Output::Shown).await?;
    say("preparing the emulator (the first time, it is downloaded: about 90 MB)")?;
    tokio::task::spawn_blocking(Python::installed).await.context("the installation was cut short")??;
    say("starting the emulator")?;
    let server = Server::start_detached(Settings { port: options.port, ..Settings::default() }).await?;
    say("deploying the backup")?;
    let deployed = deploy(&server, &executables, options.tps).await;
    match deployed {
        Ok(deployment) => {
            writeln!(stdout(), "{}", serde_json::to_string_pretty(&deployment)?)?;
            Ok(())
        }
        Err(error) => {
            // A server without a deployment is of no use, and nobody would know of it.
            server.stop()?;
            Err(error.context(format!("the log of the emulator is {}", server.log().display())))
        }
    }
}

async fn deploy(server: &Server, executables: &build::Executables, tps: u16) -> Result<Deployment> {
    let options = provision::Options { tps: tps.to_string(), ..provision::Options::default() };
    let deployment = provision::deploy(&server.endpoint_url(), server.pid(), executables, &options).await?;
    State { server: server.clone(), deployment: deployment.clone() }.write()?;
    Ok(deployment)
}

fn say(what: &str) -> Result<()> {
    Ok(writeln!(stderr(), "{what} …")?)
}

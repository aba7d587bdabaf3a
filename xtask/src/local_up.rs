//! `cargo xtask local up`.

use std::io::{Write, stdout};

use anyhow::{Context, Result, bail};
use clap::Args;
use local::build::{self, Executables, Output};
use local::emulator::{Server, Settings};
use local::provision::{self, Deployment};
use local::python::Python;
use local::state::State;

use crate::say;

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The port to listen on; a free one where not given.
    #[arg(long)]
    pub port: Option<u16>,
    /// Cognito calls per second of the functions, 1 to 200.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub tps: u16,
}

/// Builds, starts, deploys, and prints the deployment.
pub(crate) async fn run(options: Options) -> Result<()> {
    let deployment = bring_up(options).await?;
    writeln!(stdout(), "{}", serde_json::to_string_pretty(&deployment)?)?;
    Ok(())
}

/// Brings up a local AWS that goes on after this process, unless there is one already.
pub(crate) async fn bring_up(options: Options) -> Result<Deployment> {
    if let Some(state) = State::of_running()? {
        bail!(
            "a local AWS is up already at {} (process {}); `cargo xtask local down` stops it",
            state.deployment.endpoint_url,
            state.deployment.pid
        );
    }
    let executables = prepare().await?;
    say("starting the emulator")?;
    let server = Server::start_detached(Settings { port: options.port, ..Settings::default() }).await?;
    let deployed = deploy(&server, &executables, options.tps).await;
    if deployed.is_err() {
        // A server without a deployment is of no use, and nobody would know of it.
        server.stop()?;
    }
    deployed.with_context(|| format!("the log of the emulator is {}", server.log().display()))
}

/// What takes long the first time: builds the functions and installs the emulator.
pub(crate) async fn prepare() -> Result<Executables> {
    say("building the functions")?;
    let executables = build::functions(Output::Shown).await?;
    say("preparing the emulator (downloaded the first time, about 90 MB)")?;
    tokio::task::spawn_blocking(Python::installed).await.context("the installation was cut short")??;
    Ok(executables)
}

async fn deploy(server: &Server, executables: &Executables, tps: u16) -> Result<Deployment> {
    say("deploying the backup")?;
    let options = provision::Options { tps: tps.to_string(), ..provision::Options::default() };
    let deployment = provision::deploy(&server.endpoint_url(), server.pid(), executables, &options).await?;
    State { server: server.clone(), deployment: deployment.clone() }.write()?;
    Ok(deployment)
}

//! `cargo xtask local up`.

use std::io::{Write, stderr, stdout};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use local::build::{self, Executables, Output};
use local::emulator::{Server, Settings};
use local::provision::{self, Deployment};
use local::python::Python;
use local::state::{State, StateLock};
use tokio::signal::unix::{SignalKind, signal};

use crate::progress::say;

/// Options of `local up`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The port to listen on. The default is a free one.
    #[arg(long)]
    pub port: Option<u16>,
    /// Cognito calls per second of the functions, 1 to 200.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub tps: u16,
}

/// Builds, starts and deploys. Prints the deployment.
pub(crate) async fn run(options: Options) -> Result<()> {
    let deployment = bring_up(options).await?;
    writeln!(stdout(), "{}", serde_json::to_string_pretty(&deployment)?)?;
    say("\nNext: eval \"$(cargo xtask local env)\"\nThen: cargo xtask local pool --users 200")
}

/// Brings up a local AWS that outlives this process. Fails if there is one already.
pub(crate) async fn bring_up(options: Options) -> Result<Deployment> {
    let _lock = lock()?;
    if let Some(state) = State::of_running()? {
        bail!(
            "a local AWS is up already at {} (process {}); `cargo xtask local down` stops it",
            state.deployment.endpoint_url,
            state.deployment.pid
        );
    }
    say("building the functions and the command line")?;
    let executables = with_emulator(build::functions_and_command_line(Output::Shown)).await?;
    say("starting the emulator")?;
    // From here on, Ctrl-C must not end this process before it has ended the server.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::start_detached(Settings { port: options.port, ..Settings::default() }).await?;
    let deployed = tokio::select! {
        deployed = deploy(&server, &executables, options.tps) => {
            deployed.with_context(|| format!("the log of the emulator is {}", server.log().display()))
        }
        _ = interrupt.recv() => Err(anyhow!("interrupted; no local AWS is up")),
    };
    if deployed.is_err() {
        // Without a deployment, no later command would find the server.
        server.stop()?;
    }
    deployed
}

/// The local AWS that is up.
pub(crate) fn running() -> Result<State> {
    State::of_running()?.context("no local AWS is up; `cargo xtask local up` starts one")
}

/// The right to start or stop the local AWS. Waits for another command that has it.
pub(crate) fn lock() -> Result<StateLock> {
    State::lock(|| {
        let _ = writeln!(stderr(), "another command starts or stops the local AWS; waiting for it");
    })
}

/// Runs a build while the emulator is installed. The build needs the processor, and the
/// installation needs the network.
pub(crate) async fn with_emulator(
    building: impl Future<Output = Result<Executables>>,
) -> Result<Executables> {
    say("preparing the emulator (a download of about 90 MB the first time)")?;
    let installing = async {
        tokio::task::spawn_blocking(Python::installed).await.context("the installation was interrupted")?
    };
    let (executables, _) = futures::try_join!(building, installing)?;
    Ok(executables)
}

async fn deploy(server: &Server, executables: &Executables, tps: u16) -> Result<Deployment> {
    say("deploying the backup")?;
    let options = provision::Options { tps: tps.to_string(), ..provision::Options::default() };
    let deployment = provision::deploy(server, executables, &options).await?;
    State { server: server.clone(), deployment: deployment.clone() }.write()?;
    Ok(deployment)
}

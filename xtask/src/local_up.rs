//! `cargo xtask local up`.

use std::io::{Write, stderr, stdout};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use local::build::{self, Executables, Output};
use local::emulator::{Server, Settings};
use local::provision::{self, ConfigurationKeys, Deployment};
use local::python::Python;
use local::state::{State, StateLock};
use local::strict_server::StrictServer;
use tokio::signal::unix::{SignalKind, signal};

use crate::local_strict;
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
    /// A variable of the functions, for example SPLIT_LISTING=YES. Can be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, String)>,
}

/// A variable and its value.
fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("give NAME=VALUE, for example SNS_PREFERENCE=ERRORS_ONLY".to_owned()),
    }
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
    if let Some(state) = State::of_running()?.filter(|state| !state.is_whole()) {
        say("a part of the local AWS has ended; stopping the rest")?;
        state.stop()?;
    }
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
    let server = Server::start_detached(Settings::default()).await?;
    let strict = match StrictServer::start_detached(local_strict::command(&server, options.port)?) {
        Ok(strict) => strict,
        Err(error) => {
            server.stop()?;
            return Err(error);
        }
    };
    let deployed = tokio::select! {
        deployed = deploy(&server, &strict, &executables, options) => {
            deployed.with_context(|| format!("the log of the emulator is {}", server.log().display()))
        }
        _ = interrupt.recv() => Err(anyhow!("interrupted; no local AWS is up")),
    };
    let up =
        deployed.map(|deployment| State { server: server.clone(), strict: Some(strict.clone()), deployment });
    let written = up.and_then(|state| state.write().map(|()| state.deployment));
    if written.is_err() {
        // Without the file, no later command would find the processes.
        let strict = strict.stop();
        server.stop().and(strict)?;
    }
    written
}

/// The local AWS that is up.
pub(crate) fn running() -> Result<State> {
    let state = State::of_running()?.filter(State::is_whole);
    state.context("no local AWS is up; `cargo xtask local up` starts one")
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

/// Deploys with the strict Cognito in front of all calls, and with the capture of configurations.
async fn deploy(
    server: &Server,
    strict: &StrictServer,
    executables: &Executables,
    given: Options,
) -> Result<Deployment> {
    say("deploying the backup")?;
    let mut options = provision::Options { tps: given.tps.to_string(), ..provision::Options::default() };
    options.cognito_endpoint.get_or_insert_with(|| strict.url().to_owned());
    let keys = ConfigurationKeys::create(&options.access_key_id, &server.endpoint_url()).await?;
    options.variables = vec![("CAPTURE_CONFIGURATION".to_owned(), "YES".to_owned())];
    options.variables.extend(keys.variables());
    options.variables.extend(given.variables);
    let deployment = provision::deploy(server, executables, &options).await?;
    Ok(Deployment { endpoint_url: strict.url().to_owned(), ..deployment })
}

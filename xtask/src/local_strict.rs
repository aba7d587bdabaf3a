//! `cargo xtask local strict`: the process of the strict Cognito. `local up` starts it and `local down` ends it.

use std::env;
use std::io::{Write, stdout};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use local::emulator::Server;
use local::strict::StrictProxy;

/// Options of `local strict`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The URL of the emulator.
    #[arg(long)]
    upstream: String,
    /// The port to listen on. 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Prints the URL of the proxy, and runs until a signal ends the process.
pub(crate) async fn run(options: Options) -> Result<()> {
    let proxy = StrictProxy::start_on(&options.upstream, options.port).await?;
    writeln!(stdout(), "{}", proxy.url())?;
    std::future::pending().await
}

/// The command that starts this program as the strict Cognito in front of an emulator.
pub(crate) fn command(server: &Server, port: Option<u16>) -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("cannot find this program")?);
    command.args(["local", "strict", "--upstream", &server.endpoint_url()]);
    command.args(["--port", &port.unwrap_or(0).to_string()]);
    Ok(command)
}

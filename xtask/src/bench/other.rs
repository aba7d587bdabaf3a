//! `cargo xtask bench other`: a local AWS with a pool of generated users and a recorder in front, to measure any other tool.
//! This module has no code of other tools. The user runs the tool, and this module counts its calls.

use std::io::{BufRead, Write, stdin, stdout};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use local::aws::{self, ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use local::emulator::{Emulator, Settings};
use local::population;
use local::python::Python;
use local::recorder::{Recorder, Traffic};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::progress::say;

/// Options of `bench other`.
#[derive(Debug, Args)]
pub struct Options {
    /// The number of users in the pool.
    #[arg(long, default_value_t = 6_000)]
    users: usize,
    /// The shell command to measure. By default, all calls are measured until you press Enter.
    #[arg(long)]
    run: Option<String>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Starts the local AWS, waits for the tool, and prints the figures of its calls. Exits with the code of the
/// command.
pub async fn run(options: Options) -> Result<ExitCode> {
    ensure!(options.users > 0, "a pool of 0 users shows nothing; take 1 or more");
    say("preparing the emulator (a download of about 90 MB the first time)")?;
    tokio::task::spawn_blocking(Python::installed).await.context("the installation was interrupted")??;
    let emulator = Emulator::start(Settings::default()).await?;
    let emulator_url = emulator.server().endpoint_url();
    let cognito = aws_sdk_cognitoidentityprovider::Client::new(&aws::config(&emulator_url, REGION));
    let source = population::create_pool(&cognito, "other-source").await?;
    let target = population::create_pool(&cognito, "other-target").await?;
    say(&format!("filling the source pool with {} users", options.users))?;
    population::generate(options.users, 1)
        .fill(&cognito, &source, &population::FillProgress::default())
        .await?;
    let recorder = Recorder::start(&emulator_url).await?;

    let recorded = recorder.url();
    let variables = variables(&recorded, &emulator_url, &source, &target);
    let (took, code) = match &options.run {
        Some(command) => run_command(command, &variables).await?,
        None => {
            let lines: Vec<String> =
                variables.iter().map(|(name, value)| format!("export {name}={value}")).collect();
            say(&format!(
                "\nIn another terminal:\n\n{}\n\nPress Enter here when the tool is done.",
                lines.join("\n")
            ))?;
            (wait_for_enter().await?, ExitCode::SUCCESS)
        }
    };
    let traffic = recorder.traffic();
    // The user presses Enter at any time. So without a command, the time is that between the first and the
    // last call.
    let took = took.unwrap_or_else(|| time_of(&traffic));
    let figures = figures(options.users, &traffic, took);
    writeln!(
        stdout(),
        "{}",
        if options.json { serde_json::to_string_pretty(&figures)? } else { lines(&figures) }
    )?;
    Ok(code)
}

/// The variables for a tool. No value needs quotes.
fn variables<'a>(
    recorder: &'a str,
    emulator: &'a str,
    source: &'a str,
    target: &'a str,
) -> [(&'static str, &'a str); 10] {
    [
        // For a tool that runs on this machine: all its calls pass the recorder.
        ("AWS_ENDPOINT_URL", recorder),
        // For a tool with its own functions: it deploys them to the emulator, and they need these two
        // variables.
        ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", recorder),
        ("AWS_ENDPOINT_URL_DYNAMODB", recorder),
        ("EMULATOR_URL", emulator),
        ("AWS_REGION", REGION),
        // boto3 and the AWS CLI before version 2 read no other name of the Region.
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("SOURCE_USER_POOL_ID", source),
        ("TARGET_USER_POOL_ID", target),
    ]
}

async fn run_command(command: &str, variables: &[(&str, &str)]) -> Result<(Option<Duration>, ExitCode)> {
    say(&format!("running {command}"))?;
    let started = Instant::now();
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).envs(variables.iter().copied()).stdin(Stdio::null());
    let status = shell.status().await.context("cannot run a shell")?;
    let took = started.elapsed();
    let code =
        status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from);
    Ok((Some(took), code))
}

async fn wait_for_enter() -> Result<Option<Duration>> {
    let reading = tokio::task::spawn_blocking(|| stdin().lock().read_line(&mut String::new()));
    reading.await.context("the wait for Enter was interrupted")?.context("standard input cannot be read")?;
    Ok(None)
}

/// The time between the first call and the last answer.
fn time_of(traffic: &Traffic) -> Duration {
    let first = traffic.entries().iter().map(|entry| entry.at).min();
    let last = traffic.entries().iter().map(|entry| entry.done_at.unwrap_or(entry.at)).max();
    first.zip(last).map_or(Duration::ZERO, |(first, last)| last - first)
}

fn figures(users: usize, traffic: &Traffic, took: Duration) -> Value {
    let cognito = traffic.cognito();
    json!({
        "users": users,
        "seconds": (took.as_secs_f64() * 10.0).round() / 10.0,
        "cognitoCalls": cognito.total(),
        "cognitoCallsByOperation": cognito.counts(),
        "peakCognitoCallsInAnySecond": cognito.peak_per_second(),
        "dynamodbCalls": traffic.dynamodb().total(),
        "writeUnitsInOneRegion": traffic.dynamodb().write_units(),
    })
}

fn lines(figures: &Value) -> String {
    let line =
        |name: &str, pointer: &str| format!("{name:<38}{}", figures.pointer(pointer).unwrap_or(&Value::Null));
    [
        line("users", "/users"),
        line("time, seconds", "/seconds"),
        line("calls to Cognito", "/cognitoCalls"),
        line("most of them in any second", "/peakCognitoCallsInAnySecond"),
        line("by operation", "/cognitoCallsByOperation"),
        line("calls to DynamoDB", "/dynamodbCalls"),
        line("write units, one Region", "/writeUnitsInOneRegion"),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_no_calls_are_zero() {
        let none = Traffic::default();
        let figures = figures(5, &none, time_of(&none));
        assert_eq!(figures["cognitoCalls"], 0);
        assert!(lines(&figures).contains("write units, one Region               0"));
    }
}

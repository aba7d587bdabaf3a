//! `cargo xtask bench other`: a local AWS with a pool of people and a recorder in front, for any other tool. None of its code is here: it is
//! run by whoever measures it, and what it asked for is counted.

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

use crate::say;

/// What can be chosen.
#[derive(Debug, Args)]
pub struct Options {
    /// How many users the pool gets.
    #[arg(long, default_value_t = 6_000)]
    users: usize,
    /// The command to measure, for a shell; where not given, whatever is done elsewhere until Enter is pressed.
    #[arg(long)]
    run: Option<String>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// Brings everything up, waits for the tool, and prints what it asked for. Exits as the command did.
pub async fn run(options: Options) -> Result<ExitCode> {
    ensure!(options.users > 0, "a pool of no users shows nothing");
    say("preparing the emulator (downloaded the first time, about 90 MB)")?;
    tokio::task::spawn_blocking(Python::installed).await.context("the installation was cut short")??;
    let emulator = Emulator::start(Settings::default()).await?;
    let emulator_url = emulator.server().endpoint_url();
    let cognito = aws_sdk_cognitoidentityprovider::Client::new(&aws::config(&emulator_url, REGION));
    let source = population::create_pool(&cognito, "other-source").await?;
    let target = population::create_pool(&cognito, "other-target").await?;
    say(&format!("filling the source pool with {} users", options.users))?;
    population::generate(options.users, 1).fill(&cognito, &source, &population::FillProgress::default()).await?;
    let recorder = Recorder::start(&emulator_url).await?;

    let recorded = recorder.url();
    let variables = variables(&recorded, &emulator_url, &source, &target);
    let (took, code) = match &options.run {
        Some(command) => run_command(command, &variables).await?,
        None => {
            let lines: Vec<String> = variables.iter().map(|(name, value)| format!("export {name}={value}")).collect();
            say(&format!("\nIn another terminal:\n\n{}\n\nPress Enter here when the tool is done.", lines.join("\n")))?;
            (wait_for_enter().await?, ExitCode::SUCCESS)
        }
    };
    let traffic = recorder.traffic();
    // Enter comes when it comes: without a command, the calls say how long it took.
    let took = took.unwrap_or_else(|| time_of(&traffic));
    let figures = figures(options.users, &traffic, took);
    writeln!(stdout(), "{}", if options.json { serde_json::to_string_pretty(&figures)? } else { lines(&figures) })?;
    Ok(code)
}

/// What a tool needs to know. No value needs quoting.
fn variables<'a>(recorder: &'a str, emulator: &'a str, source: &'a str, target: &'a str) -> [(&'static str, &'a str); 10] {
    [
        // For a tool that runs here: all its calls pass the recorder.
        ("AWS_ENDPOINT_URL", recorder),
        // For one that brings functions of its own: they need these two, and are deployed straight to the emulator.
        ("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", recorder),
        ("AWS_ENDPOINT_URL_DYNAMODB", recorder),
        ("EMULATOR_URL", emulator),
        ("AWS_REGION", REGION),
        // The AWS CLI before version 2 and boto3 know the Region by this name only.
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
    let code = status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from);
    Ok((Some(took), code))
}

async fn wait_for_enter() -> Result<Option<Duration>> {
    let reading = tokio::task::spawn_blocking(|| stdin().lock().read_line(&mut String::new()));
    reading.await.context("nobody can press Enter")?.context("standard input cannot be read")?;
    Ok(None)
}

/// From the first call to the last answer.
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
    let line = |name: &str, pointer: &str| format!("{name:<38}{}", figures.pointer(pointer).unwrap_or(&Value::Null));
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
    fn nothing_recorded_is_nothing() {
        let none = Traffic::default();
        let figures = figures(5, &none, time_of(&none));
        assert_eq!(figures["cognitoCalls"], 0);
        assert!(lines(&figures).contains("write units, one Region               0"));
    }
}

//! A strict proxy in a process of its own, which outlives this one.
//!
//! The proxy keeps in memory what the emulator does not have, for example the styles of login pages. So it lives
//! exactly as long as the emulator behind it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::paths;
use crate::process::{GroupLeader, signal_group};

/// A running process. A later process can read this value from a file and stop that process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrictServer {
    url: String,
    leader: GroupLeader,
    log: PathBuf,
}

impl StrictServer {
    /// Starts a process with `command` and waits until it has printed its URL in one line.
    ///
    /// # Errors
    /// If the process cannot be started, or ends without a URL. The message has the last lines of its log.
    pub fn start_detached(mut command: Command) -> Result<Self> {
        let log = paths::local().join(format!("strict-{}.log", std::process::id()));
        let errors = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.process_group(0).spawn().context("cannot start the strict Cognito")?;
        match url_of(&mut child).and_then(|url| Ok((url, GroupLeader::of(child.id())?))) {
            Ok((url, leader)) => Ok(Self { url, leader, log }),
            Err(error) => {
                signal_group(child.id(), Signal::KILL)?;
                child.wait()?;
                let said = fs::read_to_string(&log).unwrap_or_default();
                Err(error.context(format!("the strict Cognito did not come up: {}", said.trim())))
            }
        }
    }

    /// The URL of every AWS service: calls to Cognito pass the rules of the proxy, all others pass unchanged.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the process still runs.
    pub fn is_running(&self) -> bool {
        self.leader.is_running()
    }

    /// Ends the process. Ends nothing if the system gave its pid to another program.
    ///
    /// # Errors
    /// If the process may not be signalled or does not end.
    pub fn stop(&self) -> Result<()> {
        self.leader.stop(Duration::from_secs(3))?;
        if fs::metadata(&self.log).is_ok_and(|log| log.len() == 0) {
            let _ = fs::remove_file(&self.log);
        }
        Ok(())
    }
}

fn url_of(child: &mut Child) -> Result<String> {
    let output = child.stdout.take().context("the process has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let url = line.trim();
    if url.is_empty() {
        bail!("the process ended without an address");
    }
    Ok(url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_runs_until_it_is_stopped_and_one_without_an_address_is_an_error() -> Result<()> {
        fs::create_dir_all(paths::local())?;
        let server = StrictServer::start_detached(shell("echo http://127.0.0.1:1; exec sleep 600"))?;
        assert_eq!(server.url(), "http://127.0.0.1:1");
        assert!(server.is_running());
        server.stop()?;
        assert!(!server.is_running());

        let refused = StrictServer::start_detached(shell("echo the port is taken >&2; exit 1"));
        let words = refused.map_or_else(|error| format!("{error:#}"), |_| String::new());
        assert!(words.contains("the port is taken"), "{words}");
        Ok(())
    }
}

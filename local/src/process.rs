//! A process that outlives this one, and how to end that process and no other.
//!
//! A pid alone does not name a process, because the system gives the pid to another program later. Pid and
//! start time together name a process.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

/// A process that leads its own process group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupLeader {
    pub pid: u32,
    started: String,
}

impl GroupLeader {
    /// Notes a running process that was started as the leader of its own group.
    pub fn of(pid: u32) -> Result<Self> {
        let started = start_time(pid).with_context(|| format!("there is no process {pid}"))?;
        Ok(Self { pid, started })
    }

    /// Whether the process still runs.
    pub fn is_running(&self) -> bool {
        start_time(self.pid).as_ref() == Some(&self.started)
    }

    /// Ends the process and its children with TERM, and with KILL after `kill_after`. Does nothing if the
    /// process has ended.
    pub fn stop(&self, kill_after: Duration) -> Result<()> {
        if !self.is_running() {
            return Ok(());
        }
        signal_group(self.pid, Signal::TERM)?;
        let kill_from = Instant::now() + kill_after;
        while self.is_running() {
            if Instant::now() >= kill_from {
                signal_group(self.pid, Signal::KILL)?;
                break;
            }
            sleep(Duration::from_millis(20));
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.is_running() {
            if Instant::now() >= deadline {
                bail!("process {} does not end", self.pid);
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Sends a signal to the group that `leader` leads. A group that has ended is no error.
pub(crate) fn signal_group(leader: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(leader).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw);
    let pid = pid.with_context(|| format!("{leader} is not a process that can get a signal"))?;
    match kill_process_group(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => {
            Err(error).with_context(|| format!("cannot send {signal:?} to the processes of {leader}"))
        }
    }
}

/// When a process started, in the format of the system. `None` if there is no such process, or it is a
/// zombie.
fn start_time(pid: u32) -> Option<String> {
    if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        return linux_start_time(&stat);
    }
    let output = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?;
    let (state, started) = line.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// Field 22 of `/proc/<pid>/stat` (proc(5)). The name in field 2 may contain spaces and parentheses.
fn linux_start_time(stat: &str) -> Option<String> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (!matches!(state, "Z" | "X")).then(|| started.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;

    #[test]
    fn the_start_time_is_read_after_a_name_with_parentheses() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        assert_eq!(linux_start_time(stat).as_deref(), Some("4711"));
        assert_eq!(linux_start_time(&stat.replace(" S ", " Z ")), None);
    }

    #[test]
    fn a_stop_ends_its_own_process_and_no_other() -> Result<()> {
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn()?;
        let known = GroupLeader::of(child.id())?;
        let earlier = GroupLeader { started: "before".into(), ..known.clone() };
        assert!(known.is_running());
        assert!(!earlier.is_running());
        earlier.stop(Duration::ZERO)?;
        assert!(known.is_running(), "another process with the same pid was ended");
        known.stop(Duration::from_secs(5))?;
        assert!(!known.is_running());
        child.wait()?;
        Ok(())
    }
}

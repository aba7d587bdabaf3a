//! The memory and processor time of the functions, from /proc (proc(5)). Without /proc, nothing is measured.

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How often the processes are read. The kernel keeps the peak, so one look before the end of a process is
/// enough.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often a command is read. It ends by itself, so the peak must be read shortly before.
const LOOK_AT_COMMAND_EVERY: Duration = Duration::from_millis(20);
/// The prefix of the names of the functions in the deployment.
const PREFIX: &str = "cognito-backup-";

/// Peak resident memory in KB, by function.
pub(super) type Memory = BTreeMap<String, u64>;

/// Processor time in clock ticks of the kernel, for ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ticks {
    /// Of the emulator.
    pub emulator: u64,
    /// Of all functions.
    pub functions: u64,
}

impl Ticks {
    /// The difference to `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            emulator: self.emulator.saturating_sub(earlier.emulator),
            functions: self.functions.saturating_sub(earlier.functions),
        }
    }
}

/// Watches the functions of one emulator until [`Watcher::finish`] or until it is dropped.
pub(super) struct Watcher {
    emulator: u32,
    seen: Arc<Mutex<Memory>>,
    stop: Arc<AtomicBool>,
    watching: JoinHandle<()>,
}

impl Watcher {
    /// Watches the children of the process `emulator`.
    pub fn start(emulator: u32) -> Self {
        let seen = Arc::new(Mutex::new(Memory::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let watching = tokio::task::spawn_blocking({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    look(emulator, &mut lock(&seen));
                    std::thread::sleep(LOOK_EVERY);
                }
            }
        });
        Self { emulator, seen, stop, watching }
    }

    /// The processor time until now. It leaves out functions that have ended.
    pub fn ticks(&self) -> Ticks {
        let of = |pid| stat(pid).map_or(0, |stat| stat.ticks);
        Ticks {
            emulator: of(self.emulator),
            functions: functions(self.emulator).map(|(pid, _)| of(pid)).sum(),
        }
    }

    /// Looks once more, and returns the peaks.
    pub async fn finish(mut self) -> Result<Memory> {
        self.stop.store(true, Ordering::Relaxed);
        (&mut self.watching).await.context("the watch on the functions was interrupted")?;
        let mut seen = std::mem::take(&mut *lock(&self.seen));
        look(self.emulator, &mut seen);
        Ok(seen)
    }
}

/// Waits until a process ends. Returns how it ended, and its peak resident memory in KB, 0 without /proc. The last
/// moment before the end is not seen.
pub(super) async fn peak_until_end(mut process: Child) -> Result<(ExitStatus, u64)> {
    let status = process.id().map(|pid| format!("/proc/{pid}/status")).unwrap_or_default();
    let mut highest = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        highest = peak_kilobytes(&text).unwrap_or_default().max(highest);
        if let Ok(ended) = timeout(LOOK_AT_COMMAND_EVERY, process.wait()).await {
            return Ok((ended.context("cannot wait for the process")?, highest));
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn lock(seen: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look(emulator: u32, seen: &mut Memory) {
    for (pid, name) in functions(emulator) {
        // A process that has ended has no status.
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if let Some(peak) = peak_kilobytes(&status) {
            let highest = seen.entry(name).or_default();
            *highest = peak.max(*highest);
        }
    }
}

/// The functions among the children of the emulator: process id and name.
fn functions(emulator: u32) -> impl Iterator<Item = (u32, String)> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(move |pid| stat(*pid).is_some_and(|stat| stat.parent == emulator)).filter_map(|pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        Some((pid, function_name(&environment)?))
    })
}

/// The name of the function in the environment of a process: `NAME=value`, each ended by a zero byte.
fn function_name(environment: &[u8]) -> Option<String> {
    let variables =
        environment.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
    let name = variables.filter_map(|variable| variable.strip_prefix("AWS_LAMBDA_FUNCTION_NAME=")).next()?;
    Some(name.strip_prefix(PREFIX).unwrap_or(name).to_owned())
}

/// The peak of the resident set, KB, from the text of `/proc/<pid>/status`.
fn peak_kilobytes(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Some fields of `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time of the process, without its children.
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields 4, 14 and 15. The name in field 2 may contain spaces and parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    let user: u64 = fields.nth(9)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Stat { parent, ticks: user + system })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        let status = "Name:\tbootstrap\nVmPeak:\t  90000 kB\nVmHWM:\t   12345 kB\nVmRSS:\t   12000 kB\n";
        assert_eq!(peak_kilobytes(status), Some(12_345));
        assert_eq!(
            peak_kilobytes("Name:\tkthreadd\nThreads:\t1\n"),
            None,
            "a kernel thread or a zombie has none"
        );
        assert_eq!(peak_kilobytes("VmHWM:\tmany kB\n"), None);
        assert_eq!(peak_kilobytes(""), None);
    }

    #[tokio::test]
    async fn the_peak_of_a_command_is_read_until_it_ends() -> Result<()> {
        let mut command = tokio::process::Command::new("sh");
        let (status, peak) = peak_until_end(command.args(["-c", "sleep 0.2; exit 3"]).spawn()?).await?;
        assert_eq!(status.code(), Some(3));
        assert!(peak > 0 || !std::path::Path::new("/proc/self/status").exists(), "{peak} KB");
        Ok(())
    }

    #[test]
    fn parent_and_ticks_are_read_after_a_name_with_parentheses() {
        let text = "7 (a) b (c) S 42 7 7 0 -1 0 1 2 3 4 150 25 9 9 20 0 1 0 4711 0 0";
        assert_eq!(parse_stat(text), Some(Stat { parent: 42, ticks: 175 }));
        assert_eq!(parse_stat("7 (cut"), None);
        assert_eq!(parse_stat("7 (cut) S 42 7"), None);
    }

    #[test]
    fn the_name_of_a_function_is_read_from_its_environment() {
        let environment = b"PATH=/bin\0BROKEN=\xff\0AWS_LAMBDA_FUNCTION_NAME=cognito-backup-finalize\0X=1\0";
        assert_eq!(function_name(environment).as_deref(), Some("finalize"));
        assert_eq!(function_name(b"NOT_AWS_LAMBDA_FUNCTION_NAME=x\0"), None);
    }

    #[test]
    fn ticks_are_counted_from_an_earlier_look() {
        let ticks = |emulator, functions| Ticks { emulator, functions };
        assert_eq!(ticks(30, 12).since(ticks(10, 2)), ticks(20, 10));
        assert_eq!(ticks(30, 1).since(ticks(10, 2)), ticks(20, 0), "a function that was replaced");
    }
}

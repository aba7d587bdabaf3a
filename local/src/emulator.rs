//! The process of the emulator: its start on 127.0.0.1, its health and its end.
//!
//! The emulator keeps its state in memory. Each server has its own scratch folder, because servers that share
//! a folder delete each other's unpacked functions.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::aws::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use crate::build::Executables;
use crate::paths;
use crate::process::{GroupLeader, signal_group};
use crate::python::Python;

/// How long a server may take to become healthy.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How to start a server.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The port to listen on. `None` takes a free one.
    pub port: Option<u16>,
    /// Let Wait states and the delays of Retry pass at once. By default, they take real time.
    pub skip_waits: bool,
    /// The level of the server's log. `None` is `WARNING`. `INFO` adds a line for every request.
    pub log_level: Option<String>,
}

/// A server that ends with this value. It also ends if this process dies without dropping the value.
#[derive(Debug)]
pub struct Emulator {
    server: Server,
    child: Child,
}

/// A server that outlives this process. A later process can read this value from a file and stop the
/// server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    port: u16,
    leader: GroupLeader,
    log: PathBuf,
    scratch: PathBuf,
}

impl Emulator {
    /// Starts a server and waits until it is healthy: one or two seconds.
    ///
    /// # Errors
    /// If Python or the packages are missing, the port is taken, or the server is not healthy within 60
    /// seconds. The message ends with the last lines of the server's log.
    pub async fn start(settings: Settings) -> Result<Self> {
        let start = move || {
            let (server, child) = start(&settings, Lifetime::OfThisProcess)?;
            Ok(Self { server, child })
        };
        tokio::task::spawn_blocking(start).await.context("the start of the emulator was interrupted")?
    }

    pub fn server(&self) -> &Server {
        &self.server
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // The state of the server is not needed, so it is killed at once. An error means that the group has
        // ended already.
        let _ = signal_group(self.child.id(), Signal::KILL);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.server.scratch);
        self.server.remove_empty_log();
    }
}

impl Server {
    /// Starts a server that outlives this process, and waits until it is healthy.
    ///
    /// # Errors
    /// As [`Emulator::start`].
    pub async fn start_detached(settings: Settings) -> Result<Self> {
        let start = move || start(&settings, Lifetime::UntilStopped).map(|(server, _)| server);
        tokio::task::spawn_blocking(start).await.context("the start of the emulator was interrupted")?
    }

    /// The URL of every AWS service in the server.
    pub fn endpoint_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.leader.pid
    }

    /// The log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether the process still runs.
    pub fn is_running(&self) -> bool {
        self.leader.is_running()
    }

    /// Keeps executables until the server ends, even if they are built again. Returns the kept
    /// executables.
    ///
    /// # Errors
    /// If they can be neither linked nor copied.
    pub fn keep(&self, executables: &Executables) -> Result<Executables> {
        let mut folders = (0..).map(|number| self.scratch.join(format!("functions-{number}")));
        let folder = folders.find(|folder| !folder.exists()).context("no folder for the functions")?;
        executables.kept_in(&folder)
    }

    /// Ends the server and the functions that it started. Ends nothing if the system gave its pid to another
    /// program.
    ///
    /// # Errors
    /// If the process may not be signalled or does not end.
    pub fn stop(&self) -> Result<()> {
        self.leader.stop(Duration::from_secs(3))?;
        if self.scratch.exists() {
            fs::remove_dir_all(&self.scratch).context("cannot remove the server's scratch folder")?;
        }
        self.remove_empty_log();
        Ok(())
    }

    /// Every server has its own log, and most logs stay empty.
    fn remove_empty_log(&self) {
        if fs::metadata(&self.log).is_ok_and(|log| log.len() == 0) {
            let _ = fs::remove_file(&self.log);
        }
    }
}

/// How long a server lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    OfThisProcess,
    UntilStopped,
}

/// Runs the server. With `OfThisProcess`, the server ends at the end of its standard input, which comes if
/// the starting process ends in any way. It then removes its scratch folder and kills its process group.
const PROGRAM: &str = concat!(
    r"
import os, shutil, signal, sys, threading
def follow():
    while os.read(0, 4096):
        pass
    shutil.rmtree(os.environ['TMPDIR'], ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)
if sys.argv.pop() == 'follow':
    threading.Thread(target=follow, daemon=True).start()
",
    include_str!("emulator/inserts.py"),
    r"
from ministack.app import main
main()
"
);

fn start(settings: &Settings, lifetime: Lifetime) -> Result<(Server, Child)> {
    let python = Python::installed()?;
    let folder = paths::local();
    // The lock is held until the server has its port, so only one process at a time looks for a free port.
    let lock = File::create(folder.join("start.lock")).context("cannot create the lock of the local AWS")?;
    lock.lock().context("cannot lock the start of the local AWS")?;

    let port = choose_port(settings.port)?;
    let log = folder.join(format!("{port}.log"));
    let scratch = folder.join(format!("{port}.scratch"));
    if scratch.exists() {
        fs::remove_dir_all(&scratch).context("cannot remove an old scratch folder")?;
    }
    fs::create_dir_all(&scratch).context("cannot create the server's scratch folder")?;

    let mut command = command(&python, port, &scratch, settings);
    let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    command.stdout(output.try_clone()?).stderr(output);
    match lifetime {
        Lifetime::OfThisProcess => command.arg("follow").stdin(Stdio::piped()),
        Lifetime::UntilStopped => command.arg("stay").stdin(Stdio::null()),
    };
    let mut child = command.process_group(0).spawn().context("cannot start Python")?;
    let server = wait_until_healthy(&mut child, port)
        .and_then(|()| Ok(Server { port, leader: GroupLeader::of(child.id())?, log: log.clone(), scratch }));
    match server {
        Ok(server) => Ok((server, child)),
        Err(error) => {
            signal_group(child.id(), Signal::KILL)?;
            child.wait()?;
            Err(error.context(format!(
                "the emulator did not come up; the end of {}:\n{}",
                log.display(),
                tail(&log)
            )))
        }
    }
}

fn command(python: &Python, port: u16, scratch: &Path, settings: &Settings) -> Command {
    let mut command = python.command();
    // The AWS settings of the caller are for a real account.
    for (name, _) in std::env::vars_os() {
        if ["AWS_", "MINISTACK_", "LAMBDA_", "SFN_"]
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    command
        .args(["-c", PROGRAM])
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("LOG_LEVEL", settings.log_level.as_deref().unwrap_or("WARNING"))
        .env("PERSIST_STATE", "0")
        .env("STATE_DIR", scratch)
        .env("TMPDIR", scratch)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if settings.skip_waits {
        command.env("SFN_WAIT_SCALE", "0");
    }
    command
}

/// The range in which the search looks for a free port. It is below the ports that systems give to
/// programs that bind port 0 or connect. A second passes between the choice of a port and the
/// binding by the server. If the system gave the port to another program within that second, the
/// search would take that program for the server.
const PORTS: Range<u16> = 20_000..32_000;

fn choose_port(wanted: Option<u16>) -> Result<u16> {
    if let Some(port) = wanted {
        ensure!(is_free(port), "a program listens on 127.0.0.1:{port} already; choose another port");
        return Ok(port);
    }
    // Processes begin at different ports, because two checkouts do not share a lock. A process goes on from
    // its last port, so that a late call to a server that ended does not reach the next server.
    static STARTS: AtomicUsize = AtomicUsize::new(0);
    let beginning = (std::process::id() as usize + STARTS.fetch_add(1, Ordering::Relaxed)) % PORTS.len();
    let mut ports = PORTS.cycle().skip(beginning).take(PORTS.len());
    ports
        .find(|&port| is_free(port))
        .with_context(|| format!("no port from {} to {} is free", PORTS.start, PORTS.end - 1))
}

fn is_free(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // Binding alone is no proof: the system lets a port be bound again soon after its server ended.
    TcpStream::connect(address).is_err() && TcpListener::bind(address).is_ok()
}

fn wait_until_healthy(child: &mut Child, port: u16) -> Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(status) = child.try_wait()? {
            bail!("the server ended with {status}");
        }
        if is_healthy(port).unwrap_or(false) {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "no healthy answer on port {port} within {} seconds",
            START_TIMEOUT.as_secs()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is_healthy(port: u16) -> Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(&status == b"HTTP/1.1 200")
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_refused_and_a_free_port_is_found() -> Result<()> {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        assert!(choose_port(Some(taken.local_addr()?.port())).is_err());
        assert!(PORTS.contains(&choose_port(None)?));
        Ok(())
    }
}

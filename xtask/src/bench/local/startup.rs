//! Measures the start of a function. A runtime API like that of Lambda starts the executable and takes the
//! time.

use std::convert::Infallible;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use local::aws::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use local::build::Executables;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::progress::say;

/// How often each function is started.
const STARTS: usize = 20;
/// How long a function may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000001";

/// The starts of one function. Each time begins just before the process is created.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// The time until the request for the first event.
    pub ready: Vec<Duration>,
    /// The time until the answer to the first event. The event is empty, and a function refuses it after it
    /// has built its clients.
    pub answered: Vec<Duration>,
}

/// Starts each function 20 times, one start after the other.
pub(super) async fn measure(executables: &Executables) -> Result<Vec<(&'static str, Starts)>> {
    say(&format!("starting each function {STARTS} times"))?;
    let mut all = Vec::new();
    for (name, executable) in executables.named() {
        let mut starts = Starts::default();
        for _ in 0..STARTS {
            let (ready, answered) =
                start(executable).await.with_context(|| format!("cannot measure the start of {name}"))?;
            starts.ready.push(ready);
            starts.answered.push(answered);
        }
        all.push((name, starts));
    }
    Ok(all)
}

/// What a function has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    AskedForEvent,
    Answered,
}

type Steps = UnboundedSender<(Step, Instant)>;

async fn start(executable: &Path) -> Result<(Duration, Duration)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the runtime API")?;
    let api = listener.local_addr()?.to_string();
    let (steps, mut seen) = unbounded_channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(accept(listener, steps));

    let mut command = command(executable, &api);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {}", executable.display()))?;
    let measured = timeout(ANSWER_TIMEOUT, watch(&mut child, &mut seen, started)).await;
    child.kill().await.context("cannot end the function")?;
    measured.with_context(|| format!("no answer within {} seconds", ANSWER_TIMEOUT.as_secs()))?
}

/// A command without the environment of the caller, so that the start is the same on every machine.
fn command(executable: &Path, api: &str) -> Command {
    let mut command = Command::new(executable);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // Nothing listens there, so a function that calls AWS before it reads its event fails.
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("BACKUP_TABLE_NAME", "bench")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn watch(
    child: &mut Child,
    seen: &mut UnboundedReceiver<(Step, Instant)>,
    started: Instant,
) -> Result<(Duration, Duration)> {
    let mut ready = None;
    loop {
        let (step, at) = tokio::select! {
            step = seen.recv() => step.context("the runtime API has ended")?,
            status = child.wait() => bail!("the function ended with {} before it answered", status?),
        };
        match (step, ready) {
            (Step::AskedForEvent, None) => ready = Some(at - started),
            (Step::Answered, Some(ready)) => return Ok((ready, at - started)),
            _ => {}
        }
    }
}

async fn accept(listener: TcpListener, steps: Steps) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, steps.clone()));
    }
}

async fn serve(stream: TcpStream, steps: Steps) {
    let steps = Arc::new(steps);
    let service = service_fn(move |request| answer(request, Arc::clone(&steps)));
    // An error is a function that was ended while it waited for its next event.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// The part of Lambda's runtime API that a function uses:
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.
async fn answer(request: Request<Incoming>, steps: Arc<Steps>) -> Result<Response<Full<Bytes>>, Infallible> {
    let at = Instant::now();
    let Some(step) = step(request.method(), request.uri().path()) else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    // The receiver is dropped after the answer.
    let _ = steps.send((step, at));
    let _ = request.into_body().collect().await;
    Ok(match step {
        Step::AskedForEvent => event(),
        Step::Answered => empty(StatusCode::ACCEPTED),
    })
}

fn step(method: &Method, path: &str) -> Option<Step> {
    let rest = path.strip_prefix("/2018-06-01/runtime/invocation/")?;
    match (method, rest.split_once('/')) {
        (&Method::GET, None) if rest == "next" => Some(Step::AskedForEvent),
        (&Method::POST, Some((_, "response" | "error"))) => Some(Step::Answered),
        _ => None,
    }
}

fn event() -> Response<Full<Bytes>> {
    let deadline = std::time::SystemTime::now() + Duration::from_secs(60);
    let deadline = deadline.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
    let response = Response::builder()
        .header("Lambda-Runtime-Aws-Request-Id", REQUEST_ID)
        .header("Lambda-Runtime-Deadline-Ms", deadline.to_string())
        .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bench")
        .header("Content-Type", "application/json");
    response
        .body(Full::new(Bytes::from_static(b"{}")))
        .unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_api_tells_a_request_from_an_answer() {
        let get = |path| step(&Method::GET, path);
        let post = |path| step(&Method::POST, path);
        assert_eq!(get("/2018-06-01/runtime/invocation/next"), Some(Step::AskedForEvent));
        assert_eq!(post("/2018-06-01/runtime/invocation/1/error"), Some(Step::Answered));
        assert_eq!(post("/2018-06-01/runtime/invocation/1/response"), Some(Step::Answered));
        assert_eq!(post("/2018-06-01/runtime/init/error"), None);
        assert_eq!(get("/2018-06-01/runtime/invocation/1/response"), None);
    }
}

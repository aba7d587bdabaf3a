//! A local server for tests: it gives every request the same answer, or one after the other, and keeps the requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What the server answers.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: String,
}

/// A server on 127.0.0.1.
pub(crate) struct Server {
    url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    answer: Answer,
    /// Answers to the next requests.
    next: VecDeque<Answer>,
    requests: Vec<String>,
    /// Requests without an answer, now and at most.
    waiting: usize,
    most_waiting: usize,
}

impl Server {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            answer,
            next: VecDeque::new(),
            requests: Vec::new(),
            waiting: 0,
            most_waiting: 0,
        }));
        let current = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let state = Arc::clone(&current);
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !is_whole(&request)
                        && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0)
                    {
                    }
                    let Answer { status, body } = {
                        let mut state = state.lock().unwrap();
                        state.requests.push(String::from_utf8_lossy(&request).into_owned());
                        state.waiting += 1;
                        state.most_waiting = state.most_waiting.max(state.waiting);
                        state.next.pop_front().unwrap_or_else(|| state.answer.clone())
                    };
                    // So that requests at once overlap.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    state.lock().unwrap().waiting -= 1;
                    let head = format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                });
            }
        });
        Self { url, state }
    }

    /// Gives this answer from now on.
    pub fn answers(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    /// Gives these answers to the next requests.
    pub fn answers_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.lock().unwrap().next.extend(answers);
    }

    /// The most requests so far that were without an answer at once.
    pub fn most_waiting(&self) -> usize {
        self.state.lock().unwrap().most_waiting
    }

    /// The requests so far, with their heads.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// A configuration that calls this server once for each call.
    pub fn config(&self) -> SdkConfig {
        let credentials = aws_sdk_dynamodb::config::Credentials::new("a", "b", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&self.url)
            .build()
    }
}

/// Whether the body has the length that the head says.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    body.len() >= length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

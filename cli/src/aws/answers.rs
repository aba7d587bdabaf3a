//! A local server for tests: it answers each call of AWS, and keeps the requests.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;

/// The account of the answers.
pub const ACCOUNT: &str = "123456789012";

/// A server on 127.0.0.1. It ends with the process.
pub struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answer` makes the status and the body for each request, of which it gets the head and the body.
    pub fn start(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let Some(request) = read(&mut stream) else { return };
                    let (status, body) = answer(&request);
                    kept.lock().unwrap().push(request);
                    let length = body.len();
                    let head =
                        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close");
                    // The client may have gone.
                    let _ = stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
                });
            }
        });
        Self { url, requests }
    }

    /// The requests so far, with their heads.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// A configuration of Region eu-west-1 that calls this server once for each call.
    pub async fn config(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("caller", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&self.url)
            .load()
            .await
    }
}

/// The answer of `GetCallerIdentity` about a caller of [`ACCOUNT`].
pub fn caller_identity() -> (u16, String) {
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/operator/test");
    let result = format!(
        "<GetCallerIdentityResult><Arn>{arn}</Arn><UserId>U:test</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>"
    );
    (200, in_document("GetCallerIdentity", &result))
}

/// The answer of `AssumeRole`, with the access key `key`.
pub fn assumed_role(key: &str) -> (u16, String) {
    let credentials = format!(
        "<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>"
    );
    let user = "<AssumedRoleUser><Arn>arn:aws:sts::111111111111:assumed-role/reader/test</Arn><AssumedRoleId>R:test</AssumedRoleId></AssumedRoleUser>";
    let result =
        format!("<AssumeRoleResult><Credentials>{credentials}</Credentials>{user}</AssumeRoleResult>");
    (200, in_document("AssumeRole", &result))
}

fn in_document(call: &str, result: &str) -> String {
    let name = format!("{call}Response");
    format!("<{name} xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">{result}</{name}>")
}

/// A request, to the end of its body. None if the client sends none.
fn read(stream: &mut TcpStream) -> Option<String> {
    let (mut request, mut part) = (Vec::new(), [0; 4096]);
    while !is_whole(&request) {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&part[..read]);
    }
    String::from_utf8(request).ok()
}

/// Whether the body has the length that the head says.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    body.len() >= length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

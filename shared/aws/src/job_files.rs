//! Files of import jobs in the function's temporary storage, their upload to presigned URLs, and
//! their logs in CloudWatch Logs.
//!
//! A file has up to 100 MB. It fits into the 512 MB of temporary storage, but not into the memory.

use std::io::SeekFrom;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use backon::Retryable;
use futures::TryStreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::{Method, Request};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::rt::TokioExecutor;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use super::codes::code_of;
use shared::pacing::FullJitter;
use shared::ports::job_files::{JobFile, JobFiles, JobLog, LogError, LogPage, UploadError};
use shared::ports::pool::PresignedUrl;
use shared::{Error, ErrorKind, Result};

/// Attempts at an upload.
const MAX_ATTEMPTS: usize = 4;
/// The time limit of one attempt: 100 MB at the rate of a slow function.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(120);

/// Files in temporary storage, logs in CloudWatch.
#[derive(Debug, Clone)]
pub struct LocalJobFiles {
    logs: Client,
    log_role: Option<String>,
}

impl LocalJobFiles {
    /// Files for jobs whose logs Cognito writes with the role of this ARN.
    pub fn new(logs: Client, log_role: Option<String>) -> Self {
        Self { logs, log_role }
    }

    /// A client with timeouts and with the SDK's retries.
    pub fn client(config: &aws_config::SdkConfig) -> Client {
        Client::from_conf(
            aws_sdk_cloudwatchlogs::config::Builder::from(config).timeout_config(super::timeouts()).build(),
        )
    }
}

impl JobFiles for LocalJobFiles {
    type File = LocalFile;

    fn log_role(&self) -> Option<&str> {
        self.log_role.as_deref()
    }

    fn begin(&self) -> Result<LocalFile> {
        tempfile::tempfile().map(|file| LocalFile(File::from_std(file))).map_err(|error| no_room(&error))
    }

    async fn log(&self, log: &JobLog, token: Option<&str>) -> std::result::Result<LogPage, LogError> {
        let request = self
            .logs
            .get_log_events()
            .log_group_name(&log.group)
            .log_stream_name(&log.stream)
            .start_from_head(true);
        let answer = match request.set_next_token(token.map(str::to_owned)).send().await {
            Ok(answer) => answer,
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                return Ok(LogPage::default());
            }
            Err(error) => return Err(LogError(code_of(&error))),
        };
        // At the end of a log, the answer repeats the token of the request.
        let next_token = answer.next_forward_token.filter(|next| Some(next.as_str()) != token);
        let messages =
            answer.events.unwrap_or_default().into_iter().filter_map(|event| event.message).collect();
        Ok(LogPage { messages, next_token })
    }
}

/// A file without a name. The system deletes it with the value, even if the function is killed.
#[derive(Debug)]
pub struct LocalFile(File);

impl JobFile for LocalFile {
    async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).await.map_err(|error| no_room(&error))
    }

    async fn upload(&mut self, to: &PresignedUrl) -> std::result::Result<(), UploadError> {
        let broken = |error: std::io::Error| UploadError(error.kind().to_string());
        self.0.flush().await.map_err(broken)?;
        let length = self.0.metadata().await.map_err(broken)?.len();
        let file = &self.0;
        let attempt = || async move {
            let mut file = file.try_clone().await.map_err(broken)?;
            file.seek(SeekFrom::Start(0)).await.map_err(broken)?;
            match tokio::time::timeout(UPLOAD_TIMEOUT, put(file, length, to)).await {
                Ok(result) => result,
                Err(_) => Err(UploadError("Timeout".to_owned())),
            }
        };
        attempt
            .retry(FullJitter::new(MAX_ATTEMPTS, Duration::from_millis(200), Duration::from_secs(5)))
            .when(|error| !error.0.starts_with("HTTP 4"))
            .await
    }
}

async fn put(file: File, length: u64, to: &PresignedUrl) -> std::result::Result<(), UploadError> {
    let failed = |what: &str| UploadError(what.to_owned());
    let connector =
        HttpsConnectorBuilder::new().with_native_roots().map_err(|_| failed("no root certificates"))?;
    let connector = connector.https_or_http().enable_http1().build();
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
    let body =
        StreamBody::new(ReaderStream::with_capacity(file, 64 * 1024).map_ok(Frame::<Bytes>::data)).boxed();
    let request = Request::builder()
        .method(Method::PUT)
        .uri(to.reveal())
        .header("x-amz-server-side-encryption", "aws:kms")
        .header("content-length", length)
        .body(body)
        .map_err(|_| failed("the URL cannot be read"))?;
    let answer = client.request(request).await.map_err(|_| failed("no answer"))?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(UploadError(format!("HTTP {}", answer.status().as_u16())))
    }
}

fn no_room(error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::InvalidConfiguration,
        format!("The file of an import job could not be written: {}.", error.kind()),
        "Give the function import-page 512 MB of ephemeral storage or more.",
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn file(content: &[u8]) -> LocalFile {
        let config =
            aws_config::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
        let mut file = LocalJobFiles::new(LocalJobFiles::client(&config), None).begin().unwrap();
        for part in content.chunks(7) {
            file.append(part).await.unwrap();
        }
        file
    }

    /// A server that answers every request with `status`. Returns the URL, and the first request.
    async fn server(status: &'static str) -> (PresignedUrl, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url =
            PresignedUrl::new(format!("http://{}/upload?X-Amz-Expires=900", listener.local_addr().unwrap()));
        let first = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"the end\n") {
                assert!(
                    stream.read_buf(&mut request).await.unwrap() > 0,
                    "the body is shorter than it should be"
                );
            }
            stream
                .write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())
                .await
                .unwrap();
            String::from_utf8(request).unwrap()
        });
        (url, first)
    }

    #[tokio::test]
    async fn a_file_is_uploaded_with_its_length_and_the_signed_header() {
        let (url, first) = server("200 OK").await;
        let content = format!("{}the end\n", "row,row\n".repeat(20_000));
        assert_eq!(file(content.as_bytes()).await.upload(&url).await, Ok(()));
        let request = first.await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("PUT /upload?X-Amz-Expires=900 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("x-amz-server-side-encryption: aws:kms"), "{head}");
        assert!(
            head.contains(&format!("content-length: {}", content.len())) && !head.contains("chunked"),
            "{head}"
        );
        assert_eq!(body, content);
    }

    #[tokio::test]
    async fn an_expired_url_is_not_tried_again() {
        let (url, first) = server("403 Forbidden").await;
        assert_eq!(file(b"the end\n").await.upload(&url).await, Err(UploadError("HTTP 403".to_owned())));
        first.await.unwrap();
    }

    #[tokio::test]
    async fn an_upload_speaks_https() {
        // No server listens at this URL. The test shows that root certificates and cryptography are found.
        let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
        let url = PresignedUrl::new(format!("https://{closed}/upload"));
        assert_eq!(put(file(b"x").await.0, 1, &url).await, Err(UploadError("no answer".to_owned())));
    }
}

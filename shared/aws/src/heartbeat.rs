//! The adapter for heartbeats: a GET to an address that the operator keeps in a SecureString parameter of Systems
//! Manager.
//!
//! A service that watches backups gives each backup an address of its own. A client that knows the address can tell the
//! service that the backup works. So the address is a secret, and no error and no log line has it.

use std::fmt;
use std::time::Duration;

use aws_sdk_ssm::Client;
use http_body_util::Empty;
use hyper::Uri;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::codes::code_of;
use shared::model::ErrorCode;
use shared::{Error, ErrorKind, Result};

/// The time limit of the GET, with the connection.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit for the parameter, with the retries of the SDK.
const PARAMETER_TIMEOUT: Duration = Duration::from_secs(10);

/// What to do if the value of the parameter is wrong.
const KEEP_AN_HTTPS_URL: &str =
    "Keep an address that begins with https:// in the parameter, as the watching service shows it.";

/// The service that gets the heartbeats.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    client: Client,
    parameter: String,
}

impl Heartbeat {
    /// A heartbeat to the address in the parameter of this name.
    pub fn new(client: Client, parameter: String) -> Self {
        Self { client, parameter }
    }

    /// A client with timeouts and with the SDK's retries.
    pub fn client(config: &aws_config::SdkConfig) -> Client {
        let config = aws_sdk_ssm::config::Builder::from(config);
        Client::from_conf(config.timeout_config(super::timeouts()).build())
    }

    /// Reads the address, so that a changed one counts at once, and calls it.
    ///
    /// # Errors
    /// `InvalidConfiguration` if the parameter holds no address with `https:`. `CallRefused` if the parameter cannot be
    /// read, or if the service does not answer with a status of success.
    pub async fn send(&self) -> Result<()> {
        let address = match tokio::time::timeout(PARAMETER_TIMEOUT, self.address()).await {
            Ok(address) => address?,
            Err(_) => return Err(unread(&ErrorCode::of("Timeout"))),
        };
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|_| refused("the function has no root certificates"))?;
        get(address, connector.https_only().enable_http1().build()).await
    }

    async fn address(&self) -> Result<Address> {
        let request = self.client.get_parameter().name(&self.parameter).with_decryption(true);
        let answer = request.send().await.map_err(|error| unread(&code_of(&error)))?;
        let value = answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
        Address::parse(&value)
    }
}

/// An address with `https:`. Its text is a secret.
struct Address(Uri);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

impl Address {
    fn parse(value: &str) -> Result<Self> {
        let uri: Option<Uri> = value.trim().parse().ok();
        let uri = uri.filter(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
        uri.map(Self).ok_or_else(|| {
            let what = "The parameter for heartbeats holds no address with https:.";
            Error::new(ErrorKind::InvalidConfiguration, what, KEEP_AN_HTTPS_URL)
        })
    }
}

/// One request. The client follows no redirect, and does not read the body of the answer.
async fn get(Address(uri): Address, connector: HttpsConnector<HttpConnector>) -> Result<()> {
    let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let status = match tokio::time::timeout(TIMEOUT, client.get(uri)).await {
        Ok(Ok(answer)) => answer.status(),
        Ok(Err(_)) => return Err(refused("no answer")),
        Err(_) => return Err(refused("no answer in three seconds")),
    };
    if status.is_success() { Ok(()) } else { Err(refused(&format!("HTTP {}", status.as_u16()))) }
}

fn refused(why: &str) -> Error {
    Error::new(
        ErrorKind::CallRefused,
        format!("The service that gets the heartbeats did not accept one ({why})."),
        "The snapshot is sealed. Ask the service for its state, and check the address in the parameter. No redirect is \
         followed.",
    )
}

fn unread(code: &ErrorCode) -> Error {
    Error::new(
        ErrorKind::CallRefused,
        format!("The address for heartbeats could not be read ({code})."),
        "The snapshot is sealed. Check that the parameter exists in this Region, and that the function's role may read \
         it and use its key.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::answers::{Answer, Server};

    const SECRET: &str = "0b5f9a2e";

    /// The result of one GET that a server answers in this way, and the request. None: the server never answers.
    async fn answered(answer: Option<&'static str>) -> (Result<()>, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}/{SECRET}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0);
            }
            match answer {
                Some(head) => stream.write_all(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes()).await.unwrap(),
                None => drop(stream.read_buf(&mut request).await),
            }
            // A redirect that was followed would come as a second connection.
            let second = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
            assert!(second.is_err(), "a second request");
            String::from_utf8(request).unwrap()
        });
        // Only these tests allow http: the server has no certificate.
        let connector = HttpsConnectorBuilder::new().with_native_roots().unwrap().https_or_http();
        let result = get(Address(address.parse().unwrap()), connector.enable_http1().build()).await;
        (result, server.await.unwrap())
    }

    /// What is said of an error: without the secret.
    fn said(result: Result<()>) -> String {
        let error = result.unwrap_err();
        let said = format!("{error:?} {}", shared::report::cause(&error));
        assert!(!said.contains(SECRET) && !said.contains("127.0.0.1"), "{said}");
        said
    }

    #[tokio::test]
    async fn a_heartbeat_is_one_get() {
        let (result, request) = answered(Some("200 OK\r\ncontent-length: 0")).await;
        assert_eq!(result, Ok(()));
        assert!(request.starts_with(&format!("GET /{SECRET} HTTP/1.1\r\n")), "{request}");
    }

    #[tokio::test]
    async fn a_redirect_is_refused_and_not_followed() {
        let redirect = format!("302 Found\r\nlocation: /{SECRET}\r\ncontent-length: 0");
        let (result, _) = answered(Some(redirect.leak())).await;
        assert!(said(result).contains("HTTP 302"));
    }

    #[tokio::test]
    async fn an_error_of_the_service_is_told_by_its_status() {
        let (result, _) = answered(Some("404 Not Found\r\ncontent-length: 0")).await;
        assert!(said(result).contains("HTTP 404"));
    }

    #[tokio::test]
    async fn a_service_that_does_not_answer_costs_three_seconds() {
        let began = std::time::Instant::now();
        let (result, _) = answered(None).await;
        assert!(said(result).contains("three seconds"));
        assert!((3..6).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn an_address_with_https_only_is_called() {
        let wrong = [
            format!("http://127.0.0.1/{SECRET}"),
            format!("file:///{SECRET}"),
            format!("/{SECRET}"),
            SECRET.to_owned(),
            format!("https://{SECRET} x"),
            String::new(),
        ];
        let server = Server::start(Answer { status: 200, body: String::new() }).await;
        let heartbeat = Heartbeat::new(Client::new(&server.config()), "/heartbeat".to_owned());
        for value in wrong {
            let parameter = json!({"Parameter": {"Name": "/heartbeat", "Value": value}});
            server.answers(Answer { status: 200, body: parameter.to_string() });
            let result = heartbeat.send().await;
            assert_eq!(result.as_ref().unwrap_err().kind(), ErrorKind::InvalidConfiguration, "{value}");
            assert!(said(result).contains("https://"));
        }
        assert!(server.requests().iter().all(|request| request.contains("\"WithDecryption\":true")));
    }

    #[tokio::test]
    async fn the_client_of_the_adapter_speaks_https() {
        // No server with a certificate listens here, so the handshake fails.
        let server = Server::start(Answer { status: 200, body: String::new() }).await;
        let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
        let parameter = json!({"Parameter": {"Value": format!("https://{closed}/{SECRET}")}});
        server.answers(Answer { status: 200, body: parameter.to_string() });
        let heartbeat = Heartbeat::new(Client::new(&server.config()), "/heartbeat".to_owned());
        assert!(said(heartbeat.send().await).contains("(no answer)"));
    }

    #[tokio::test]
    async fn a_parameter_that_cannot_be_read_is_told_by_its_code() {
        let body = json!({"__type": "ParameterNotFound", "message": SECRET}).to_string();
        let server = Server::start(Answer { status: 400, body }).await;
        let heartbeat = Heartbeat::new(Client::new(&server.config()), "/heartbeat".to_owned());
        assert!(said(heartbeat.send().await).contains("(ParameterNotFound)"));
    }
}

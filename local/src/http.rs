//! The common part of the proxies: HTTP/1.1 on 127.0.0.1 in front of one upstream server. Connections are
//! kept alive on both sides.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, Scheme, Uri};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A reply with its whole body.
pub(crate) type Reply = Response<Full<Bytes>>;

/// Returned to close a connection without an answer.
#[derive(Debug)]
pub(crate) struct ConnectionDropped;

impl fmt::Display for ConnectionDropped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is dropped")
    }
}

impl std::error::Error for ConnectionDropped {}

/// The server behind a proxy.
#[derive(Debug)]
pub(crate) struct Upstream {
    authority: Authority,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Upstream {
    /// The server at `url`. This call sends nothing.
    ///
    /// # Errors
    /// If the URL has no host and port.
    pub fn new(url: &str) -> Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
        let authority = uri.authority().cloned().with_context(|| format!("{url} has no host"))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // The emulator closes idle connections after 75 seconds. We close them before that, so that we
            // never use a connection that it closes.
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Ok(Self { authority, client })
    }

    /// Forwards a request and returns the whole reply.
    ///
    /// # Errors
    /// If the server cannot be reached or ends the connection early.
    pub async fn send(&self, mut head: Parts, body: Bytes) -> Result<Response<Bytes>> {
        head.headers.remove(HOST);
        head.headers.remove(CONNECTION);
        let mut uri = head.uri.into_parts();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.authority.clone());
        head.uri = Uri::from_parts(uri).unwrap_or_default();
        let (mut head, body) =
            self.client.request(Request::from_parts(head, Full::new(body))).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        // The body is complete, so hyper sets its length.
        for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
            head.headers.remove(name);
        }
        Ok(Response::from_parts(head, body))
    }
}

/// Passes every request that a listener gets to a function. It stops when this value is dropped.
pub(crate) struct Accepting(JoinHandle<()>);

impl Accepting {
    pub fn start<H, F>(listener: TcpListener, handle: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Reply, ConnectionDropped>> + Send + 'static,
    {
        Self(tokio::spawn(accept(listener, handle)))
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        // This also closes the connections, because the accepting task owns their tasks.
        self.0.abort();
    }
}

async fn accept<H, F>(listener: TcpListener, handle: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Reply, ConnectionDropped>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, handle.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve<H, F>(stream: TcpStream, handle: H)
where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Reply, ConnectionDropped>> + Send + 'static,
{
    // Without it, a small answer waits for the acknowledgement of the answer before.
    let _ = stream.set_nodelay(true);
    // An error is a connection that ended early: the client ended it, or an injected fault did.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(handle))
        .await;
}

/// The head and the whole body of a request.
pub(crate) async fn received(request: Request<Incoming>) -> Result<(Parts, Bytes), ConnectionDropped> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| ConnectionDropped)?.to_bytes();
    Ok((head, body))
}

/// A reply of the AWS JSON protocols.
pub(crate) fn json_reply(status: u16, error_type: Option<&str>, body: &Value) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body.to_string())));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Some(Ok(error)) = error_type.map(HeaderValue::try_from) {
        reply.headers_mut().insert("x-amzn-errortype", error);
    }
    reply
}

/// The service and the operation of a request: from `X-Amz-Target` in the JSON protocols, from `Action` in
/// the query protocol.
pub(crate) fn name(headers: &HeaderMap, body: &[u8]) -> (String, String) {
    if let Some(target) = headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
        let (service, operation) = target.rsplit_once('.').unwrap_or(("", target));
        return (service.to_owned(), operation.to_owned());
    }
    let action = std::str::from_utf8(body)
        .ok()
        .and_then(|form| form.split('&').find_map(|pair| pair.strip_prefix("Action=")));
    (String::new(), action.unwrap_or_default().to_owned())
}

/// The access key and the Region in the signature of a request: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
/// Source: "Signature elements", "AWS Signature Version 4 for API requests", IAM user guide.
pub(crate) fn signer(headers: &HeaderMap) -> (String, String) {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = header.split_once("Credential=").map_or("", |(_, rest)| rest);
    let mut parts = credential.split('/');
    let key = parts.next().unwrap_or_default();
    (key.to_owned(), parts.nth(1).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_of_a_request_names_the_access_key_and_the_region() {
        let mut headers = HeaderMap::new();
        assert_eq!(signer(&headers), (String::new(), String::new()));
        let header = "AWS4-HMAC-SHA256 Credential=AKID/20300131/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        headers.insert("authorization", HeaderValue::from_static(header));
        assert_eq!(signer(&headers), ("AKID".to_owned(), "eu-west-1".to_owned()));
    }
}

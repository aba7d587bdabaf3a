//! The logo of the classic login pages. Cognito answers its address, and no operation answers its bytes.

use std::time::Duration;

use backon::Retryable;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::{StatusCode, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use shared::pacing::FullJitter;
use shared::ports::pool::{LogoError, MAX_LOGO};

const MAX_ATTEMPTS: usize = 3;
/// The time limit of one attempt. A logo is small, and an export waits for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Fetches a logo. Only HTTPS: the bytes come back into the login pages of a restored pool.
pub(super) async fn fetch(url: &str) -> Result<Vec<u8>, LogoError> {
    let uri: Uri = url.parse().map_err(|_| LogoError::NotFetched)?;
    if uri.scheme_str() != Some("https") {
        return Err(LogoError::NotFetched);
    }
    let attempt = || async {
        tokio::time::timeout(TIMEOUT, get(uri.clone())).await.unwrap_or(Err(LogoError::NotFetched))
    };
    attempt
        .retry(FullJitter::new(MAX_ATTEMPTS, Duration::from_millis(200), Duration::from_secs(2)))
        .when(|error| *error != LogoError::TooLarge)
        .await
}

/// One request. The client follows no redirect, and another status than 200 is no image.
async fn get(uri: Uri) -> Result<Vec<u8>, LogoError> {
    let connector = HttpsConnectorBuilder::new().with_native_roots().map_err(|_| LogoError::NotFetched)?;
    let client = Client::builder(TokioExecutor::new())
        .build::<_, Empty<Bytes>>(connector.https_or_http().enable_http1().build());
    let answer = client.get(uri).await.map_err(|_| LogoError::NotFetched)?;
    if answer.status() != StatusCode::OK {
        return Err(LogoError::NotFetched);
    }
    match Limited::new(answer.into_body(), MAX_LOGO).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(LogoError::TooLarge),
        Err(_) => Err(LogoError::NotFetched),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// The result of one request that a server answers in this way.
    async fn answered(head: &str, body: Vec<u8>) -> Result<Vec<u8>, LogoError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(head.as_bytes()).await.unwrap();
            // The client closes the connection of an answer that is too large.
            let _ = stream.write_all(&body).await;
        });
        let result = get(format!("http://{address}/logo.jpg").parse().unwrap()).await;
        server.await.unwrap();
        result
    }

    #[tokio::test]
    async fn a_logo_has_at_most_128_kilobytes() {
        let largest = vec![7; MAX_LOGO];
        assert_eq!(answered("200 OK", largest.clone()).await, Ok(largest));
        assert_eq!(answered("200 OK", vec![7; MAX_LOGO + 1]).await, Err(LogoError::TooLarge));
    }

    #[tokio::test]
    async fn no_redirect_and_no_error_is_an_image() {
        let redirect = "302 Found\r\nlocation: http://127.0.0.1/other";
        assert_eq!(answered(redirect, b"x".to_vec()).await, Err(LogoError::NotFetched));
        assert_eq!(answered("403 Forbidden", b"x".to_vec()).await, Err(LogoError::NotFetched));
    }

    #[tokio::test]
    async fn an_address_without_https_is_not_followed() {
        for url in ["http://127.0.0.1/logo.jpg", "file:///etc/passwd", "", "logo.jpg"] {
            assert_eq!(fetch(url).await, Err(LogoError::NotFetched), "{url}");
        }
    }
}

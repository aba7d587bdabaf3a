//! The strict proxy's client of the emulator.

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};

use super::call::Caller;
use super::refusal::CallError;
use crate::http::{Reply, Upstream};

/// Cognito's name in the JSON protocol.
pub(super) const COGNITO: &str = "AWSCognitoIdentityProviderService";
/// The number of attempts at a call that fails because of concurrent calls in the emulator.
const MAX_ATTEMPTS: usize = 20;
/// The emulator's error text for such a call. The emulator has not applied the call.
const CONCURRENT_CHANGE: &[u8] = b"changed size during iteration";

#[derive(Debug)]
pub(super) struct EmulatorClient(Upstream);

impl EmulatorClient {
    pub fn new(url: &str) -> Result<Self> {
        Upstream::new(url).map(Self)
    }

    /// Forwards a call. Repeats it if it failed because of concurrent calls.
    pub async fn send(&self, head: &Parts, body: &Bytes) -> Result<Response<Bytes>> {
        let mut reply = self.0.send(head.clone(), body.clone()).await?;
        for _ in 1..MAX_ATTEMPTS {
            let is_concurrent_change = reply.status().is_server_error()
                && reply.body().windows(CONCURRENT_CHANGE.len()).any(|window| window == CONCURRENT_CHANGE);
            if !is_concurrent_change {
                break;
            }
            reply = self.0.send(head.clone(), body.clone()).await?;
        }
        Ok(reply)
    }

    /// Makes a call of the proxy to Cognito, with the identity of `caller`.
    pub async fn request(&self, caller: &Caller, operation: &str, input: &Value) -> Result<Value, CallError> {
        self.request_service(caller, COGNITO, operation, input).await
    }

    /// Like [`EmulatorClient::request`], for any service of the JSON protocol.
    pub async fn request_service(
        &self,
        caller: &Caller,
        service: &str,
        operation: &str,
        input: &Value,
    ) -> Result<Value, CallError> {
        let sent = async {
            let mut head = Request::builder().method(Method::POST).uri("/").body(())?.into_parts().0;
            head.headers = caller.authorization.clone();
            head.headers.insert("x-amz-target", HeaderValue::try_from(format!("{service}.{operation}"))?);
            head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
            self.send(&head, &input.to_string().into()).await
        };
        let reply = sent.await.map_err(|error| CallError::bad_gateway(&error))?;
        if !reply.status().is_success() {
            return Err(CallError::FromEmulator(reply));
        }
        if reply.body().is_empty() {
            return Ok(json!({}));
        }
        let output = serde_json::from_slice(reply.body()).context("the emulator's answer is not JSON");
        output.map_err(|error| CallError::bad_gateway(&error))
    }

    /// Reads all pages of a listing. `items` names the field with the entries. `token` names the token,
    /// both in the input and in the output.
    pub async fn list(
        &self,
        caller: &Caller,
        operation: &str,
        input: &Value,
        items: &str,
        token: &str,
    ) -> Result<Vec<Value>, CallError> {
        let mut input = input.clone();
        let mut found = Vec::new();
        loop {
            let mut page = self.request(caller, operation, &input).await?;
            if let Value::Array(entries) = page[items].take() {
                found.extend(entries);
            }
            match page[token].take() {
                Value::Null => return Ok(found),
                next => input[token] = next,
            }
        }
    }
}

/// The emulator's reply, unchanged.
pub(super) fn unchanged(reply: Response<Bytes>) -> Reply {
    reply.map(Full::new)
}

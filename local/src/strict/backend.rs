//! The emulator, as the strict Cognito asks it.

use anyhow::{Context, Result};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};

use super::call::Caller;
use super::refusal::Halt;
use crate::http::Upstream;

/// Cognito's name in the JSON protocol.
pub(super) const COGNITO: &str = "AWSCognitoIdentityProviderService";
/// How often a call is made that the emulator could not carry out because it stumbled over itself.
const ATTEMPTS: usize = 20;
/// What the emulator says then. Nothing was applied.
const STUMBLED: &[u8] = b"changed size during iteration";

/// The emulator.
#[derive(Debug)]
pub(super) struct Backend(Upstream);

impl Backend {
    pub fn new(url: &str) -> Result<Self> {
        Upstream::new(url).map(Self)
    }

    /// Sends a call on, again where the emulator stumbled.
    pub async fn send(&self, head: &Parts, body: &Bytes) -> Result<Response<Bytes>> {
        let mut reply = self.0.send(head.clone(), body.clone()).await?;
        for _ in 1..ATTEMPTS {
            let stumbled = reply.status().is_server_error() && reply.body().windows(STUMBLED.len()).any(|w| w == STUMBLED);
            if !stumbled {
                break;
            }
            reply = self.0.send(head.clone(), body.clone()).await?;
        }
        Ok(reply)
    }

    /// Makes a call of our own to Cognito in the name of `caller`.
    pub async fn ask(&self, caller: &Caller, operation: &str, input: &Value) -> Result<Value, Halt> {
        self.ask_service(caller, COGNITO, operation, input).await
    }

    /// As [`Backend::ask`], to any service of the JSON protocol.
    pub async fn ask_service(&self, caller: &Caller, service: &str, operation: &str, input: &Value) -> Result<Value, Halt> {
        let asked = async {
            let mut head = Request::builder().method(Method::POST).uri("/").body(())?.into_parts().0;
            head.headers = caller.authorization.clone();
            head.headers.insert("x-amz-target", HeaderValue::try_from(format!("{service}.{operation}"))?);
            head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
            self.send(&head, &input.to_string().into()).await
        };
        let reply = asked.await.map_err(|error| Halt::broken(&error))?;
        if !reply.status().is_success() {
            return Err(Halt::Answered(reply));
        }
        let output = match reply.body().is_empty() {
            true => Ok(json!({})),
            false => serde_json::from_slice(reply.body()).context("the emulator's answer is not JSON"),
        };
        output.map_err(|error| Halt::broken(&error))
    }

    /// All pages of a listing: `items` names the field that holds the entries, `token` both fields of the token.
    pub async fn list(
        &self,
        caller: &Caller,
        operation: &str,
        input: &Value,
        items: &str,
        token: &str,
    ) -> Result<Vec<Value>, Halt> {
        let mut input = input.clone();
        let mut found = Vec::new();
        loop {
            let mut page = self.ask(caller, operation, &input).await?;
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

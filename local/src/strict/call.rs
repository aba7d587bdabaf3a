//! A call to Cognito, as it arrives at the strict proxy.

use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::CONTENT_LENGTH;
use hyper::http::request::Parts;
use serde_json::Value;

use super::refusal::Refusal;
use super::schema::Attribute;

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub operation: String,
    pub head: Parts,
    pub body: Bytes,
    pub input: Value,
}

/// The identity of a client. With its headers, the emulator assigns the proxy's own calls to the client's
/// account and Region.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub authorization: HeaderMap,
}

impl Call {
    pub fn new(operation: String, head: Parts, body: Bytes) -> Self {
        let input = serde_json::from_slice(&body).unwrap_or_default();
        Self { operation, head, body, input }
    }

    pub fn caller(&self) -> Caller {
        let keep = ["authorization", "x-amz-date", "x-amz-security-token"];
        let kept = keep.into_iter().filter_map(|name| {
            let value = self.head.headers.get(name)?;
            Some((hyper::header::HeaderName::from_static(name), value.clone()))
        });
        Caller { authorization: kept.collect() }
    }

    /// The same call with another username.
    pub fn with_username(&self, username: &str) -> Self {
        let mut call = self.clone();
        call.input["Username"] = username.into();
        call.body = call.input.to_string().into();
        call.head.headers.remove(CONTENT_LENGTH);
        call
    }

    /// A string member of the input.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.input[name].as_str()
    }

    /// A string member that the input must have.
    pub fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| {
            let rule = "failed to satisfy constraint: Member must not be null";
            Refusal::invalid(format!("1 validation error detected: Value null at '{name}' {rule}"))
        })
    }

    pub fn pool(&self) -> Result<&str, Refusal> {
        self.require("UserPoolId")
    }

    /// `UserAttributes` of the input.
    pub fn attributes(&self) -> Vec<Attribute> {
        attributes(&self.input["UserAttributes"])
    }
}

/// Reads a list of `{"Name": …, "Value": …}`.
pub(super) fn attributes(list: &Value) -> Vec<Attribute> {
    let text = |attribute: &Value, name: &str| attribute[name].as_str().unwrap_or_default().to_owned();
    list.as_array()
        .into_iter()
        .flatten()
        .map(|attribute| (text(attribute, "Name"), text(attribute, "Value")))
        .collect()
}

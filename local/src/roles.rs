//! Reads the roles of a deployment from the emulator.

use anyhow::{Context, Result, ensure};
use hyper::Request;
use hyper::body::Bytes;
use serde_json::Value;

use crate::aws::ACCESS_KEY_ID;
use crate::form;
use crate::http::Upstream;
use crate::policy::Policies;

/// The inline policies of a role.
///
/// # Errors
/// If there is no such role, or if it has attached policies, which this function does not read.
pub async fn policies(endpoint_url: &str, role_arn: &str) -> Result<Policies> {
    let role = role_arn.rsplit('/').next().unwrap_or(role_arn);
    let iam = Upstream::new(endpoint_url)?;
    let attached = ask(&iam, "ListAttachedRolePolicies", role, "").await?;
    ensure!(element(&attached, "PolicyArn").next().is_none(), "role {role} has attached policies");
    let listed = ask(&iam, "ListRolePolicies", role, "").await?;
    let mut documents: Vec<Value> = Vec::new();
    for name in element(&listed, "member") {
        let found = ask(&iam, "GetRolePolicy", role, &format!("&PolicyName={name}")).await?;
        let document = element(&found, "PolicyDocument").next().context("a policy without a document")?;
        documents.push(
            serde_json::from_str(&form::decoded(document.as_bytes())).context("a policy that is not JSON")?,
        );
    }
    Ok(Policies::new(&documents))
}

async fn ask(iam: &Upstream, action: &str, role: &str, more: &str) -> Result<String> {
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260101/us-east-1/iam/aws4_request");
    let (head, ()) = Request::post("/").header("authorization", authorization).body(())?.into_parts();
    let form = format!("Action={action}&Version=2010-05-08&RoleName={role}{more}");
    let reply = iam.send(head, Bytes::from(form)).await?;
    let text = String::from_utf8_lossy(reply.body()).into_owned();
    ensure!(reply.status().is_success(), "{action} of role {role}: {text}");
    Ok(text)
}

/// The texts of the elements with this name.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_once(start.as_str())?;
        let (text, after) = from.split_once(end.as_str())?;
        rest = after;
        Some(text)
    })
}

//! Reads the roles and the managed policies of a deployment from the emulator.

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
    let of_role = format!("RoleName={role}");
    let attached = ask(&iam, "ListAttachedRolePolicies", &of_role).await?;
    ensure!(element(&attached, "PolicyArn").next().is_none(), "role {role} has attached policies");
    let listed = ask(&iam, "ListRolePolicies", &of_role).await?;
    let mut documents: Vec<Value> = Vec::new();
    for name in element(&listed, "member") {
        let found = ask(&iam, "GetRolePolicy", &format!("{of_role}&PolicyName={name}")).await?;
        documents.push(document(element(&found, "PolicyDocument").next())?);
    }
    Ok(Policies::new(&documents))
}

/// The document of a managed policy, in its default version.
///
/// # Errors
/// If there is no such policy.
pub async fn managed_policy(endpoint_url: &str, policy_arn: &str) -> Result<Policies> {
    let iam = Upstream::new(endpoint_url)?;
    let found = ask(&iam, "GetPolicy", &format!("PolicyArn={policy_arn}")).await?;
    let version = element(&found, "DefaultVersionId").next().context("a policy without a version")?;
    let found = ask(&iam, "GetPolicyVersion", &format!("PolicyArn={policy_arn}&VersionId={version}")).await?;
    Ok(Policies::new([&document(element(&found, "Document").next())?]))
}

/// The JSON of a policy document, which an answer has in the form of a URL.
fn document(text: Option<&str>) -> Result<Value> {
    let text = text.context("a policy without a document")?;
    serde_json::from_str(&form::decoded(text.as_bytes())).context("a policy that is not JSON")
}

async fn ask(iam: &Upstream, action: &str, parameters: &str) -> Result<String> {
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260101/us-east-1/iam/aws4_request");
    let (head, ()) = Request::post("/").header("authorization", authorization).body(())?.into_parts();
    let form = format!("Action={action}&Version=2010-05-08&{parameters}");
    let reply = iam.send(head, Bytes::from(form)).await?;
    let text = String::from_utf8_lossy(reply.body()).into_owned();
    ensure!(reply.status().is_success(), "{action} with {parameters}: {text}");
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

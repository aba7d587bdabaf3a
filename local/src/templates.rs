//! The CloudFormation templates of a release: makes them, and deploys them to the emulator.
//!
//! The project has no client for S3 and CloudFormation. The few calls here need no other of their features.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hyper::Request;
use hyper::body::Bytes;

use crate::aws::ACCESS_KEY_ID;
use crate::http::Upstream;
use crate::paths;
use crate::roles::element;

/// The folder of the templates in a release.
pub const TEMPLATES: &str = "templates";

/// Makes the templates of a release in [`TEMPLATES`], for the archives in `folder`. It needs Node.js and the packages of
/// `cdk/`.
///
/// # Errors
/// If Node.js cannot be run, or if an archive is missing. The message has the output of the script.
pub fn make(folder: &Path, architecture: &str) -> Result<()> {
    let mut node = Command::new("node");
    node.current_dir(paths::workspace().join("cdk")).args(["--import", "tsx", "bin/dist.ts"]);
    let made = node.arg(folder).arg(architecture).output().context("cannot run node")?;
    ensure!(made.status.success(), "the templates are not made:\n{}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// A Region of the emulator, as an operator of a release uses it.
pub struct Region<'a> {
    upstream: Upstream,
    endpoint_url: &'a str,
    name: &'a str,
}

impl<'a> Region<'a> {
    /// The Region `name` of the emulator at `endpoint_url`.
    ///
    /// # Errors
    /// If the URL has no host.
    pub fn new(endpoint_url: &'a str, name: &'a str) -> Result<Self> {
        Ok(Self { upstream: Upstream::new(endpoint_url)?, endpoint_url, name })
    }

    /// Creates a bucket in this Region. Functions of other Regions cannot take their code from it.
    ///
    /// # Errors
    /// If the emulator refuses it.
    pub async fn create_bucket(&self, bucket: &str) -> Result<()> {
        // S3 has no name for its first Region here. Source: "CreateBucket", Amazon S3 API reference.
        let body = if self.name == "us-east-1" {
            String::new()
        } else {
            let region = self.name;
            format!(
                "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            )
        };
        self.put(&format!("/{bucket}"), body.into_bytes()).await
    }

    /// Puts an object into a bucket.
    ///
    /// # Errors
    /// If the emulator refuses it.
    pub async fn put_object(&self, bucket: &str, key: &str, content: Vec<u8>) -> Result<()> {
        self.put(&format!("/{bucket}/{key}"), content).await
    }

    /// Creates or updates a stack with a template in a bucket, and waits for it.
    ///
    /// # Arguments
    /// * `template`: the path of the template, as `bucket/key`
    /// * `parameters`: names and values. Those that the template does not declare are left out, as `aws cloudformation
    ///   deploy` does.
    ///
    /// # Errors
    /// If the stack is not complete after a minute. The message has what the emulator says.
    pub async fn deploy(
        &self,
        stack: &str,
        template: &str,
        declared: &[String],
        parameters: &[(&str, &str)],
    ) -> Result<Stack> {
        let action = if self.ask("DescribeStacks", stack, "").await.is_ok() { "Update" } else { "Create" };
        let url = format!("{}/{template}", self.endpoint_url);
        let mut form = format!("&TemplateURL={}&Capabilities.member.1=CAPABILITY_NAMED_IAM", encoded(&url));
        let known = parameters.iter().filter(|(name, _)| declared.iter().any(|other| other == name));
        for (number, (name, value)) in known.enumerate() {
            let member = format!("Parameters.member.{}", number + 1);
            form.push_str(&format!(
                "&{member}.ParameterKey={name}&{member}.ParameterValue={}",
                encoded(value)
            ));
        }
        self.ask(&format!("{action}Stack"), stack, &form).await?;
        for _ in 0..600 {
            let described = self.ask("DescribeStacks", stack, "").await?;
            let status = element(&described, "StackStatus").next().unwrap_or_default().to_owned();
            if status == format!("{}_COMPLETE", action.to_uppercase()) {
                return Ok(Stack { described });
            }
            if !status.ends_with("_IN_PROGRESS") {
                let events = self.ask("DescribeStackEvents", stack, "").await?;
                let reasons: Vec<_> = element(&events, "ResourceStatusReason").collect();
                anyhow::bail!("stack {stack} in {} has the status {status}: {reasons:?}", self.name);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        anyhow::bail!("stack {stack} in {} is not complete after a minute", self.name)
    }

    async fn put(&self, path: &str, content: Vec<u8>) -> Result<()> {
        let (head, ()) =
            Request::put(path).header("authorization", self.authorization("s3")).body(())?.into_parts();
        let reply = self.upstream.send(head, Bytes::from(content)).await?;
        ensure!(reply.status().is_success(), "{path}: {}", String::from_utf8_lossy(reply.body()));
        Ok(())
    }

    async fn ask(&self, action: &str, stack: &str, more: &str) -> Result<String> {
        let request = Request::post("/").header("content-type", "application/x-www-form-urlencoded");
        let (head, ()) =
            request.header("authorization", self.authorization("cloudformation")).body(())?.into_parts();
        let form = format!("Action={action}&Version=2010-05-15&StackName={stack}{more}");
        let reply = self.upstream.send(head, Bytes::from(form)).await?;
        let text = String::from_utf8_lossy(reply.body()).into_owned();
        ensure!(reply.status().is_success(), "{action} of stack {stack}: {text}");
        Ok(text)
    }

    fn authorization(&self, service: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260101/{}/{service}/aws4_request", self.name)
    }
}

/// A stack that is complete.
pub struct Stack {
    described: String,
}

impl Stack {
    /// An output of the stack.
    ///
    /// # Errors
    /// If it has no output with this name.
    pub fn output(&self, name: &str) -> Result<&str> {
        let number = element(&self.described, "OutputKey").position(|key| key == name);
        let value = number.and_then(|number| element(&self.described, "OutputValue").nth(number));
        value.with_context(|| format!("the stack has no output {name}"))
    }
}

/// A text as a value of a form.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

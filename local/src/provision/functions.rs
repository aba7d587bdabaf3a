//! The four functions.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};

use super::options::{COGNITO_ENDPOINT, DYNAMODB_ENDPOINT, Options};
use super::table::BACKUP_TABLE;
use crate::build::{Executables, package};

/// The memory of a function in MB. The emulator does not enforce it.
const MEMORY_MB: i32 = 256;
/// The emulator checks no permissions, but the API of Lambda needs a role.
pub(super) const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/cognito-backup";

/// The ARNs of the functions.
#[derive(Debug)]
pub(super) struct Functions {
    pub enumerate: String,
    pub export_page: String,
    pub import_page: String,
    pub finalize: String,
}

pub(super) async fn create(
    config: &SdkConfig,
    executables: &Executables,
    options: &Options,
    topic_arn: &str,
) -> Result<Functions> {
    let client = Client::new(config);
    let variables = variables(options, topic_arn);
    let create = |name: &'static str, executable| create_one(&client, name, executable, &variables, options);
    let (enumerate, export_page, import_page, finalize) = futures::try_join!(
        create("cognito-backup-enumerate", &executables.enumerate),
        create("cognito-backup-export-page", &executables.export_page),
        create("cognito-backup-import-page", &executables.import_page),
        create("cognito-backup-finalize", &executables.finalize),
    )?;
    Ok(Functions { enumerate, export_page, import_page, finalize })
}

async fn create_one(
    client: &Client,
    name: &str,
    executable: &Path,
    variables: &HashMap<String, String>,
    options: &Options,
) -> Result<String> {
    let code = FunctionCode::builder().zip_file(Blob::new(package(executable)?)).build();
    let created = client
        .create_function()
        .function_name(name)
        .runtime(Runtime::Providedal2023)
        .role(ROLE_ARN)
        .handler("bootstrap")
        .code(code)
        .timeout(
            i32::try_from(options.function_timeout.as_secs()).context("the function timeout is too long")?,
        )
        .memory_size(MEMORY_MB)
        .environment(Environment::builder().set_variables(Some(variables.clone())).build())
        .send()
        .await
        .with_context(|| format!("cannot create the function {name}"))?;
    created.function_arn.with_context(|| format!("the function {name} has no ARN"))
}

fn variables(options: &Options, topic_arn: &str) -> HashMap<String, String> {
    let mut variables = HashMap::from([
        ("BACKUP_TABLE_NAME".to_owned(), BACKUP_TABLE.to_owned()),
        ("COGNITO_TPS".to_owned(), options.tps.clone()),
        ("NOTIFICATION_TOPIC_ARN".to_owned(), topic_arn.to_owned()),
        ("SNS_PREFERENCE".to_owned(), options.sns_preference.clone()),
        ("IMPORT_JOB_LOG_ROLE_ARN".to_owned(), ROLE_ARN.to_owned()),
        ("RUST_LOG".to_owned(), "info".to_owned()),
    ]);
    let endpoints =
        [(COGNITO_ENDPOINT, &options.cognito_endpoint), (DYNAMODB_ENDPOINT, &options.dynamodb_endpoint)];
    variables.extend(endpoints.into_iter().filter_map(|(name, url)| Some((name.to_owned(), url.clone()?))));
    variables.extend(options.variables.iter().cloned());
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_get_the_endpoints_that_are_set_and_further_variables_win() {
        let options = Options {
            cognito_endpoint: Some("http://127.0.0.1:1".into()),
            dynamodb_endpoint: None,
            variables: vec![("RUST_LOG".into(), "debug".into())],
            ..Options::default()
        };
        let variables = variables(&options, "topic");
        assert_eq!(variables.get(COGNITO_ENDPOINT).map(String::as_str), Some("http://127.0.0.1:1"));
        assert_eq!(variables.get(DYNAMODB_ENDPOINT), None);
        assert_eq!(variables.get("RUST_LOG").map(String::as_str), Some("debug"));
        assert_eq!(variables.get("COGNITO_TPS").map(String::as_str), Some("10"));
    }
}

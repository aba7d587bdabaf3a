//! The backup table of another account, read with a role of that account.

use std::error::Error as StdError;

use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::error::ErrorMetadata;
use shared::{Error, ErrorKind, Result};
use tokio::sync::OnceCell;

use super::dynamodb::DynamoVault;

/// The name of the sessions of the role, in the CloudTrail of its account.
const SESSION: &str = "cognito-backup-copy";

/// Where snapshots are copied from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySourceSettings {
    /// The name of the table in the account of the role. The ARN, if the table is in another account.
    table: String,
    region: String,
    role: String,
    external_id: Option<String>,
}

impl CopySourceSettings {
    /// Reads the ARN of the table, the ARN of the role, and the external id. Each ARN comes with the name of its variable.
    ///
    /// # Errors
    /// `InvalidConfiguration` if one ARN is set alone, or is no ARN of its kind.
    pub fn read(
        table: (&str, Option<String>),
        role: (&str, Option<String>),
        external_id: Option<String>,
    ) -> Result<Option<Self>> {
        let wrong = |what: String, next: String| Error::new(ErrorKind::InvalidConfiguration, what, next);
        let alone = |set: &str, missing: &str| {
            wrong(
                format!("The function's environment has {set}, and {missing} is not set."),
                format!("Set both, or neither: {missing} is missing."),
            )
        };
        let table_variable = table.0;
        let (table_arn, role_arn) = match (table, role) {
            ((_, None), (_, None)) => return Ok(None),
            ((set, Some(_)), (missing, None)) | ((missing, None), (set, Some(_))) => {
                return Err(alone(set, missing));
            }
            ((_, Some(table)), (_, Some(role))) => (table, role),
        };
        let parts: Vec<&str> = table_arn.splitn(6, ':').collect();
        let found = match parts[..] {
            ["arn", _, "dynamodb", region, account, name] => name
                .strip_prefix("table/")
                .filter(|name| !name.is_empty() && !name.contains('/'))
                .map(|name| (region, account, name)),
            _ => None,
        };
        let (region, account, name) = found.ok_or_else(|| {
            wrong(
                format!("The function's environment has {table_variable}={table_arn:?}."),
                "Set it to the ARN of a table, such as arn:aws:dynamodb:eu-west-1:111122223333:table/cognito-backup.".to_owned(),
            )
        })?;
        // DynamoDB takes an ARN as the name of a table of another account.
        let is_of_role = role_arn.split(':').nth(4) == Some(account);
        let table = if is_of_role { name.to_owned() } else { table_arn.clone() };
        Ok(Some(Self { table, region: region.to_owned(), role: role_arn, external_id }))
    }

    /// The Region of the table.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The ARN of the role.
    pub fn role(&self) -> &str {
        &self.role
    }
}

/// The table, with credentials of the role. They renew themselves.
#[derive(Debug)]
pub struct CopySource {
    config: SdkConfig,
    settings: CopySourceSettings,
    assumed: OnceCell<(SharedCredentialsProvider, DynamoVault)>,
}

impl CopySource {
    /// `config` has the credentials of the function.
    pub fn new(config: SdkConfig, settings: CopySourceSettings) -> Self {
        Self { config, settings, assumed: OnceCell::new() }
    }

    /// The table.
    ///
    /// # Errors
    /// `AccessDenied` if the role cannot be assumed. `ServiceUnavailable` if STS does not answer.
    pub async fn vault(&self) -> Result<DynamoVault> {
        let (provider, vault) = self.assumed.get_or_init(|| self.assume()).await;
        // DynamoDB's client would report a refusal as a failure of the table.
        match provider.provide_credentials().await {
            Ok(_) => Ok(vault.clone()),
            Err(error) => Err(self.refused(&error)),
        }
    }

    async fn assume(&self) -> (SharedCredentialsProvider, DynamoVault) {
        let CopySourceSettings { table, region, role, external_id } = &self.settings;
        let mut builder = AssumeRoleProvider::builder(role).configure(&self.config).session_name(SESSION);
        if let Some(id) = external_id {
            builder = builder.external_id(id);
        }
        let provider = SharedCredentialsProvider::new(builder.build().await);
        let config = self.config.clone().into_builder();
        let config = config
            .region(Region::new(region.clone()))
            .credentials_provider(provider.clone())
            // The cache of the function holds its own credentials.
            .identity_cache(IdentityCache::lazy().build())
            .build();
        (provider, DynamoVault::new(DynamoVault::client(&config), table.clone()))
    }

    /// The error if the role gives no credentials. The message of STS is not repeated.
    fn refused(&self, error: &(dyn StdError + 'static)) -> Error {
        let role = &self.settings.role;
        let code = code_of(error);
        if code.as_deref().is_some_and(|code| code.starts_with("AccessDenied")) {
            return Error::new(
                ErrorKind::AccessDenied,
                format!(
                    "The function could not assume role {role}, which reads the table of the other account."
                ),
                "In the deployment of that account, name the role or the account of this function in TrustedPrincipals. If it \
                 has a TrustedExternalId, give the same one in CopyFromExternalId. If it has a TrustedOrganization, this \
                 account must belong to it.",
            );
        }
        tracing::warn!(code, "the role of the copy gave no credentials");
        Error::new(
            ErrorKind::ServiceUnavailable,
            format!("STS gave no credentials of role {role}."),
            "Try again. In a VPC, the function must reach STS and the Region of the other table.",
        )
    }
}

/// The code of the answer of STS. None if there was no answer.
fn code_of(error: &(dyn StdError + 'static)) -> Option<String> {
    let (mut cause, mut code) = (Some(error), None);
    while let Some(error) = cause {
        code = error.downcast_ref::<ErrorMetadata>().and_then(ErrorMetadata::code).or(code);
        cause = error.source();
    }
    code.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;
    use aws_config::retry::RetryConfig;

    use super::super::answers::{Answer, Server};
    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/backup";
    const ROLE: &str = "arn:aws:iam::111122223333:role/backup-reader-eu-central-1";

    fn settings(external_id: Option<&str>) -> CopySourceSettings {
        let (table, role) = (("T", Some(TABLE.to_owned())), ("R", Some(ROLE.to_owned())));
        CopySourceSettings::read(table, role, external_id.map(str::to_owned)).unwrap().unwrap()
    }

    /// The configuration of a function that calls this server.
    async fn config(server: &Server) -> SdkConfig {
        let plain = server.config();
        aws_config::defaults(BehaviorVersion::latest())
            .region(plain.region().cloned())
            .endpoint_url(plain.endpoint_url().unwrap())
            .credentials_provider(plain.credentials_provider().unwrap())
            .retry_config(RetryConfig::disabled())
            .load()
            .await
    }

    fn refusal(code: &str) -> Answer {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>User anna may not.</Message></Error></ErrorResponse>"
        );
        Answer { status: 403, body }
    }

    #[test]
    fn a_table_of_another_account_than_the_role_is_named_by_its_arn() {
        assert_eq!((settings(None).table.as_str(), settings(None).region()), ("backup", "eu-central-1"));
        let role = ("R", Some("arn:aws:iam::444455556666:role/reader".to_owned()));
        let other = CopySourceSettings::read(("T", Some(TABLE.to_owned())), role, None).unwrap().unwrap();
        assert_eq!(other.table, TABLE);
    }

    #[tokio::test]
    async fn the_table_is_read_with_the_role_and_its_external_id() {
        let body = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>of-reader</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                    <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
        let server = Server::start(Answer { status: 200, body: body.to_owned() }).await;
        let source = CopySource::new(config(&server).await, settings(Some("both-sides")));
        source.vault().await.unwrap();
        let asked = server.requests().remove(0);
        for part in [
            "Action=AssumeRole",
            "backup-reader-eu-central-1",
            "ExternalId=both-sides",
            "cognito-backup-copy",
        ] {
            assert!(asked.contains(part), "{part}: {asked}");
        }
    }

    #[tokio::test]
    async fn a_role_that_cannot_be_assumed_says_what_to_do_at_the_source() {
        let server = Server::start(refusal("AccessDenied")).await;
        let source = CopySource::new(config(&server).await, settings(None));
        let error = source.vault().await.unwrap_err();
        let told = shared::report::cause(&error);
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        for part in [ROLE, "TrustedPrincipals", "CopyFromExternalId"] {
            assert!(told.contains(part) && !told.contains("anna"), "{told}");
        }
        // The operator mends the trust. The next invocation of the same environment asks again.
        server.answers(refusal("Throttling"));
        assert_eq!(source.vault().await.unwrap_err().kind(), ErrorKind::ServiceUnavailable);
    }
}

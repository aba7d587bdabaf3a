//! The credentials with which a command reads the table that a snapshot is copied from.

use aws_config::SdkConfig;
use clap::Args;
use shared::Error;

use super::credentials::{self, Role};

/// The options that choose the credentials at the source of a copy.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Where from")]
pub struct SourceArgs {
    /// Read the source table with the credentials of this role, mostly the reader role of another account
    ///
    /// The destination does not get these credentials: without --assume-role and --to-profile, it gets your own.
    #[arg(long, value_name = "ARN")]
    pub from_role: Option<String>,
    /// The external id that this role requires
    #[arg(long, value_name = "ID", requires = "from_role")]
    pub from_external_id: Option<String>,
}

/// The configuration for the source: that of the operator, changed as `from` says.
///
/// # Errors
/// If the role cannot be assumed.
pub async fn source(operator: &SdkConfig, from: &SourceArgs) -> Result<SdkConfig, Error> {
    let Some(arn) = &from.from_role else { return Ok(operator.clone()) };
    let external_id = from.from_external_id.as_deref();
    let role = Role { arn, external_id, external_id_option: "--from-external-id" };
    Ok(credentials::exchanged(operator, credentials::of_role(role, operator).await?))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::ProvideCredentials;
    use shared::ErrorKind;

    use super::super::answers::{Server, assumed_role};
    use super::super::{DestinationArgs, destination};
    use super::*;
    use crate::guidance::in_flags;

    const ROLE: &str = "arn:aws:iam::111111111111:role/reader";

    fn from(role: Option<&str>, external_id: Option<&str>) -> SourceArgs {
        SourceArgs { from_role: role.map(str::to_owned), from_external_id: external_id.map(str::to_owned) }
    }

    async fn key(config: &SdkConfig) -> String {
        let provider = config.credentials_provider().unwrap();
        provider.provide_credentials().await.unwrap().access_key_id().to_owned()
    }

    #[tokio::test]
    async fn the_source_is_read_with_its_role_and_the_destination_with_the_credentials_of_the_operator() {
        let server = Server::start(|request| {
            assumed_role(if request.contains("role%2Freader") { "of-reader" } else { "of-writer" })
        });
        let operator = server.config().await;
        let config = source(&operator, &from(Some(ROLE), Some("both sides"))).await.unwrap();
        assert_eq!((key(&config).await, key(&operator).await), ("of-reader".into(), "caller".into()));
        assert_eq!(config.region(), operator.region());
        let asked = server.requests().remove(0);
        for parameter in [
            "Action=AssumeRole",
            "RoleArn=arn%3Aaws%3Aiam%3A%3A111111111111%3Arole%2Freader",
            "ExternalId=both%20sides",
            "RoleSessionName=cognito-backup-copy",
        ] {
            assert!(asked.contains(parameter), "{parameter}: {asked}");
        }
        let own = destination(&operator, &DestinationArgs::default()).await.unwrap();
        assert_eq!(key(&own).await, "caller");

        // Both ends may have a role. The operator assumes the second one, too.
        let to = DestinationArgs {
            assume_role: Some("arn:aws:iam::222222222222:role/writer".to_owned()),
            ..DestinationArgs::default()
        };
        let before = server.requests().len();
        assert_eq!(key(&destination(&operator, &to).await.unwrap()).await, "of-writer");
        let asked = server.requests().split_off(before);
        assert!(asked.iter().all(|request| request.contains("Credential=caller/")), "{asked:?}");
        assert!(
            asked.iter().all(|request| !request.contains("ExternalId")) && !asked.is_empty(),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn without_a_role_the_source_is_read_with_the_credentials_of_the_operator() {
        let server = Server::start(|_| assumed_role("of-reader"));
        let config = source(&server.config().await, &from(None, None)).await.unwrap();
        assert_eq!((key(&config).await.as_str(), server.requests().len()), ("caller", 0));
    }

    #[tokio::test]
    async fn a_role_that_cannot_be_assumed_names_the_option_of_its_external_id() {
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized.</Message></Error></ErrorResponse>";
        let server = Server::start(|_| (403, refusal.to_owned()));
        let config = server.config().await;
        let error = source(&config, &from(Some(ROLE), None)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        let says = format!("The command could not assume role {ROLE}: AccessDenied, Not authorized.");
        assert_eq!(error.message(), says);
        assert!(in_flags(error.guidance()).contains("give it with --from-external-id."), "{error:?}");

        let error = source(&config, &from(Some("reader"), None)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

//! The account of the credentials.

use aws_config::SdkConfig;
use aws_sdk_sts::error::ProvideErrorMetadata;
use shared::{Error, ErrorKind};

/// The account that the credentials of the operator belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// 12 digits.
    pub account: String,
    /// The part of AWS: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

impl Caller {
    /// Asks STS.
    ///
    /// # Errors
    /// If STS does not answer, or refuses the credentials.
    pub async fn of(config: &SdkConfig) -> Result<Self, Error> {
        let answer = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
        let answer = answer.map_err(|error| match error.code() {
            Some(code) => Error::new(
                ErrorKind::AccessDenied,
                format!("STS refused GetCallerIdentity ({code})."),
                "Renew the credentials. `aws sts get-caller-identity` shows whether they work.",
            ),
            None => Error::new(
                ErrorKind::ServiceUnavailable,
                format!("STS did not answer GetCallerIdentity: {}.", super::failure::innermost(&error)),
                "Check the network, the Region and the endpoint.",
            ),
        })?;
        Self::parse(answer.account(), answer.arn()).ok_or_else(|| {
            Error::new(
                ErrorKind::ServiceUnavailable,
                "STS answered GetCallerIdentity without an account.",
                "Check the endpoint. `aws sts get-caller-identity` shows the answer.",
            )
        })
    }

    fn parse(account: Option<&str>, arn: Option<&str>) -> Option<Self> {
        let account = account.filter(|account| is_account(account))?.to_owned();
        let partition = arn.and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
        Some(Self { account, partition })
    }
}

/// Whether the text is the id of an account.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_and_the_partition_come_from_the_answer_of_sts() {
        let arn = "arn:aws-us-gov:sts::123456789012:assumed-role/operator/anna";
        let caller = Caller { account: "123456789012".to_owned(), partition: "aws-us-gov".to_owned() };
        assert_eq!(Caller::parse(Some("123456789012"), Some(arn)), Some(caller));
        assert_eq!(Caller::parse(Some("1234"), Some(arn)), None);
        assert_eq!(Caller::parse(None, Some(arn)), None);
    }
}

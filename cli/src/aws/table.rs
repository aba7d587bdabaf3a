//! A backup table, and where it is.

use std::fmt;

use aws_config::SdkConfig;
use serde::Serialize;
use shared::catalog::Catalog;
use shared::operations::copy::at_destination;
use shared::{Error, ErrorKind, Guidance};
use shared_aws::dynamodb::DynamoVault;

/// A backup table on which a command works.
pub struct Table<V> {
    pub catalog: Catalog<V>,
    pub place: TablePlace,
}

impl Table<DynamoVault> {
    /// The table `name` of the account and Region of `config`.
    ///
    /// # Errors
    /// If the table does not exist, or access is denied.
    pub async fn open(config: &SdkConfig, name: &str) -> Result<Self, Error> {
        let vault = DynamoVault::new(DynamoVault::client(config), name.to_owned());
        let place = TablePlace::parse(&vault.arn().await?)?;
        Ok(Self { catalog: Catalog::new(vault), place })
    }

    /// Like [`Self::open`], for the table that a snapshot is copied to.
    ///
    /// # Errors
    /// If the table does not exist, or access is denied.
    pub async fn open_destination(config: &SdkConfig, name: &str) -> Result<Self, Error> {
        Self::open(config, name).await.map_err(at_destination)
    }
}

/// The name of a table, in its ARN or alone. DynamoDB accepts both.
pub fn name_of_table(table: &str) -> &str {
    table.split_once(":table/").map_or(table, |(_, name)| name)
}

/// A table, by account, Region and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TablePlace {
    /// 12 digits.
    pub account: String,
    pub region: String,
    pub table: String,
}

impl TablePlace {
    /// The place that the ARN of a table names.
    ///
    /// # Errors
    /// If the text is no such ARN. DynamoDB never sends such a text.
    pub fn parse(arn: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts[..] {
            ["arn", _, "dynamodb", region, account, resource] if resource.starts_with("table/") => Ok(Self {
                account: account.to_owned(),
                region: region.to_owned(),
                table: resource.trim_start_matches("table/").to_owned(),
            }),
            _ => Err(Error::new(
                ErrorKind::Internal,
                format!("{arn:?} is not the ARN of a table."),
                Guidance::REPORT_THIS,
            )),
        }
    }
}

impl fmt::Display for TablePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} (account {}, {})", self.table, self.account, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_table_names_its_account_region_and_table() {
        let place =
            TablePlace::parse("arn:aws:dynamodb:eu-west-1:222222222222:table/cognito-backup").unwrap();
        assert_eq!(place.to_string(), "table cognito-backup (account 222222222222, eu-west-1)");
        for other in
            ["cognito-backup", "arn:aws:dynamodb:eu-west-1:222222222222:backup/x", "arn:aws:s3:::table/x"]
        {
            assert!(TablePlace::parse(other).is_err(), "{other}");
        }
    }
}

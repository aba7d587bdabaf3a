//! Where a table is.

use std::fmt;

use serde::Serialize;
use shared::{Error, ErrorKind};

/// A table, by account, Region and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TablePlace {
    /// The account, 12 digits.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The name.
    pub table: String,
}

impl TablePlace {
    /// The place that the ARN of a table names.
    ///
    /// # Errors
    /// For what is no such ARN: DynamoDB gives out others only by mistake.
    pub fn parse(arn: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts[..] {
            ["arn", _, "dynamodb", region, account, resource] if resource.starts_with("table/") => Ok(Self {
                account: account.to_owned(),
                region: region.to_owned(),
                table: resource.trim_start_matches("table/").to_owned(),
            }),
            _ => Err(Error::new(ErrorKind::Internal, format!("{arn:?} is not the ARN of a table."), "Please report this.")),
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
    fn the_arn_of_a_table_says_where_it_is() {
        let place = TablePlace::parse("arn:aws:dynamodb:eu-west-1:222222222222:table/cognito-backup").unwrap();
        assert_eq!(place.to_string(), "table cognito-backup (account 222222222222, eu-west-1)");
        for other in ["cognito-backup", "arn:aws:dynamodb:eu-west-1:222222222222:backup/x", "arn:aws:s3:::table/x"] {
            assert!(TablePlace::parse(other).is_err(), "{other}");
        }
    }
}

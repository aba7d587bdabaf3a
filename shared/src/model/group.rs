//! The content of a group.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder, GroupName};

/// Source: the `GroupType` shape of the Cognito user pools API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupRecord {
    pub name: GroupName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// 0 is the highest precedence. Cognito treats a missing one as the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precedence: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// To the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// To the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
}

impl GroupRecord {
    /// The digest under which the record is stored.
    pub fn digest(&self) -> Digest {
        DigestBuilder::new("group").json(self).finish()
    }

    /// Whether both groups have the same settings. Times do not count.
    pub fn same_settings(&self, other: &Self) -> bool {
        self.name == other.name && self.settings_unlike(other).is_empty()
    }

    /// The names of the settings that differ from those of `other`: `description`, `precedence`, `role`.
    pub fn settings_unlike(&self, other: &Self) -> Vec<String> {
        let differences = [
            ("description", self.description != other.description),
            ("precedence", self.precedence != other.precedence),
            ("role", self.role_arn != other.role_arn),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(precedence: Option<i32>) -> GroupRecord {
        GroupRecord {
            name: GroupName::new("admins"),
            description: None,
            precedence,
            role_arn: None,
            created: None,
            modified: None,
        }
    }

    #[test]
    fn a_missing_precedence_is_the_lowest_and_0_the_highest() {
        assert_eq!(group(None).settings_unlike(&group(Some(0))), ["precedence"]);
        assert_eq!(group(Some(0)).settings_unlike(&group(None)), ["precedence"]);
        assert!(group(Some(0)).same_settings(&group(Some(0))) && group(None).same_settings(&group(None)));
    }
}

//! The content of a group.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder, GroupName, PoolId};

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

/// The name, in the pool `target`, of a group that Cognito made in the pool `source` for an identity
/// provider: `<pool>_<provider>`. None if the name has another form, or if both pools are the same.
/// A group of such a name with a role is the operator's.
/// Source: "Adding groups to a user pool", Amazon Cognito developer guide.
pub fn provider_group_in(name: &GroupName, source: &PoolId, target: &PoolId) -> Option<GroupName> {
    let provider = name.as_str().strip_prefix(source.as_str())?.strip_prefix('_')?;
    (source != target && !provider.is_empty()).then(|| GroupName::new(format!("{target}_{provider}")))
}

impl GroupRecord {
    /// The name of the group in `target`: another one if Cognito made the group in `source` for an identity
    /// provider.
    pub fn name_in(&self, source: &PoolId, target: &PoolId) -> GroupName {
        let of_provider = provider_group_in(&self.name, source, target).filter(|_| self.role_arn.is_none());
        of_provider.unwrap_or_else(|| self.name.clone())
    }

    /// The digest under which the record is stored.
    pub fn digest(&self) -> Digest {
        DigestBuilder::new("group").json(self).finish()
    }

    /// Whether both groups have the same settings. Times do not count.
    pub fn same_settings(&self, other: &Self) -> bool {
        self.name == other.name && self.settings_unlike(other).is_empty()
    }

    /// The name of the role among the settings.
    pub const ROLE: &str = "role";

    /// The names of the settings that differ from those of `other`: `description`, `precedence`, `role`.
    pub fn settings_unlike(&self, other: &Self) -> Vec<String> {
        let differences = [
            ("description", self.description != other.description),
            ("precedence", self.precedence != other.precedence),
            (Self::ROLE, self.role_arn != other.role_arn),
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
    fn a_group_of_a_provider_has_the_name_of_its_pool() {
        let [source, target] = ["eu-west-1_A", "eu-west-1_B"].map(|id| PoolId::parse(id).unwrap());
        let named = |name: &str| GroupRecord { name: GroupName::new(name), ..group(None) };
        let name_in = |group: GroupRecord| group.name_in(&source, &target).to_string();
        assert_eq!(name_in(named("eu-west-1_A_Google")), "eu-west-1_B_Google");
        assert_eq!(name_in(named("eu-west-1_A_my_idp")), "eu-west-1_B_my_idp");
        for other in ["eu-west-1_A", "eu-west-1_A_", "eu-west-1_AB_Google", "Google", "eu-west-1_B_Google"] {
            assert_eq!(name_in(named(other)), other);
        }
        let of_operator = GroupRecord { role_arn: Some("arn".to_owned()), ..named("eu-west-1_A_Google") };
        assert_eq!(name_in(of_operator), "eu-west-1_A_Google");
        assert_eq!(named("eu-west-1_A_Google").name_in(&source, &source).as_str(), "eu-west-1_A_Google");
    }

    #[test]
    fn a_missing_precedence_is_the_lowest_and_0_the_highest() {
        assert_eq!(group(None).settings_unlike(&group(Some(0))), ["precedence"]);
        assert_eq!(group(Some(0)).settings_unlike(&group(None)), ["precedence"]);
        assert!(group(Some(0)).same_settings(&group(Some(0))) && group(None).same_settings(&group(None)));
    }
}

//! The tags of this program on user pools, and the one that opens a pool to imports.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Execution, PoolId, TargetPool};

/// Tags whose keys begin so are of this program. They say what it may do with a pool, and are no configuration of its
/// owner: no capture has them, no comparison names them, and each write of tags keeps those that the pool has.
const OWN_TAG_PREFIX: &str = "cognito-backup";

/// Whether a tag with this key is of this program.
pub fn is_own_tag(key: &str) -> bool {
    key.starts_with(OWN_TAG_PREFIX)
}

/// What an operator allows imports to do with a pool: the value of its tag `cognito-backup`.
///
/// The roles of imports compare the tag, too: see `cdk/lib/import-access.ts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolTag {
    /// Imports may restore snapshots of other pools into the pool.
    Target,
    /// Imports may also repair the pool with its own snapshots.
    Repair,
}

impl PoolTag {
    pub const KEY: &str = "cognito-backup";

    /// The tag with this value. None for a value that opens nothing.
    pub fn parse(value: &str) -> Option<Self> {
        [Self::Target, Self::Repair].into_iter().find(|tag| tag.as_str() == value)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Repair => "repair",
        }
    }

    /// The tag that an import into this target needs at least.
    pub fn needed_for(target: TargetPool) -> Self {
        match target {
            TargetPool::Own => Self::Repair,
            TargetPool::Other => Self::Target,
        }
    }

    /// Whether the tag opens the pool to an import into this target.
    pub fn allows(self, target: TargetPool) -> bool {
        self == Self::Repair || self == Self::needed_for(target)
    }
}

/// A user pool as the tag commands of the AWS CLI name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolArn {
    arn: String,
    region: String,
}

impl PoolArn {
    /// Stands for the account of a run without a deployment.
    const NO_ACCOUNT: &str = "ACCOUNT_ID";

    pub fn new(partition: &str, account: &str, pool: &PoolId) -> Self {
        let region = pool.region();
        Self {
            arn: format!("arn:{partition}:cognito-idp:{region}:{account}:userpool/{pool}"),
            region: region.to_owned(),
        }
    }

    /// A pool in the account of an execution.
    pub fn in_account_of(execution: &Execution, pool: &PoolId) -> Self {
        let partition = execution.partition().unwrap_or("aws");
        Self::new(partition, execution.account().unwrap_or(Self::NO_ACCOUNT), pool)
    }

    /// The pool that Cognito has described so.
    pub fn described(user_pool: &Value, pool: &PoolId) -> Self {
        match user_pool["Arn"].as_str() {
            Some(arn) => Self { arn: arn.to_owned(), region: pool.region().to_owned() },
            None => Self::new("aws", Self::NO_ACCOUNT, pool),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.arn
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// The line that takes the tag away. Other tags stay.
    pub fn untag_line(&self) -> String {
        let Self { arn, region } = self;
        let key = PoolTag::KEY;
        format!("aws cognito-idp untag-resource --resource-arn {arn} --tag-keys {key} --region {region}")
    }
}

/// The line that gives a pool the tag with this value. Other tags stay.
pub fn tag_line(arn: &str, tag: &str, region: &str) -> String {
    let key = PoolTag::KEY;
    format!("aws cognito-idp tag-resource --resource-arn {arn} --tags {key}={tag} --region {region}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_repair_opens_a_pool_to_its_own_snapshots() {
        let opens = |value: &str| {
            let tag = PoolTag::parse(value);
            [TargetPool::Other, TargetPool::Own].map(|target| tag.is_some_and(|tag| tag.allows(target)))
        };
        assert_eq!(opens("target"), [true, false]);
        assert_eq!(opens("repair"), [true, true]);
        for value in ["", "Target", "yes", "source"] {
            assert_eq!(opens(value), [false, false], "{value}");
        }
    }

    #[test]
    fn the_lines_name_the_partition_the_region_and_the_account() {
        let execution = |id: &str| Execution { id: id.to_owned(), started_at: jiff::Timestamp::UNIX_EPOCH };
        let pool = PoolId::parse("cn-north-1_AbCdEf123").unwrap();
        let of = |id: &str| PoolArn::in_account_of(&execution(id), &pool);
        let known = of("arn:aws-cn:states:cn-north-1:123456789012:execution:cognito-backup-import:x");
        let arn = "arn:aws-cn:cognito-idp:cn-north-1:123456789012:userpool/cn-north-1_AbCdEf123";
        assert_eq!(
            known.untag_line(),
            format!(
                "aws cognito-idp untag-resource --resource-arn {arn} --tag-keys cognito-backup --region cn-north-1"
            )
        );
        assert_eq!(
            tag_line(known.as_str(), PoolTag::Target.as_str(), known.region()),
            format!(
                "aws cognito-idp tag-resource --resource-arn {arn} --tags cognito-backup=target --region cn-north-1"
            )
        );
        assert!(of("local").as_str().contains(":ACCOUNT_ID:"));
    }

    #[test]
    fn each_tag_of_this_program_is_its_own() {
        assert!(is_own_tag(PoolTag::KEY) && is_own_tag("cognito-backup-rebuild"));
        assert!(!is_own_tag("team") && !is_own_tag("aws:cloudformation:stack-name"));
    }
}

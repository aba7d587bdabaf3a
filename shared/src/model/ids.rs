//! Identifiers. The library parses them once, at its edge, and trusts them afterwards.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder, is_plain_id};
use crate::{Error, ErrorKind, Guidance};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! trusted_text_id {
    ($(#[$doc:meta])* $name:ident) => {
        text_id!($(#[$doc])* $name);

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl $name {
            /// Wraps a value that Cognito returned, without a check.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
        }
    };
}

text_id! {
    /// A user's `sub`: a UUID that Cognito chooses. No call can set it.
    Sub
}
trusted_text_id! {
    /// A user's name within a pool: 1 to 128 characters of any script, no white space.
    Username
}
trusted_text_id! {
    /// A group's name within a pool: 1 to 128 characters of any script, no white space.
    GroupName
}
text_id! {
    /// The id of a user pool: Region, underscore, letters and digits, at most 55 characters.
    /// Source: the `UserPoolIdType` shape of the Cognito user pools API.
    PoolId
}
text_id! {
    /// The id of a run, and of the snapshot or restore that it makes: the UTC start of its execution, to
    /// the millisecond, and eight hexadecimal digits of the execution's digest.
    ///
    /// Ids sort by time. Every invocation of an execution works out the same id.
    RunId
}

impl PoolId {
    /// Parses a pool id. The error shows what one looks like, and not the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let valid = text.len() <= 55
            && text.split_once('_').is_some_and(|(region, name)| {
                !region.is_empty()
                    && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_alphanumeric())
            });
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::new(
                ErrorKind::InvalidInput,
                "This is not a user pool id.",
                "A user pool id looks like eu-west-1_AbCdEf123. The console and `aws cognito-idp list-user-pools` show it.",
            ))
        }
    }

    pub fn region(&self) -> &str {
        self.0.split_once('_').map_or("", |(region, _)| region)
    }
}

impl RunId {
    /// The length of every id in bytes.
    pub const LENGTH: usize = 28;

    /// The id of the run of this execution.
    pub fn of(execution: &Execution) -> Self {
        let digest = DigestBuilder::new("execution").text(&execution.id).finish();
        let time = execution.started_at.strftime("%Y%m%dT%H%M%S%3fZ");
        Self(format!("{time}-{}", &digest.to_string()[..8]))
    }

    /// The time in the id.
    pub fn time(&self) -> Timestamp {
        let zoned = |text: &str| {
            let (date, time) = text.split_at_checked(8)?;
            let (time, millis) = time.get(1..10)?.split_at_checked(6)?;
            format!("{date}T{time}.{millis}Z").parse().ok()
        };
        zoned(&self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Parses a run id. The error shows what one looks like, and not the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let valid = text.split_once('-').is_some_and(|(time, hash)| {
            time.len() == 19
                && time.as_bytes()[8] == b'T'
                && time.ends_with('Z')
                && time.bytes().filter(u8::is_ascii_digit).count() == 17
                && hash.len() == 8
                && hash.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
        });
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::new(ErrorKind::InvalidInput, "This is not a snapshot id.", Guidance::GiveSnapshotId))
        }
    }
}

impl TryFrom<String> for PoolId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for Sub {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(text).ok_or("no sub")
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

/// The Step Functions execution that a run belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// The ARN: `$$.Execution.Id`.
    pub id: String,
    /// `$$.Execution.StartTime`. A redrive keeps it.
    pub started_at: Timestamp,
}

impl Execution {
    /// The partition of AWS in the ARN, `aws` for example. None if the run has no ARN of Step Functions.
    pub fn partition(&self) -> Option<&str> {
        self.account().and_then(|_| self.id.split(':').nth(1))
    }

    /// The account in the ARN. None if the run has no deployment, and so no ARN of Step Functions.
    pub fn account(&self) -> Option<&str> {
        let account = self.id.strip_prefix("arn:")?.split(':').nth(3)?;
        (account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit())).then_some(account)
    }
}

/// Which snapshot of a pool to restore.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SnapshotSelector {
    /// The newest sealed snapshot.
    #[default]
    Latest,
    Id(RunId),
}

impl SnapshotSelector {
    /// Parses `latest` or a snapshot id.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "latest" => Ok(Self::Latest),
            id => RunId::parse(id).map(Self::Id),
        }
    }
}

impl fmt::Display for SnapshotSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl Serialize for SnapshotSelector {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SnapshotSelector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Sub {
    /// Wraps a text that is a `sub`, without a check.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The `sub` in an answer or an item. None if the text is no id, because errors and reports name subs.
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        is_plain_id(&text).then_some(Self(text))
    }

    /// The 16 bytes of the UUID. None if the `sub` is not a UUID in lower case.
    pub fn uuid_bytes(&self) -> Option<[u8; 16]> {
        let bytes = self.0.as_bytes();
        if bytes.len() != 36 || [8, 13, 18, 23].iter().any(|&at| bytes[at] != b'-') {
            return None;
        }
        let hex: String = self.0.chars().filter(|&c| c != '-').collect();
        Digest::parse(&hex).ok().map(Digest::into_bytes)
    }

    pub fn from_uuid_bytes(bytes: [u8; 16]) -> Self {
        let hex = Digest::from_bytes(bytes).to_string();
        Self(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_ids_are_checked() {
        for good in ["us-east-1_AbCdEf123", "eu-central-1_0"] {
            assert_eq!(PoolId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "us-east-1",
            "us-east-1_",
            "_x",
            "us east_1",
            "us-east-1_a-b",
            &format!("us-east-1_{}", "a".repeat(60)),
        ] {
            assert_eq!(
                PoolId::parse(bad).map_err(|error| error.kind()),
                Err(ErrorKind::InvalidInput),
                "{bad}"
            );
        }
        assert_eq!(PoolId::parse("us-east-1_x").map(|id| id.region().to_owned()), Ok("us-east-1".to_owned()));
    }

    #[test]
    fn run_ids_sort_by_time_and_are_the_same_for_the_same_execution() -> Result<(), Box<dyn std::error::Error>>
    {
        let execution = |id: &str, at: &str| {
            Ok::<_, jiff::Error>(Execution { id: id.to_owned(), started_at: at.parse()? })
        };
        let early = RunId::of(&execution("a", "2026-11-21T02:00:00.5Z")?);
        let late = RunId::of(&execution("a", "2026-11-21T02:00:01Z")?);
        assert!(early < late);
        assert_eq!(early.time().to_string(), "2026-11-21T02:00:00.5Z");
        assert!(early.as_str().starts_with("20261121T020000500Z-"));
        assert_eq!(early, RunId::of(&execution("a", "2026-11-21T02:00:00.5Z")?));
        assert_ne!(early, RunId::of(&execution("b", "2026-11-21T02:00:00.5Z")?));
        assert_eq!(RunId::parse(early.as_str())?, early);
        for bad in [
            "",
            "latest",
            "20261121T020000500Z",
            "20261121T020000500Z-1A2b3c4d",
            "20261121 020000500Z-1a2b3c4d",
        ] {
            assert!(RunId::parse(bad).is_err(), "{bad}");
        }
        Ok(())
    }

    #[test]
    fn only_canonical_uuids_are_packed() {
        let sub = Sub::new("617ae49d-f84c-47fc-99bf-1b780e65dec8");
        assert_eq!(sub.uuid_bytes().map(Sub::from_uuid_bytes), Some(sub));
        for other in [
            "617AE49D-f84c-47fc-99bf-1b780e65dec8",
            "617ae49df84c47fc99bf1b780e65dec8",
            "x",
            "617ae49d-f84c-47fc-99bf-1b780e65de-8",
        ] {
            assert_eq!(Sub::new(other).uuid_bytes(), None, "{other}");
        }
    }
}

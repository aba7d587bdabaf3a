//! Reasons: why a restore skipped an entry or failed at it.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ErrorCode, Explanation, Operation};

/// Why an entry was skipped or failed. Details name attributes and table keys, never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "code")]
pub enum Reason {
    /// The user is federated, and the input asks to link it. It has no identity that can be linked.
    /// Cognito creates it at its next federated sign-in. A native user of that name would block it.
    FederatedUser,
    /// The user is federated, and the input leaves it to its next sign-in. A membership: so is its
    /// user.
    LeftToSignIn,
    /// The user signed up and was not confirmed, and the input leaves such users out. A membership: so
    /// is its user.
    Unconfirmed,
    /// The listing named the same user or group before.
    ListedTwice,
    /// The member is not among the users of the snapshot. The user was deleted while the export ran, or Cognito's
    /// listing overlooked it.
    MemberWithoutUser,
    /// The member itself was skipped or failed.
    UserNotRestored,
    /// The target has it, and the input says to leave it.
    AlreadyInTarget,
    /// The target has the member, and the input says to leave it and its memberships.
    UserKept,
    /// The selection leaves it out.
    NotSelected,
    /// The target signs in by e-mail or phone, and the user has neither.
    NoSignInName,
    /// Cognito would send a message if the restore changed this unverified address.
    WouldSendMessage,
    /// The table lacks the record that the page names.
    RecordMissing {
        /// The partition key and the sort key.
        key: String,
    },
    /// The record does not match its digest.
    RecordDamaged {
        /// The partition key and the sort key.
        key: String,
    },
    /// Another user of the target has the username.
    UsernameTaken,
    /// Another user of the snapshot has a username that differs only by case, and the target ignores case.
    UsernameCollides,
    /// Another user of the target has the e-mail address, phone number or preferred username. Or an earlier user of the
    /// snapshot has it.
    AliasTaken,
    /// A group of that name exists with other settings. The restore left it and added members to it.
    GroupDiffers,
    /// The group has no role: IAM denies to pass it, or it belongs to another account.
    RoleNotRestored {
        /// The call with the role that Cognito refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<RefusedCall>,
    },
    /// Cognito refused the user's `preferred_username`, as for every user that is not confirmed.
    PreferredUsernameNotSet {
        /// The refused call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<RefusedCall>,
    },
    /// Cognito could not send the user's invitation, so the user does not know the password.
    NotInvited,
    /// The group was deleted from the target during the restore.
    GroupMissing,
    /// The restore could not create the group, or cannot read it in the snapshot. So its members are in no group.
    GroupNotRestored,
    /// The target no longer has the user.
    UserMissing,
    /// Cognito refused the call.
    Refused {
        call: RefusedCall,
        /// What Cognito's message means, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        explanation: Option<Explanation>,
    },
}

impl Reason {
    /// The reason without its details.
    pub fn code(&self) -> ReasonCode {
        match self {
            Self::FederatedUser => ReasonCode::FederatedUser,
            Self::LeftToSignIn => ReasonCode::LeftToSignIn,
            Self::Unconfirmed => ReasonCode::Unconfirmed,
            Self::ListedTwice => ReasonCode::ListedTwice,
            Self::MemberWithoutUser => ReasonCode::MemberWithoutUser,
            Self::UserNotRestored => ReasonCode::UserNotRestored,
            Self::AlreadyInTarget => ReasonCode::AlreadyInTarget,
            Self::UserKept => ReasonCode::UserKept,
            Self::NotSelected => ReasonCode::NotSelected,
            Self::NoSignInName => ReasonCode::NoSignInName,
            Self::WouldSendMessage => ReasonCode::WouldSendMessage,
            Self::RecordMissing { .. } => ReasonCode::RecordMissing,
            Self::RecordDamaged { .. } => ReasonCode::RecordDamaged,
            Self::UsernameTaken => ReasonCode::UsernameTaken,
            Self::UsernameCollides => ReasonCode::UsernameCollides,
            Self::AliasTaken => ReasonCode::AliasTaken,
            Self::GroupDiffers => ReasonCode::GroupDiffers,
            Self::RoleNotRestored { .. } => ReasonCode::RoleNotRestored,
            Self::PreferredUsernameNotSet { .. } => ReasonCode::PreferredUsernameNotSet,
            Self::NotInvited => ReasonCode::NotInvited,
            Self::GroupMissing => ReasonCode::GroupMissing,
            Self::GroupNotRestored => ReasonCode::GroupNotRestored,
            Self::UserMissing => ReasonCode::UserMissing,
            Self::Refused { call, .. } => ReasonCode::Refused(call.clone()),
        }
    }
}

/// A call that Cognito refused. Stored as `<operation> <error code>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RefusedCall {
    pub operation: Operation,
    /// The error code of Cognito.
    pub code: ErrorCode,
}

impl RefusedCall {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (operation, code) = text.split_once(' ')?;
        Some(Self { operation: Operation::named(operation)?, code: ErrorCode::parse(code)? })
    }
}

impl fmt::Display for RefusedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operation.name(), self.code)
    }
}

impl From<RefusedCall> for String {
    fn from(call: RefusedCall) -> Self {
        call.to_string()
    }
}

impl TryFrom<String> for RefusedCall {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("no call of Cognito")
    }
}

macro_rules! reason_codes {
    ($($code:ident = $name:literal,)+) => {
        /// A [`Reason`] without its details: reasons are counted by it. It is stored as its name, a refused
        /// call as `refused: <operation> <error code>`.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum ReasonCode {
            $($code,)+
            Refused(RefusedCall),
        }

        impl ReasonCode {
            /// All codes except those of refused calls.
            pub const NAMED: &'static [Self] = &[$(Self::$code),+];

            fn name(&self) -> &'static str {
                match self {
                    $(Self::$code => $name,)+
                    Self::Refused(_) => "refused",
                }
            }
        }
    };
}

reason_codes! {
    AliasTaken = "aliasTaken",
    AlreadyInTarget = "alreadyInTarget",
    FederatedUser = "federatedUser",
    GroupDiffers = "groupDiffers",
    GroupMissing = "groupMissing",
    GroupNotRestored = "groupNotRestored",
    LeftToSignIn = "leftToSignIn",
    ListedTwice = "listedTwice",
    MemberWithoutUser = "memberWithoutUser",
    NoSignInName = "noSignInName",
    NotInvited = "notInvited",
    NotSelected = "notSelected",
    PreferredUsernameNotSet = "preferredUsernameNotSet",
    RecordDamaged = "recordDamaged",
    RecordMissing = "recordMissing",
    RoleNotRestored = "roleNotRestored",
    Unconfirmed = "unconfirmed",
    UserKept = "userKept",
    UserMissing = "userMissing",
    UserNotRestored = "userNotRestored",
    UsernameCollides = "usernameCollides",
    UsernameTaken = "usernameTaken",
    WouldSendMessage = "wouldSendMessage",
}

impl ReasonCode {
    /// Whether the target lacks a part of the snapshot for this reason. There is no other list of losses.
    pub fn is_loss(&self) -> bool {
        !matches!(
            self,
            Self::LeftToSignIn
                | Self::Unconfirmed
                | Self::ListedTwice
                | Self::MemberWithoutUser
                | Self::AlreadyInTarget
                | Self::UserKept
                | Self::NotSelected
        )
    }

    /// Whether the record of the entry is missing from the backup table or altered. No import can restore such an entry.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::RecordMissing | Self::RecordDamaged)
    }

    /// Whether the entry was created, and lacks a part that a later pass tries again.
    pub fn is_of_a_part(&self) -> bool {
        matches!(self, Self::RoleNotRestored | Self::NotInvited | Self::PreferredUsernameNotSet)
    }

    /// The code of this name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.split_once(": ") {
            None => Self::NAMED.iter().find(|code| code.name() == text).cloned(),
            Some(("refused", call)) => RefusedCall::parse(call).map(Self::Refused),
            Some(_) => None,
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Self::Refused(call) = self {
            write!(f, ": {call}")?;
        }
        Ok(())
    }
}

impl Ord for ReasonCode {
    /// The order of the names: reports list reasons in it.
    fn cmp(&self, other: &Self) -> Ordering {
        fn call(code: &ReasonCode) -> Option<(&'static str, &str)> {
            match code {
                ReasonCode::Refused(call) => Some((call.operation.name(), call.code.as_str())),
                _ => None,
            }
        }
        (self.name(), call(self)).cmp(&(other.name(), call(other)))
    }
}

impl PartialOrd for ReasonCode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReasonCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no reason"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn refused() -> RefusedCall {
        RefusedCall { operation: Operation::AdminCreateUser, code: ErrorCode::of("InvalidPasswordException") }
    }

    #[test]
    fn a_code_is_stored_as_the_name_of_its_reason() {
        let reason = Reason::Refused { call: refused(), explanation: Some(Explanation::Schema) };
        let stored = serde_json::to_value(&reason).unwrap();
        assert_eq!(stored["explanation"], "schema");
        assert_eq!(stored["call"], "AdminCreateUser InvalidPasswordException");
        assert_eq!(serde_json::from_value::<Reason>(stored).unwrap(), reason);
        assert_eq!(reason.code().to_string(), "refused: AdminCreateUser InvalidPasswordException");
        for code in ReasonCode::NAMED {
            let detail = "SNAP#x PAGES#y";
            let stored = serde_json::json!({"code": code.to_string(), "key": detail});
            assert_eq!(serde_json::from_value::<Reason>(stored).unwrap().code(), *code);
        }
    }

    #[test]
    fn a_stored_call_with_another_text_than_a_code_cannot_be_read() {
        for text in
            ["refused: AdminCreateUser anna@example.com", "refused: AdminCreateUser ", "refused: anna X"]
        {
            assert!(serde_json::from_value::<ReasonCode>(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn codes_are_keys_in_the_order_of_their_names() {
        let codes = ReasonCode::NAMED.iter().cloned().chain([ReasonCode::Refused(refused())]);
        let counts: BTreeMap<ReasonCode, u64> = codes.zip(1..).collect();
        let names: Vec<String> = counts.keys().map(ToString::to_string).collect();
        assert!(names.is_sorted(), "{names:?}");
        let json = serde_json::to_value(&counts).unwrap();
        assert_eq!(json["refused: AdminCreateUser InvalidPasswordException"], counts.len());
        assert_eq!(serde_json::from_value::<BTreeMap<ReasonCode, u64>>(json).unwrap(), counts);
        let item: serde_dynamo::Item = serde_dynamo::to_item(&counts).unwrap();
        assert_eq!(serde_dynamo::from_item::<_, BTreeMap<ReasonCode, u64>>(item).unwrap(), counts);
    }
}

//! What an error advises, as data. Each audience puts it into its own words.
//!
//! * [`crate::report::in_members`] names the members of an input and the functions' environment.
//! * The command line names its options and verbs.
//!
//! Ids are texts here, because the types of ids themselves make errors with guidance.

use std::borrow::Cow;

use crate::model::FilterList;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Guidance {
    /// The message says everything.
    #[default]
    None,
    /// The same words for each audience. They name no option, no verb, no member of an input and no environment variable.
    Advice(Cow<'static, str>),
    /// Several, one after the other.
    All(Vec<Guidance>),
    /// The guidance is about the table that a snapshot is copied to.
    AtDestination(Box<Guidance>),
    /// Try the same call later.
    TryLater,
    /// Try the same call later, at fewer calls per second.
    LowerLimit,
    /// Name the backup table that exists.
    CheckTable,
    /// Name the table on which the run works, or none.
    MatchTable,
    /// Allow the use of the backup table.
    GrantTable,
    /// Name a pool that exists in this account.
    CheckPool,
    /// Allow a Cognito operation on the pool.
    GrantCall {
        /// Cognito's name of the operation.
        operation: &'static str,
    },
    /// Give the pool the tag that opens it to the import.
    TagPool {
        /// The ARN of the pool.
        arn: String,
        /// The value of the tag.
        tag: String,
        /// The Region of the pool.
        region: String,
    },
    /// See which snapshots a pool has.
    ListSnapshots {
        /// The pool.
        pool: String,
    },
    /// Give an id that looks like one of a snapshot.
    GiveSnapshotId,
    /// Give another snapshot.
    UseAnotherSnapshot,
    /// Name this pool as the source.
    NameSource {
        /// The pool.
        pool: String,
    },
    /// Start the import again with the same input: it continues the restore.
    SameInputAgain,
    /// Give an export a readable input. The guidance names the wrong member, if only one is wrong.
    ExportInput(Option<String>),
    /// The same for an import.
    ImportInput(Option<String>),
    /// Give limits of categories.
    LimitCategories {
        /// The names of all categories.
        categories: String,
        /// The highest limit, calls per second.
        max: u32,
    },
    /// Give rules of retention.
    GiveRetention {
        /// The highest number of a rule.
        max: u32,
    },
    /// Send invitations and temporary passwords, or neither.
    InviteOrNot,
    /// Say what a repair does with existing users, or restore into another pool.
    RepairOrRestoreElsewhere,
    /// Use an empty pool, or say what happens to existing users.
    StateExisting,
    /// Continue a restore that was begun with this source and snapshot.
    ContinueRestore {
        /// The restore.
        restore: String,
        /// The source that its input names.
        source: String,
        /// The snapshot that its input names.
        snapshot: String,
    },
    /// Name one of two snapshots.
    ChooseSnapshot {
        /// The snapshot of an unfinished restore.
        unfinished: String,
        /// The newest sealed snapshot.
        newest: String,
    },
    /// Let the import declare the custom attributes that the target lacks.
    CreateMissingAttributes,
    /// Change the target, or accept that it does not take all users.
    AcceptLosses,
    /// Restore the newest snapshot from before the loss, or accept that the snapshot holds fewer users. The largest
    /// earlier snapshot may be much older than that one.
    AcceptShrunk {
        /// The pool of the snapshots.
        pool: String,
    },
    /// Check the names of one list of the selection: the snapshot does not hold them.
    CheckSelection(FilterList),
    /// Store the selection again.
    StoreSelection,
    /// Remove snapshots without a time limit, after a plan: a removal by hand holds no snapshot back.
    PruneByHand {
        /// The pool.
        pool: String,
    },
    /// Restore the item, or remove the snapshot that names it.
    RecoverOrRemove {
        /// The pool of the snapshot.
        pool: String,
        /// The snapshot.
        snapshot: String,
    },
    /// Wait until an import has ended.
    WaitForImport,
    /// Wait for the holder of the lease. The same work then continues.
    WaitForLease,
    /// Continue the creation of a pool from a snapshot.
    ContinueCreation {
        /// The pool of the snapshot.
        pool: String,
        /// The name of the new pool.
        name: String,
    },
}

impl Guidance {
    /// The run cannot be continued.
    pub const NEW_EXPORT: Self = Self::Advice(Cow::Borrowed("Start a new export."));
    /// An item is missing or altered.
    pub const RECOVER_ITEM: Self = Self::Advice(Cow::Borrowed(
        "If the export ran in another Region, the snapshot may still arrive: try again in a minute. Otherwise restore the \
         item from point-in-time recovery, or use another snapshot.",
    ));
    /// A newer version wrote the item.
    pub const NEWER_VERSION: Self =
        Self::Advice(Cow::Borrowed("Use the version that wrote it, or a newer one."));
    /// The error is a fault of this program.
    pub const REPORT_THIS: Self = Self::Advice(Cow::Borrowed("Please report this."));
    pub const RENEW_CREDENTIALS: Self = Self::Advice(Cow::Borrowed(
        "Renew the credentials. `aws sts get-caller-identity` shows whether they work.",
    ));

    /// This guidance, and then `next`.
    pub fn and(self, next: impl Into<Self>) -> Self {
        match self {
            Self::All(mut parts) => {
                parts.push(next.into());
                Self::All(parts)
            }
            first => Self::All(vec![first, next.into()]),
        }
    }

    pub fn is_none(&self) -> bool {
        match self {
            Self::None => true,
            Self::All(parts) => parts.iter().all(Self::is_none),
            _ => false,
        }
    }

    /// One example of each guidance, for tests of the code that puts guidance into words.
    pub fn examples() -> Vec<Self> {
        let mut examples = vec![Self::None];
        while let Some(next) = examples.last().and_then(Self::next_example) {
            examples.push(next);
        }
        examples
    }

    /// The example that follows this one. A variant without an example does not compile.
    fn next_example(&self) -> Option<Self> {
        let pool = || "eu-west-1_AbCdEf123".to_owned();
        Some(match self {
            Self::None => Self::NEW_EXPORT,
            Self::Advice(_) => Self::NEW_EXPORT.and(Self::REPORT_THIS),
            Self::All(_) => Self::AtDestination(Box::new(Self::CheckTable)),
            Self::AtDestination(_) => Self::TryLater,
            Self::TryLater => Self::LowerLimit,
            Self::LowerLimit => Self::CheckTable,
            Self::CheckTable => Self::MatchTable,
            Self::MatchTable => Self::GrantTable,
            Self::GrantTable => Self::CheckPool,
            Self::CheckPool => Self::GrantCall { operation: "ListUsers" },
            Self::GrantCall { .. } => Self::TagPool {
                arn: format!("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/{}", pool()),
                tag: "target".to_owned(),
                region: "eu-west-1".to_owned(),
            },
            Self::TagPool { .. } => Self::ListSnapshots { pool: pool() },
            Self::ListSnapshots { .. } => Self::GiveSnapshotId,
            Self::GiveSnapshotId => Self::UseAnotherSnapshot,
            Self::UseAnotherSnapshot => Self::NameSource { pool: pool() },
            Self::NameSource { .. } => Self::SameInputAgain,
            Self::SameInputAgain => Self::ExportInput(None),
            Self::ExportInput(_) => Self::ImportInput(Some("existing".to_owned())),
            Self::ImportInput(_) => {
                Self::LimitCategories { categories: "UserCreation, UserRead".to_owned(), max: 200 }
            }
            Self::LimitCategories { .. } => Self::GiveRetention { max: 9_999 },
            Self::GiveRetention { .. } => Self::InviteOrNot,
            Self::InviteOrNot => Self::RepairOrRestoreElsewhere,
            Self::RepairOrRestoreElsewhere => Self::StateExisting,
            Self::StateExisting => Self::ContinueRestore {
                restore: "20261121T020000123Z-1a2b3c4d".to_owned(),
                source: pool(),
                snapshot: "latest".to_owned(),
            },
            Self::ContinueRestore { .. } => Self::ChooseSnapshot {
                unfinished: "20260301T020000123Z-1a2b3c4d".to_owned(),
                newest: "20261121T020000123Z-1a2b3c4d".to_owned(),
            },
            Self::ChooseSnapshot { .. } => Self::CreateMissingAttributes,
            Self::CreateMissingAttributes => Self::AcceptLosses,
            Self::AcceptLosses => Self::AcceptShrunk { pool: pool() },
            Self::AcceptShrunk { .. } => Self::CheckSelection(FilterList::Usernames),
            Self::CheckSelection(FilterList::Usernames) => Self::CheckSelection(FilterList::Emails),
            Self::CheckSelection(FilterList::Emails) => Self::CheckSelection(FilterList::Subs),
            Self::CheckSelection(FilterList::Subs) => Self::CheckSelection(FilterList::Groups),
            Self::CheckSelection(FilterList::Groups) => Self::StoreSelection,
            Self::StoreSelection => Self::PruneByHand { pool: pool() },
            Self::PruneByHand { .. } => {
                Self::RecoverOrRemove { pool: pool(), snapshot: "20261121T020000123Z-1a2b3c4d".to_owned() }
            }
            Self::RecoverOrRemove { .. } => Self::WaitForImport,
            Self::WaitForImport => Self::WaitForLease,
            Self::WaitForLease => Self::ContinueCreation { pool: pool(), name: "new".to_owned() },
            Self::ContinueCreation { .. } => return None,
        })
    }
}

impl From<&str> for Guidance {
    fn from(words: &str) -> Self {
        Self::from(words.to_owned())
    }
}

impl From<String> for Guidance {
    fn from(words: String) -> Self {
        if words.is_empty() { Self::None } else { Self::Advice(Cow::Owned(words)) }
    }
}

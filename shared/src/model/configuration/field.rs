//! What a member of an object is. [`fields`](super::fields) has a row for each.

/// One member of an object, as Cognito answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The names of the members that lead to it: `Policies.PasswordPolicy.MinimumLength`. An element of a list is `[]`,
    /// and any key of a map is `*`: `LogConfigurations[].LogLevel`, `UserPoolTags.*`.
    pub path: &'static str,
    pub nature: Nature,
    pub write: Write,
    /// The path of the member in a request, if it differs from `path`.
    pub written_as: Option<&'static str>,
    pub omission: Omission,
    /// What an absent member means, in JSON. None if absent is a value of its own.
    pub default: Option<&'static str>,
    pub comparison: Comparison,
    pub bound: Bound,
    pub tier: Tier,
}

/// What a member is to a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// A choice of the owner: captured, compared, restored.
    Setting,
    /// It names the object.
    Name,
    /// A setting that nobody but the client or the provider may know. It is encrypted, and compared by its MAC.
    Secret,
    /// Cognito computes it from other members. It is captured, and neither compared nor restored.
    Derived,
    /// It changes by itself. It is neither stored nor compared.
    Volatile,
}

/// Which requests take a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Both the request that creates the object and the one that changes it, or the one request that sets it.
    Always,
    /// Only the request that creates the object: it can never change.
    OnlyCreate,
    /// Only the request that changes the object.
    OnlyUpdate,
    /// No request of this object.
    Never,
}

/// What a request that changes an object does with a member that it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omission {
    /// The value stays.
    Kept,
    /// The value returns to its default.
    Reset,
    /// Cognito refuses the request.
    Refused,
    /// The documentation and measurements do not agree, or nobody has measured it.
    Unknown,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// As they are. Numbers by their value: `1` and `1.0` are the same.
    Exact,
    /// As a set: Cognito changes the order.
    Set,
    /// As a time, in the unit that the member at this path names.
    Duration {
        unit: &'static str,
        /// The unit if that member is absent: `hours`.
        default: &'static str,
    },
    /// Not at all, because the member at this path holds the same.
    Mirror(&'static str),
}

/// To what a value belongs, so that it has to be mapped for another pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// It is valid everywhere.
    Nothing,
    /// To this pool: another pool gets another value.
    Pool,
    /// To an account.
    Account,
    /// To an account and a Region.
    AccountAndRegion,
    /// To a Region.
    Region,
    /// It exists once in the world.
    World,
}

/// The least tier of a pool that takes a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Lite,
    Essentials,
    Plus,
}

impl Field {
    const fn new(path: &'static str, nature: Nature, write: Write) -> Self {
        Self {
            path,
            nature,
            write,
            written_as: None,
            omission: Omission::Unknown,
            default: None,
            comparison: Comparison::Exact,
            bound: Bound::Nothing,
            tier: Tier::Lite,
        }
    }

    /// A setting that every request takes.
    pub(super) const fn setting(path: &'static str) -> Self {
        Self::new(path, Nature::Setting, Write::Always)
    }

    /// A setting that can never change.
    pub(super) const fn fixed(path: &'static str) -> Self {
        Self::new(path, Nature::Setting, Write::OnlyCreate)
    }

    pub(super) const fn name(path: &'static str) -> Self {
        Self::new(path, Nature::Name, Write::OnlyCreate)
    }

    pub(super) const fn secret(path: &'static str) -> Self {
        Self::new(path, Nature::Secret, Write::Always)
    }

    pub(super) const fn derived(path: &'static str) -> Self {
        Self::new(path, Nature::Derived, Write::Never)
    }

    pub(super) const fn volatile(path: &'static str) -> Self {
        Self::new(path, Nature::Volatile, Write::Never)
    }

    pub(super) const fn write(self, write: Write) -> Self {
        Self { write, ..self }
    }

    pub(super) const fn written_as(self, path: &'static str) -> Self {
        Self { written_as: Some(path), ..self }
    }

    pub(super) const fn kept(self) -> Self {
        Self { omission: Omission::Kept, ..self }
    }

    pub(super) const fn reset(self) -> Self {
        Self { omission: Omission::Reset, ..self }
    }

    pub(super) const fn refused(self) -> Self {
        Self { omission: Omission::Refused, ..self }
    }

    pub(super) const fn default(self, json: &'static str) -> Self {
        Self { default: Some(json), ..self }
    }

    pub(super) const fn set(self) -> Self {
        Self { comparison: Comparison::Set, ..self }
    }

    pub(super) const fn compared(self, comparison: Comparison) -> Self {
        Self { comparison, ..self }
    }

    pub(super) const fn bound(self, bound: Bound) -> Self {
        Self { bound, ..self }
    }

    pub(super) const fn tier(self, tier: Tier) -> Self {
        Self { tier, ..self }
    }
}

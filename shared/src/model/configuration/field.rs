//! What a member of an object is. [`fields`](super::fields) has a row for each.

/// One member of an object, as Cognito answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The names of the members that lead to it: `Policies.PasswordPolicy.MinimumLength`. An element of a
    /// list is `[]`, and any key of a map is `*`: `LogConfigurations[].LogLevel`, `UserPoolTags.*`. A list of
    /// objects also has a row for its element (`Scopes[]`), which says how the list is compared.
    pub path: &'static str,
    pub nature: Nature,
    /// Whether Cognito answers it. If not, a capture takes it from elsewhere, or lacks it.
    pub readable: bool,
    pub write: Write,
    /// The path of the member in a request, if it differs from `path`.
    pub written_as: Option<&'static str>,
    /// Whether a restore leaves it out of its requests, although they take it, if its mirror has a value.
    pub withheld: bool,
    pub omission: Omission,
    /// What an absent member means, in JSON. The row of an element (`[]`) has the default of the whole list.
    /// None if absent is a value of its own.
    pub default: Option<&'static str>,
    pub comparison: Comparison,
    pub bound: Bound,
    pub tier: Tier,
    /// The types of identity providers for which the row is valid. Empty if it is valid for every object of
    /// its kind.
    pub providers: &'static [ProviderType],
}

/// What a member is to a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// A choice of the owner: captured, compared, restored.
    Setting,
    /// It names the object.
    Name,
    /// A setting that only the client or the provider may know. It is encrypted, and compared by its MAC.
    Secret,
    /// Cognito computes it, from other members or by itself. It is captured, and neither compared nor
    /// restored. Only [issued](Comparison::Issued) elements are compared.
    Derived,
    /// It changes by itself. It is neither stored nor compared.
    Volatile,
}

/// Which requests take a member.
///
/// A member that a request takes only to find the object, such as the `Identifier` of `UpdateResourceServer`,
/// does not count: [`operations`](super::operations) has those.
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

/// What a request that changes an object does if it lacks the top-level member of the row: `Policies`.
///
/// If the request has that member, Cognito replaces all of it: what a sent `PasswordPolicy` lacks is not
/// kept. So a restore sends each top-level member completely, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omission {
    /// The value stays.
    Kept,
    /// The value returns to its default.
    Reset,
    /// Cognito refuses the request.
    Refused,
    /// The documentation and measurements do not agree, or no measurement is known.
    Unknown,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// As they are. Numbers by their value: `1` and `1.0` are the same.
    Exact,
    /// As a set: the order of the list means nothing, and Cognito changes it.
    Set,
    /// As a set of objects. These members tell one element from another.
    Keyed(&'static [&'static str]),
    /// As a set of objects that Cognito creates on request and gives ids, in these members. If the object has
    /// the same id on both sides, these ids tell one element from another. Otherwise only the number counts.
    Issued(&'static [&'static str]),
    /// As free JSON: all that is below the member belongs to it, and has no rows.
    FreeJson,
    /// As bytes in base64. A reader sees their size and digest.
    Bytes,
    /// As a time, in the unit that the member at this path names.
    Duration {
        unit: &'static str,
        /// The unit if that member is absent: `hours`.
        default: &'static str,
    },
    /// Together with the time at this path, of which it is the unit.
    UnitOf(&'static str),
    /// Not at all, because the member at this path holds the same. In another object, the path begins with
    /// its kind: `mfa/MfaConfiguration`. If that member is absent, like [`Exact`](Self::Exact).
    Mirror(&'static str),
}

impl Comparison {
    /// Whether the value is an element of a list whose order means nothing.
    pub fn is_of_set(self) -> bool {
        matches!(self, Self::Set | Self::Keyed(_) | Self::Issued(_))
    }
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

/// The least tier of a pool that takes another value than the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Lite,
    Essentials,
    Plus,
}

impl Tier {
    pub const ALL: [Self; 3] = [Self::Lite, Self::Essentials, Self::Plus];

    /// The name, as Cognito spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lite => "LITE",
            Self::Essentials => "ESSENTIALS",
            Self::Plus => "PLUS",
        }
    }

    /// None if Cognito added the tier later.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

/// A type of identity providers that Cognito has today.
/// Source: `IdentityProviderTypeType`, Amazon Cognito user pools API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderType {
    Saml,
    Facebook,
    Google,
    Amazon,
    Apple,
    Oidc,
}

impl ProviderType {
    pub const ALL: [Self; 6] =
        [Self::Saml, Self::Facebook, Self::Google, Self::Amazon, Self::Apple, Self::Oidc];

    /// The name, as Cognito spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Saml => "SAML",
            Self::Facebook => "Facebook",
            Self::Google => "Google",
            Self::Amazon => "LoginWithAmazon",
            Self::Apple => "SignInWithApple",
            Self::Oidc => "OIDC",
        }
    }

    /// None if Cognito added the type later.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

impl Field {
    const fn new(path: &'static str, nature: Nature, write: Write) -> Self {
        Self {
            path,
            nature,
            readable: true,
            write,
            written_as: None,
            withheld: false,
            // A request that does not take a member cannot change it.
            omission: match write {
                Write::Always | Write::OnlyUpdate => Omission::Unknown,
                Write::OnlyCreate | Write::Never => Omission::Kept,
            },
            default: None,
            comparison: Comparison::Exact,
            bound: Bound::Nothing,
            tier: Tier::Lite,
            providers: &[],
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

    /// A name that the request for a new object chooses.
    pub(super) const fn name(path: &'static str) -> Self {
        Self::new(path, Nature::Name, Write::OnlyCreate)
    }

    /// A name that Cognito chooses.
    pub(super) const fn given_name(path: &'static str) -> Self {
        Self::new(path, Nature::Name, Write::Never)
    }

    pub(super) const fn secret(path: &'static str) -> Self {
        Self::new(path, Nature::Secret, Write::Always)
    }

    /// A secret that only the request for a new object takes.
    pub(super) const fn fixed_secret(path: &'static str) -> Self {
        Self::new(path, Nature::Secret, Write::OnlyCreate)
    }

    pub(super) const fn derived(path: &'static str) -> Self {
        Self::new(path, Nature::Derived, Write::Never)
    }

    pub(super) const fn volatile(path: &'static str) -> Self {
        Self::new(path, Nature::Volatile, Write::Never)
    }

    pub(super) const fn unreadable(self) -> Self {
        Self { readable: false, ..self }
    }

    pub(super) const fn only_update(self) -> Self {
        Self { write: Write::OnlyUpdate, omission: Omission::Unknown, ..self }
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

    pub(super) const fn keyed(self, members: &'static [&'static str]) -> Self {
        Self { comparison: Comparison::Keyed(members), ..self }
    }

    pub(super) const fn issued(self, members: &'static [&'static str]) -> Self {
        Self { comparison: Comparison::Issued(members), ..self }
    }

    pub(super) const fn free_json(self) -> Self {
        Self { comparison: Comparison::FreeJson, ..self }
    }

    pub(super) const fn bytes(self) -> Self {
        Self { comparison: Comparison::Bytes, ..self }
    }

    pub(super) const fn duration(self, unit: &'static str, default: &'static str) -> Self {
        Self { comparison: Comparison::Duration { unit, default }, ..self }
    }

    pub(super) const fn unit_of(self, path: &'static str) -> Self {
        Self { comparison: Comparison::UnitOf(path), ..self }
    }

    /// The member at `path` holds the same, and requests send both.
    pub(super) const fn mirror(self, path: &'static str) -> Self {
        Self { comparison: Comparison::Mirror(path), ..self }
    }

    /// The member at `path` holds the same, and requests send only that one.
    pub(super) const fn withheld_for(self, path: &'static str) -> Self {
        Self { withheld: true, ..self.mirror(path) }
    }

    pub(super) const fn bound(self, bound: Bound) -> Self {
        Self { bound, ..self }
    }

    pub(super) const fn tier(self, tier: Tier) -> Self {
        Self { tier, ..self }
    }

    pub(super) const fn of(self, providers: &'static [ProviderType]) -> Self {
        Self { providers, ..self }
    }

    /// Whether the row is valid for an object with this provider type. None if the object has none, or a new
    /// one.
    pub fn is_valid_for(&self, provider: Option<ProviderType>) -> bool {
        self.providers.is_empty() || provider.is_some_and(|provider| self.providers.contains(&provider))
    }

    /// The path of the member in a request.
    pub fn request_path(&self) -> &'static str {
        self.written_as.unwrap_or(self.path)
    }
}

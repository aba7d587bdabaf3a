//! What a rebuild leaves out, and why.

use serde::Serialize;

/// Why a rebuild leaves something out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LeftReason {
    /// It belongs to the old account or Region, and the map does not have it.
    Bound,
    /// The tier of the pool forbids it.
    Tier,
    /// The secret was not captured and is not supplied. A client gets a new one. A provider is left out.
    SecretMissing,
    /// The old pool may hold the domain, and the map does not name another one.
    DomainHeld,
    /// It needs a domain, and the new pool gets none.
    NoDomain,
    /// The snapshot does not have it.
    NotCaptured,
    /// AWS makes it, or a client that registers itself.
    MadeByItself,
    /// A rebuild does not make it.
    NotRestorable,
    /// It names what is left out.
    NamesLeftOut,
    /// It names an object that the snapshot does not have.
    NamesMissing,
    /// AWS has ended the service that it belongs to.
    Ended,
    /// Every pool gets a new one.
    NewInEachPool,
    /// This version does not know it.
    Unknown,
}

impl LeftReason {
    /// Whether a creation that must be complete is refused for it: the map can supply it, or an object names what the
    /// snapshot does not have.
    pub fn is_refusable(self) -> bool {
        match self {
            Self::Bound | Self::SecretMissing | Self::DomainHeld | Self::NamesMissing => true,
            Self::Tier
            | Self::NoDomain
            | Self::NotCaptured
            | Self::MadeByItself
            | Self::NotRestorable
            | Self::NamesLeftOut
            | Self::Ended
            | Self::NewInEachPool
            | Self::Unknown => false,
        }
    }
}

/// One object, or one member of it, that a rebuild leaves out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftOut {
    pub object: String,
    /// Null if the whole object is left out.
    pub field: Option<String>,
    pub reason: LeftReason,
}

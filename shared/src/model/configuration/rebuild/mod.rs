//! What it takes to build a pool again from a captured configuration: pure, without any call.

mod bound;
mod outside;
mod plan;

use std::collections::BTreeMap;
use std::fmt;

pub use bound::{Place, Rewrites};
pub use outside::outside;
pub use plan::{LeftOut, LeftReason, PlanRefusal, RebuildPlan, Step, plan};

/// Secrets that the operator supplies, by object: `identityProviders/Google`, or `clients/web` by id or name. Their values
/// are never shown.
#[derive(Clone, Default)]
pub struct SuppliedSecrets(BTreeMap<String, String>);

impl fmt::Debug for SuppliedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SuppliedSecrets").field(&self.0.len()).finish()
    }
}

impl SuppliedSecrets {
    pub fn new(secrets: BTreeMap<String, String>) -> Self {
        Self(secrets)
    }

    /// The secret of the object with one of these names.
    fn of(&self, names: &[String]) -> Option<&str> {
        names.iter().find_map(|name| self.0.get(name)).map(String::as_str)
    }

    /// The names of the objects.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

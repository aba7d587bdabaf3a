//! What the operator supplies for a new pool.

use std::collections::BTreeMap;
use std::fmt;

use super::super::{CapturedObject, ObjectKind, ObjectName};
use super::{PlanRefusal, Rewrites};

/// The map of the operator.
#[derive(Debug, Clone, Default)]
pub struct SuppliedMap {
    pub rewrites: Rewrites,
    pub secrets: SuppliedSecrets,
    /// The old and the new ARNs of the roles of groups. They are for the import: a configuration has no groups.
    pub group_roles: BTreeMap<String, String>,
}

/// Secrets that the operator supplies, by object: `identityProviders/Google`, or `clients/web` by id or name. Their
/// values are never shown.
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
    pub(super) fn find(&self, names: &[String]) -> Option<&str> {
        names.iter().find_map(|name| self.0.get(name)).map(String::as_str)
    }

    /// The names of the objects.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl SuppliedMap {
    /// Refuses a map with a domain or a secret of an object that is not there: a slip of the pen would leave it out.
    pub(super) fn check(
        &self,
        objects: &[CapturedObject],
        names: &BTreeMap<&str, &str>,
    ) -> Result<(), PlanRefusal> {
        let has = |name: &ObjectName| objects.iter().any(|object| object.name == *name);
        for domain in self.rewrites.domains.keys() {
            let name = ObjectName::of(ObjectKind::Domain, domain.as_str());
            if !has(&name) {
                return Err(PlanRefusal::UnknownInMap { name: name.to_string() });
            }
        }
        for name in self.secrets.names() {
            let is_client = |client: &str| names.iter().any(|(id, known)| *id == client || *known == client);
            let is_known = match name.split_once('/') {
                Some(("clients", client)) => is_client(client),
                Some(("identityProviders", _)) => ObjectName::parse(name).is_some_and(|name| has(&name)),
                _ => false,
            };
            if !is_known {
                return Err(PlanRefusal::UnknownInMap { name: name.to_owned() });
            }
        }
        Ok(())
    }
}

//! What the operator supplies for a new pool.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::super::members::rows_of;
use super::super::path::texts_at;
use super::super::request::{Purpose, secrets_of};
use super::super::{Bound, CapturedList, ObjectKind, ObjectName};
use super::domains::problem_of;
use super::planner::is_made_by_itself;
use super::secrecy::Secrecy;
use super::{Home, PlanRefusal, Rewrites};

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

    /// The names of the objects.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// A capture, to check a map.
pub(super) struct Checked<'a> {
    pub list: &'a CapturedList,
    pub captured: &'a BTreeMap<&'a ObjectName, &'a Value>,
    /// The names of clients, by id.
    pub names: &'a BTreeMap<&'a str, &'a str>,
    pub from: &'a Home,
}

impl SuppliedMap {
    /// Refuses an entry that nothing can use: a slip of the pen would leave the value out. Returns the secrets by object.
    pub(super) fn check<'a>(
        &'a self,
        capture: &Checked<'_>,
    ) -> Result<BTreeMap<ObjectName, &'a str>, PlanRefusal> {
        self.check_rewrites(capture)?;
        let mut secrets = BTreeMap::new();
        for (name, secret) in &self.secrets.0 {
            let object = capture.object_with_secret(name)?;
            if object.kind == ObjectKind::Client && !CLIENT_SECRET_LENGTH.contains(&secret.chars().count()) {
                return Err(PlanRefusal::SecretLength { name: name.clone() });
            }
            if secrets.insert(object, secret.as_str()).is_some() {
                return Err(PlanRefusal::TwiceInMap { name: name.clone() });
            }
        }
        Ok(secrets)
    }

    fn check_rewrites(&self, capture: &Checked<'_>) -> Result<(), PlanRefusal> {
        let rewrites = &self.rewrites;
        let values = BoundValues::of(capture);
        let unknown = |name: String| Err(PlanRefusal::UnknownInMap { name });
        for domain in rewrites.domains.keys() {
            let name = ObjectName::of(ObjectKind::Domain, domain.as_str());
            if !capture.captured.contains_key(&name) {
                return unknown(name.to_string());
            }
        }
        let captured =
            |domain: &str| capture.captured.get(&ObjectName::of(ObjectKind::Domain, domain)).copied();
        if let Some((domain, problem)) = problem_of(&rewrites.domains, captured) {
            return Err(PlanRefusal::Domain { domain: domain.to_owned(), problem });
        }
        for (keys, known) in [
            (&rewrites.arns, &values.whole),
            (&rewrites.accounts, &values.accounts),
            (&rewrites.regions, &values.regions),
        ] {
            if let Some(key) = keys.keys().find(|key| !known.contains(key.as_str())) {
                return unknown(key.clone());
            }
        }
        Ok(())
    }
}

/// How many characters a secret of a client has. Source: `ClientSecretType`, Amazon Cognito user pools API.
const CLIENT_SECRET_LENGTH: RangeInclusive<usize> = 24..=64;

impl Checked<'_> {
    /// The object that a name in the map means.
    fn object_with_secret(&self, name: &str) -> Result<ObjectName, PlanRefusal> {
        let unknown = || PlanRefusal::UnknownInMap { name: name.to_owned() };
        let object = match name.split_once('/') {
            Some(("clients", client)) => ObjectName::of(ObjectKind::Client, self.client(client, name)?),
            Some(("identityProviders", _)) => ObjectName::parse(name).ok_or_else(unknown)?,
            _ => return Err(unknown()),
        };
        let document = self.captured.get(&object).ok_or_else(unknown)?;
        let takes_secret = match object.kind {
            ObjectKind::Client => {
                let secrecy = Secrecy::of(&object.id, self.captured, self.list);
                secrecy != Secrecy::Public && !is_made_by_itself(document)
            }
            kind => !secrets_of(kind, document, Purpose::Create).is_empty(),
        };
        if takes_secret { Ok(object) } else { Err(PlanRefusal::TakesNoSecret { name: name.to_owned() }) }
    }

    /// The id of a client with this id or name.
    fn client(&self, id_or_name: &str, name: &str) -> Result<String, PlanRefusal> {
        if self.captured.contains_key(&ObjectName::of(ObjectKind::Client, id_or_name)) {
            return Ok(id_or_name.to_owned());
        }
        let mut ids = self.names.iter().filter(|(_, known)| **known == id_or_name).map(|(id, _)| *id);
        match (ids.next(), ids.next()) {
            (Some(id), None) => Ok(id.to_owned()),
            (Some(_), Some(_)) => Err(PlanRefusal::AmbiguousInMap { name: name.to_owned() }),
            (None, _) => Err(PlanRefusal::UnknownInMap { name: name.to_owned() }),
        }
    }
}

/// What a map can rewrite: the values of a capture that belong to accounts and Regions.
struct BoundValues<'a> {
    whole: BTreeSet<&'a str>,
    accounts: BTreeSet<&'a str>,
    regions: BTreeSet<&'a str>,
}

impl<'a> BoundValues<'a> {
    fn of(capture: &Checked<'a>) -> Self {
        let mut found = Self {
            whole: BTreeSet::new(),
            accounts: BTreeSet::from([capture.from.account.as_str()]),
            regions: BTreeSet::from([capture.from.region.as_str()]),
        };
        for (name, &document) in capture.captured {
            for row in rows_of(name.kind, document) {
                if matches!(row.bound, Bound::Account | Bound::Region | Bound::AccountAndRegion) {
                    texts_at(document, row.path).into_iter().for_each(|value| found.add(row.bound, value));
                }
            }
        }
        found
    }

    fn add(&mut self, bound: Bound, value: &'a str) {
        self.whole.insert(value);
        let parts: Vec<&str> = value.split(':').collect();
        if parts[0] == "arn" && parts.len() >= 6 {
            self.regions.insert(parts[3]);
            self.accounts.insert(parts[4]);
        } else if bound == Bound::Region {
            self.regions.insert(value);
        }
    }
}

//! A forecast: what an import would do, worked out page by page without touching the target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Category, Existing, Note, Pages, Restore, Sub};

/// Calls that it takes to change a user, most of the time: one to look it up and one for its attributes or for the enabled flag.
const CALLS_OF_AN_UPDATE: [Category; 2] = [Category::UserRead, Category::UserUpdate];

/// The restore that is to be, or, of a dry run, would be, and how far its forecast has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastCheckpoint {
    /// The restore that would be.
    pub restore: Restore,
    /// Where the snapshot's users are.
    pub users: Pages,
    /// The next page to look at, from 1.
    pub next_page: u64,
    /// What is known so far.
    pub forecast: Forecast,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ForecastCheckpoint {
    /// Whether every page has been looked at.
    pub fn is_complete(&self) -> bool {
        self.next_page > self.users.count()
    }
}

/// What an import would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Forecast {
    /// Users of the snapshot, entries listed twice among them.
    pub users: u64,
    /// Users that can be created, as far as the settings of the target tell.
    pub creatable: u64,
    /// Users that are there already; looked at only where the target is the snapshot's own pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub there: Option<ExistingForecast>,
    /// Why the others cannot, with some of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub objections: BTreeMap<String, Objection>,
    /// What there is to say about those that can.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<Note, u64>,
    /// Users who have to set a new password before they can sign in: nobody knows the one that they get, or they get none.
    pub must_reset: u64,
    /// Calls about users, by category: creation, password, and what else they need.
    #[serde(rename = "callsByCategory", skip_serializing_if = "BTreeMap::is_empty")]
    pub user_calls: BTreeMap<Category, u64>,
    /// Groups more than the target can have.
    #[serde(skip_serializing_if = "is_zero")]
    pub groups_too_many: u64,
    /// Pages of the snapshot that cannot be read.
    pub damaged_pages: u64,
    /// What import jobs would do, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsForecast>,
}

/// What would become of users that are in the snapshot's own pool, by `sub`, by the sub map of an earlier restore or by sign-in name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExistingForecast {
    /// As in the snapshot.
    pub same: u64,
    /// Other than in the snapshot, and left so.
    pub kept: u64,
    /// Other than in the snapshot, and made as they are there.
    pub updated: u64,
}

/// What import jobs would do, users counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobsForecast {
    /// Users that a file can carry.
    pub by_job: u64,
    /// The others, by the reason why they would go through the API.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_api: BTreeMap<String, u64>,
    /// Why everybody would go through the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
}

/// What the settings of a target have against a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaViolation {
    /// It requires the attribute, and the user lacks it.
    RequiredAttribute(String),
    /// It does not declare the attribute.
    UndeclaredAttribute(String),
    /// Its limits for the attribute do not take the value.
    Limits(String),
    /// It lacks the identity provider that the user is to be linked to.
    Provider(String),
}

impl SchemaViolation {
    /// The names of all demands, without the attribute or provider.
    const NAMES: [&str; 4] = ["requiredAttributeMissing", "attributeNotDeclared", "valueNotAccepted", "providerMissing"];

    /// The name, for counting.
    pub fn code(&self) -> String {
        let [required, undeclared, limits, provider] = Self::NAMES;
        match self {
            Self::RequiredAttribute(name) => format!("{required}: {name}"),
            Self::UndeclaredAttribute(name) => format!("{undeclared}: {name}"),
            Self::Limits(name) => format!("{limits}: {name}"),
            Self::Provider(name) => format!("{provider}: {name}"),
        }
    }
}

/// Users that cannot be created for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Objection {
    /// How many.
    pub users: u64,
    /// The first of them.
    pub first: Vec<Sub>,
}

impl Forecast {
    /// How many users are named for one reason.
    pub const NAMED: usize = 5;

    /// Counts a user that can be created.
    pub fn count(&mut self, calls: impl IntoIterator<Item = Category>, notes: &[Note]) {
        self.users += 1;
        self.creatable += 1;
        self.call(calls);
        for note in notes {
            *self.notes.entry(*note).or_default() += 1;
        }
    }

    fn call(&mut self, calls: impl IntoIterator<Item = Category>) {
        for category in calls {
            *self.user_calls.entry(category).or_default() += 1;
        }
    }

    /// Counts a user that is there already, and whether as in the snapshot.
    pub fn count_there(&mut self, is_same: bool, existing: Existing) {
        self.users += 1;
        let there = self.there.get_or_insert_default();
        match (is_same, existing) {
            (true, _) => there.same += 1,
            (false, Existing::Update) => {
                there.updated += 1;
                self.call(CALLS_OF_AN_UPDATE);
            }
            (false, _) => there.kept += 1,
        }
    }

    /// The objections that another target, or this one with other settings, would not have.
    pub fn of_the_target(&self) -> impl Iterator<Item = (&String, &Objection)> {
        let is_demand = |reason: &str| reason.split_once(':').is_some_and(|(name, _)| SchemaViolation::NAMES.contains(&name));
        self.objections.iter().filter(move |(reason, _)| is_demand(reason))
    }

    /// Counts a user that cannot.
    pub fn object(&mut self, sub: Sub, reason: String) {
        self.users += 1;
        let objection = self.objections.entry(reason).or_default();
        objection.users += 1;
        if objection.first.len() < Self::NAMED {
            objection.first.push(sub);
        }
    }
}

//! A forecast: what an import would do, worked out page by page without touching the target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Note, Restore, Sub};

/// A dry run: the restore that would be, and how far its forecast has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// The restore that would be.
    pub restore: Restore,
    /// Pages of users in the snapshot.
    pub pages: u64,
    /// Which attempt at their listing counts.
    pub attempt: u32,
    /// The next page to look at, from 1.
    pub next_page: u64,
    /// What is known so far.
    pub forecast: Forecast,
}

/// What an import would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Forecast {
    /// Users of the snapshot, entries listed twice among them.
    pub users: u64,
    /// Users that can be created, as far as the settings of the target tell.
    pub creatable: u64,
    /// Why the others cannot, with some of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub objections: BTreeMap<String, Objection>,
    /// What there is to say about those that can.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<Note, u64>,
    /// Calls about users: creation, password, and what else they need.
    pub user_calls: u64,
    /// Pages of the snapshot that cannot be read.
    pub damaged_pages: u64,
    /// What import jobs would do, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsForecast>,
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
    pub fn count(&mut self, calls: u64, notes: &[Note]) {
        self.users += 1;
        self.creatable += 1;
        self.user_calls += calls;
        for note in notes {
            *self.notes.entry(*note).or_default() += 1;
        }
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

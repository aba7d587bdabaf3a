//! What the work on entries shares in one invocation.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use tokio::sync::{Mutex, OnceCell};

use super::entry::WorkEnd;
use super::handled::HandledCounter;
use super::in_flight::InFlight;
use super::member_scan::Way;
use super::refused_entry;
use super::snapshot_groups::{FirstPlaces, GroupOutcomes, GroupsOfSnapshot};
use super::workers::Workers;
use crate::Result;
use crate::model::{ImportJobs, Method, Outcome, Pages, UnitId};
use crate::operations::import::context::Context;
use crate::pacing::{InFlightBytes, UserSizes};
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolError};

/// The most bytes of users that are being restored at once. A user is in memory up to seven times: as its record, in
/// the parts of a request and of its answer.
const MAX_USERS_IN_FLIGHT: usize = 4 * 1024 * 1024;
/// The most bytes of users in answers about members.
const MAX_MEMBERS_IN_FLIGHT: usize = 8 * 1024 * 1024;

pub struct Entries<'a, B: Backend> {
    pub context: &'a Context<B>,
    /// The import jobs, all of which have ended. None if the restore uses calls only.
    pub jobs: Option<ImportJobs>,
    pub workers: Workers,
    pub handled: HandledCounter<'a, B::Vault>,
    pub in_flight: InFlight,
    /// Whether the target refused an alias of a user that was not confirmed, and took the user without it.
    pub creates_without_alias: AtomicBool,
    /// Held while a page is read, so that pages are read in their order.
    pub reading: Mutex<()>,
    /// Held while the groups of users are looked up.
    pub looking_up: Mutex<()>,
    /// The member scans of this invocation, and how they ended.
    pub scans: Mutex<HashMap<UnitId, Arc<OnceCell<WorkEnd>>>>,
    /// How a selection of few users finds memberships that exist. Decided once, if a member existed before.
    pub way_for_few: OnceCell<Way>,
    /// What members must know of the groups of the snapshot. Read once, if a group needs it.
    pub groups_of_snapshot: OnceCell<GroupsOfSnapshot>,
    /// What became of the groups of the snapshot. Read once, if a member existed before or finds no group.
    pub group_outcomes: OnceCell<GroupOutcomes>,
    /// The pages of the groups in the snapshot. Read once, if a group needs it.
    pub group_pages: OnceCell<Pages>,
    /// Where the snapshot names each group first. Read once, if a page of groups is restored.
    pub first_places_of_groups: OnceCell<FirstPlaces>,
    pub users_in_flight: InFlightBytes,
    pub members_in_flight: InFlightBytes,
    /// The sizes of the users of the target, for answers about members.
    pub sizes: UserSizes,
}

impl<'a, B: Backend> Entries<'a, B> {
    pub async fn open(context: &'a Context<B>) -> Result<Self> {
        let Context { catalog, restore, tps, ceilings, budget, .. } = context;
        let jobs = match restore.options.method {
            Method::Api => None,
            Method::Csv => catalog.import_jobs(&restore.id).await?,
        };
        Ok(Self {
            context,
            jobs,
            workers: Workers::new(*tps, ceilings, *budget),
            handled: HandledCounter::new(catalog, restore),
            in_flight: InFlight::default(),
            creates_without_alias: AtomicBool::new(false),
            reading: Mutex::default(),
            looking_up: Mutex::default(),
            scans: Mutex::default(),
            way_for_few: OnceCell::new(),
            groups_of_snapshot: OnceCell::new(),
            group_outcomes: OnceCell::new(),
            group_pages: OnceCell::new(),
            first_places_of_groups: OnceCell::new(),
            users_in_flight: InFlightBytes::new(MAX_USERS_IN_FLIGHT),
            members_in_flight: InFlightBytes::new(MAX_MEMBERS_IN_FLIGHT),
            sizes: UserSizes::of_pool(context.largest_user),
        })
    }

    /// Whether an import job of this restore may have created a user at the time `created`.
    pub fn jobs_were_at_work(&self, created: Option<Timestamp>) -> bool {
        self.jobs.as_ref().zip(created).is_some_and(|(jobs, created)| jobs.at_work.cover(created))
    }

    /// The outcome of an entry whose call Cognito refused.
    pub fn refused(&self, error: PoolError) -> Result<Outcome> {
        refused_entry::outcome_of(self.context.pool.id(), error)
    }
}

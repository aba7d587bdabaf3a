//! What an import would do.

use serde::{Deserialize, Serialize};

use super::import::{notes, through_the_api};
use crate::Error;
use crate::format::{form, grouped, plural};
use crate::model::{
    Counts, ExistingForecast, Forecast, ForecastCheckpoint, JobsForecast, PoolId, RunId, RunKind, Tps,
    UserListing,
};

/// The status of a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Planned {
    /// The forecast is complete.
    Planned,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// `import`.
    pub operation: RunKind,
    /// `PLANNED`.
    pub status: Planned,
    /// Always true.
    pub dry_run: bool,
    /// Always false: the state machine does not call finalize again.
    pub more: bool,
    pub snapshot_id: RunId,
    pub source_user_pool_id: PoolId,
    pub target_user_pool_id: PoolId,
    /// What the snapshot holds.
    pub expected: Counts,
    /// How the users of the snapshot were listed. None if its header is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<UserListing>,
    /// What would happen to its users.
    #[serde(flatten)]
    pub forecast: Forecast,
    /// Users whose records are missing from the backup table or altered. No import can restore them from this
    /// snapshot.
    #[serde(default)]
    pub damaged: u64,
    /// The name of the error with which the import would be refused now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The Cognito calls of the import, from an empty target.
    pub total_calls: u64,
    /// The least time that the import takes at the limit of this run, seconds.
    pub least_seconds: u64,
    /// All of this in words.
    pub summary: String,
}

impl PlanReport {
    /// Whether every record and page of users can be read.
    pub fn is_readable(&self) -> bool {
        self.damaged == 0 && self.forecast.damaged_pages == 0
    }

    /// A complete forecast in words, with its calls, the least time that they take, and why the import would be refused.
    pub fn summary(
        state: &ForecastCheckpoint,
        listing: Option<UserListing>,
        tps: Tps,
        calls: u64,
        seconds: u64,
        refusal: Option<&Error>,
    ) -> String {
        let ForecastCheckpoint { restore, forecast, .. } = state;
        let mut words = forecast.summary(calls, tps, seconds);
        if restore.selection.is_some() {
            words += " Each membership of a selected user takes one more call.";
        } else if restore.target_pool().holds_most_entries() {
            words += " Each missing membership takes one more call.";
        }
        words += listing.map(UserListing::summary).unwrap_or_default();
        if let Some(refusal) = refusal {
            words +=
                &format!(" The import ends with {} unless you accept its losses.", refusal.kind().name());
        }
        words
    }
}

impl Forecast {
    /// What would happen, in words, with `calls` calls at `tps` a second, which take `seconds`.
    pub fn summary(&self, calls: u64, tps: Tps, seconds: u64) -> String {
        let of = plural(self.users, "user", "users");
        let mut words = match &self.existing {
            None => format!(
                "{} of {of} can be restored, as far as the target's settings tell.",
                grouped(self.creatable)
            ),
            Some(existing) => existing.summary(self.creatable, self.users),
        };
        for (reason, objection) in &self.objections {
            words += &format!(" Not: {} ({reason}).", plural(objection.users, "user", "users"));
        }
        if self.must_reset > 0 {
            let users = plural(self.must_reset, "user", "users");
            words += &format!(" {users} must set a new password by \"forgot password\".");
        }
        if self.groups_too_many > 0 {
            words += &format!(
                " The target would exceed the limit of groups by {}.",
                grouped(self.groups_too_many)
            );
        }
        if self.damaged_pages > 0 {
            words +=
                &format!(" {} of the snapshot cannot be read.", plural(self.damaged_pages, "page", "pages"));
        }
        let damaged = self.damaged();
        if damaged > 0 {
            let records = plural(damaged, "record is", "records are");
            words += &format!(" {records} damaged: missing from the backup table, or altered.");
        }
        words += &notes(&self.notes);
        words += &self.jobs.as_ref().map(JobsForecast::summary).unwrap_or_default();
        let to = if self.existing.is_some() { "" } else { " to an empty target" };
        let pace = if seconds > calls.div_ceil(u64::from(tps.get())) {
            format!("at up to {tps} a second, within the quotas of their categories")
        } else {
            format!("at {tps} a second")
        };
        words + &format!(" It takes {}{to}: {} {pace}.", plural(calls, "call", "calls"), time(seconds))
    }
}

/// A time in the largest unit that gives at least 2, rounded up.
fn time(seconds: u64) -> String {
    match seconds {
        0..120 => plural(seconds, "second", "seconds"),
        120..7_200 => plural(seconds.div_ceil(60), "minute", "minutes"),
        _ => plural(seconds.div_ceil(3_600), "hour", "hours"),
    }
}

impl ExistingForecast {
    fn summary(&self, creatable: u64, users: u64) -> String {
        let of = plural(users, "user", "users");
        let is = form(users, "is", "are");
        let mut words = format!(
            "{} of {of} {is} missing and can be created, as far as the pool's settings tell.",
            grouped(creatable)
        );
        words += &format!(" Existing and as in the snapshot: {}.", grouped(self.same));
        if self.kept > 0 {
            words += &format!(" Existing, different, and left as they are: {}.", grouped(self.kept));
        }
        if self.updated > 0 {
            words += &format!(" Existing, different, and changed back: {}.", grouped(self.updated));
        }
        words
    }
}

impl JobsForecast {
    fn summary(&self) -> String {
        if let Some(reason) = &self.fallback {
            return format!(" No import job can run, so all users go through the API: {reason}");
        }
        let users = plural(self.by_job, "user", "users");
        let words = format!(" Import jobs can carry {users}. Cognito decides how long they take.");
        words + &through_the_api(&self.by_api)
    }
}

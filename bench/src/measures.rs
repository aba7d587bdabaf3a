//! The figures of one run.

use shared::machine::Function;
use shared::model::Category;
use shared::ports::pool::Operation;

use crate::kind::Kind;
use crate::scenario::Run;
use crate::traffic::Traffic;

const MB: f64 = 1024.0 * 1024.0;
/// The maximum number of users on one page of a listing.
pub const PAGE_SIZE: f64 = 60.0;

/// One listing reaches a limit up to this share of its mean rate, because the time of calls varies.
const MAX_SHARE_OF_ONE: f64 = 0.75;

/// The name of a function's executable.
fn executable(function: Function) -> &'static str {
    match function {
        Function::Enumerate => "enumerate",
        Function::ExportPage => "export-page",
        Function::ImportPage => "import-page",
        Function::Finalize | Function::Removal | Function::Copy => "finalize",
    }
}

impl Run {
    /// The calls that list users and members.
    pub fn listing(&self) -> Traffic {
        self.traffic.filtered(|operation| operation.category() == Category::UserList)
    }

    /// The mean rate of the listing, as a share of the limit.
    pub fn share_of_limit(&self) -> f64 {
        self.listing().mean_per_second() / f64::from(self.scenario.tps)
    }

    /// Whether the export made a split listing.
    pub fn is_split(&self) -> bool {
        self.execution.output["listing"] == "split"
    }

    /// Whether the listing can reach the limit: it is split, or one listing is fast enough.
    pub fn can_reach_limit(&self) -> bool {
        let calls_of_one = 1_000.0 / self.scenario.latency as f64;
        self.is_split() || f64::from(self.scenario.tps) <= calls_of_one * MAX_SHARE_OF_ONE
    }

    /// Users per second of the whole execution.
    pub fn users_per_second(&self) -> f64 {
        f64::from(self.scenario.users) / self.time.as_secs_f64()
    }

    /// Write units in one Region for every 60 users.
    pub fn write_units_per_page(&self) -> f64 {
        self.units.write_units(|_| true) as f64 / (f64::from(self.scenario.users) / PAGE_SIZE)
    }

    /// Read units for every 60 users.
    pub fn read_units_per_page(&self) -> f64 {
        self.units.read_units() as f64 / (f64::from(self.scenario.users) / PAGE_SIZE)
    }

    /// The write units of all items divided by those of the records.
    pub fn write_units_by_those_of_records(&self) -> f64 {
        self.units.write_units(|_| true) as f64 / self.units.write_units(Kind::is_record).max(1) as f64
    }

    /// The largest heap of all functions in MB, and the executable of that function.
    pub fn memory(&self) -> (f64, &'static str) {
        let largest = self.execution.memory.iter().max_by_key(|(_, bytes)| **bytes);
        largest.map_or((0.0, ""), |(function, bytes)| (*bytes as f64 / MB, executable(*function)))
    }

    /// State transitions divided by the invocations of export-page or import-page.
    pub fn transitions_per_invocation(&self) -> f64 {
        let pages = [Function::ExportPage, Function::ImportPage];
        let pages = pages.iter().filter_map(|function| self.execution.invocations.get(function));
        self.execution.transitions as f64 / pages.sum::<u64>().max(1) as f64
    }

    /// The calls from the first creation of a user to the last password.
    fn creation(&self) -> Traffic {
        let is_of_users =
            |operation| matches!(operation, Operation::AdminCreateUser | Operation::AdminSetUserPassword);
        self.traffic.between(is_of_users)
    }

    /// The rate during the creation of users, as a share of the rate that the limit and the quotas allow.
    pub fn share_of_allowed_rate_of_creation(&self) -> f64 {
        self.creation().share_of_allowed(self.scenario.tps, Category::default_quota)
    }

    /// The rate of the whole restore, as a share of the rate that the limit and the quotas allow. It assumes
    /// that calls of all categories can be made at the same time.
    pub fn share_of_allowed_rate(&self) -> f64 {
        self.traffic.share_of_allowed(self.scenario.tps, Category::default_quota)
    }

    /// Calls to Cognito divided by users.
    pub fn calls_per_user(&self) -> f64 {
        self.traffic.total() as f64 / f64::from(self.scenario.users)
    }

    /// The number of calls for single users that a restore by import jobs does not need.
    pub fn calls_that_jobs_replace(&self) -> u64 {
        let is_replaced = |operation| {
            matches!(
                operation,
                Operation::AdminCreateUser | Operation::AdminSetUserPassword | Operation::AdminGetUser
            )
        };
        self.traffic.filtered(is_replaced).total()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::machine::Execution;
    use crate::population::People;
    use crate::scenario::{RunKind, Scenario};
    use crate::service::PageFill;
    use crate::units::Units;

    #[test]
    fn write_units_are_divided_by_pages_and_by_units_of_records() {
        let scenario = Scenario {
            users: 60_000,
            groups: 0,
            tps: 10,
            latency: 50,
            page_fill: PageFill::Full,
            people: People::Ordinary,
        };
        let (traffic, execution, time) = (Traffic::default(), Execution::default(), Duration::from_secs(100));
        let mut run =
            Run { scenario, kind: RunKind::FirstExport, execution, traffic, units: Units::default(), time };
        (0..1_000).for_each(|_| run.units.write(Kind::PageBatch, 2_000));
        (0..60_000).for_each(|_| run.units.write(Kind::UserRecord, 1_000));
        assert!((run.write_units_per_page() - 62.0).abs() < 1e-9);
        assert!((run.write_units_by_those_of_records() - 62.0 / 60.0).abs() < 1e-9);
    }
}

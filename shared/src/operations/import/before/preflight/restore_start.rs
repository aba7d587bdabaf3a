//! How an import starts: with a new restore, or with one that it continues.

use super::target_check::Declarations;
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{
    Counts, Execution, Forecast, ForecastCheckpoint, Listing, MembersRead, Restore, RestoreState,
    RestoreUnit, RunId,
};
use crate::ports::vault::Vault;

pub enum RestoreStart {
    New { restore: Box<Restore>, units: Vec<RestoreUnit> },
    Continued { restore: Box<Restore>, execution: Execution, to_declare: Declarations },
}

impl RestoreStart {
    pub fn restore(&self) -> &Restore {
        match self {
            Self::New { restore, .. } | Self::Continued { restore, .. } => restore,
        }
    }

    pub fn id(&self) -> &RunId {
        &self.restore().id
    }

    /// Writes the empty forecast, which is all that a dry run needs.
    pub async fn begin_dry_run<V: Vault>(self, catalog: &Catalog<V>) -> Result<()> {
        match self {
            Self::New { restore, units } => {
                let members = Some(MembersRead::default());
                let forecast = ForecastCheckpoint { members, ..empty_forecast(&restore, &units) };
                catalog.begin_forecast(&forecast).await
            }
            Self::Continued { .. } => Ok(()),
        }
    }

    /// Writes the header and the units of the restore. Returns its id.
    pub async fn begin<V: Vault>(self, catalog: &Catalog<V>) -> Result<RunId> {
        match self {
            Self::New { restore, units } => {
                catalog.begin_forecast(&empty_forecast(&restore, &units)).await?;
                catalog.begin_restore(&restore, &units).await?;
                Ok(restore.id)
            }
            Self::Continued { restore, execution, to_declare } => {
                let resume = |now: &mut Restore| {
                    now.retention_changed |= now.sub_map_retention != restore.sub_map_retention;
                    now.sub_map_retention = restore.sub_map_retention;
                    now.sub_map_lifetime = restore.sub_map_lifetime;
                    now.tag = restore.tag;
                    resume(now, &execution, &to_declare);
                };
                catalog.change_restore(&restore.target, &restore.id, resume).await?;
                Ok(restore.id)
            }
        }
    }
}

/// Hands a restore to another execution. Only the first invocation of the execution does so.
/// Otherwise the pass would be counted twice.
fn resume(restore: &mut Restore, execution: &Execution, to_declare: &Declarations) {
    if restore.execution == *execution {
        return;
    }
    if matches!(restore.state, RestoreState::Partial | RestoreState::Succeeded) {
        restore.pass += 1;
        restore.handled = Counts::default();
    }
    restore.has_succeeded |= restore.state == RestoreState::Succeeded;
    restore.verified_pages = 0;
    restore.totals = None;
    restore.verification = None;
    restore.execution = execution.clone();
    restore.to_declare = to_declare.clone();
    restore.state = RestoreState::Running;
    restore.failure = None;
}

fn empty_forecast(restore: &Restore, units: &[RestoreUnit]) -> ForecastCheckpoint {
    let users = units.iter().find(|unit| unit.listing == Listing::Users).map(|unit| unit.source.clone());
    let (users, forecast) = (users.unwrap_or_default(), Forecast::default());
    ForecastCheckpoint { restore: restore.clone(), users, next_page: 1, members: None, forecast }
}

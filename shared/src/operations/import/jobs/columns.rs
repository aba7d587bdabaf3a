//! The columns of the files that a target's import jobs take.

use crate::Result;
use crate::csv::Header;
use crate::model::{NoJobs, PoolDescription};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::job_files::JobFiles;
use crate::ports::pool::{Pool, PoolError, PoolErrorKind};

/// The target's answer about its files.
pub enum Columns {
    /// The names of the columns, and what they mean.
    Known { names: Vec<String>, header: Header },
    /// No job can be started.
    NoJobs { reason: NoJobs },
}

pub async fn of_target<B: Backend>(context: &Context<B>, target: &PoolDescription) -> Result<Columns> {
    if context.files.log_role().is_none() {
        return Ok(Columns::NoJobs { reason: NoJobs::NoLogRole });
    }
    let names = match context.pool.csv_header().await {
        Ok(names) => names,
        Err(error) => return refusal_reason(context, error).map(|reason| Columns::NoJobs { reason }),
    };
    let header = Header::parse(names.clone()).and_then(|header| header.check(target).map(|()| header));
    Ok(match header {
        Ok(header) => Columns::Known { names, header },
        Err(reason) => Columns::NoJobs { reason },
    })
}

/// Why the restore runs no jobs after this refusal.
///
/// # Errors
/// The error of the run, if the refusal is not about jobs.
pub fn refusal_reason<B: Backend>(context: &Context<B>, error: PoolError) -> Result<NoJobs> {
    match error.kind {
        PoolErrorKind::InvalidParameter | PoolErrorKind::Refused => Ok(NoJobs::Refused(error.call())),
        _ => Err(context.refused(error)),
    }
}

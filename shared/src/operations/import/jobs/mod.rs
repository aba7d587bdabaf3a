//! Jobs: creates users by CSV import jobs of Cognito.
//!
//! One job runs after the other, each with as many users as a file holds. The last job contains the
//! last user that a file can carry. The next phase creates by calls the users that no job created.
//!
//! | file | what |
//! |---|---|
//! | [`driver`] | takes a job from its creation to its end |
//! | [`file`] | builds the file of a job from the pages of the snapshot |
//! | [`columns`] | asks the target for the columns of its files |
//! | [`outcome`] | finds out which users a job created |
//! | [`waits`] | how long the state machine waits between two checks of a job |

pub mod columns;
mod driver;
pub mod file;
mod outcome;
mod waits;

use self::driver::ImportJobDriver;
use super::context::Context;
use super::phase::PhaseEnd;
use crate::Result;
use crate::model::Method;
use crate::ports::Backend;

/// If the restore uses jobs, takes them as far as the time allows.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    match context.restore.options.method {
        Method::Api => Ok(PhaseEnd::Done),
        Method::Csv => ImportJobDriver::run(context).await,
    }
}

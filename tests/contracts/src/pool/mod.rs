//! The contract of a pool.

mod answer;
mod call;
mod cases;
mod play;
mod stage;
mod walk;

pub use call::{Call, Case, Expected, Group, Token, UserIs, UserName, UserToCreate};
pub use cases::cases;
pub use stage::{Settings, Stage};

use crate::Exception;
use crate::exception::{judge, unknown};

/// Runs every case on `stage`. Returns the disagreements, one line a case.
pub async fn disagreements<S: Stage>(stage: &S, exceptions: &[Exception]) -> Vec<String> {
    let cases = cases();
    let mut wrong = unknown(cases.iter().map(|case| case.name), exceptions);
    for case in &cases {
        wrong.extend(judge(case.name, play::play(stage, case).await, exceptions));
    }
    wrong
}

//! The contract of a pool.

mod answer;
mod call;
mod cases;
mod play;
mod stage;
mod walk;

pub use call::{Call, Expected, Group, New, Settings, Token, UserIs, Who};
pub use cases::cases;
pub use stage::Stage;

use crate::Exception;
use crate::exception::{judge, unknown};

/// A case: a pool, its preparation, and calls with the answers that every pool must give.
#[derive(Debug)]
pub struct Case {
    /// A sentence about the case.
    pub name: &'static str,
    /// The pool. Each case has a new one.
    pub settings: Settings,
    /// The preparation. All of it succeeds.
    pub given: Vec<Call>,
    /// Calls and answers.
    pub then: Vec<(Call, Expected)>,
}

/// Runs every case on `stage`. Returns the disagreements, one line a case.
pub async fn disagreements<S: Stage>(stage: &S, exceptions: &[Exception]) -> Vec<String> {
    let cases = cases();
    let mut wrong = unknown(cases.iter().map(|case| case.name), exceptions);
    for case in &cases {
        wrong.extend(judge(case.name, play::play(stage, case).await, exceptions));
    }
    wrong
}

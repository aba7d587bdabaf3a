//! Which operations an invocation does not call again, and why.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::reading::GivenUp;
use crate::model::configuration::NotCapturedReason;
use crate::ports::pool::{Operation, PoolError};

/// After this many calls in a row without an answer, the capture expects no answer to the next call of the
/// operation. After fewer, only the objects of these calls count as unanswered.
const MAX_IN_A_ROW: u32 = 3;

/// The failures of each operation.
#[derive(Debug, Default)]
pub(super) struct Failures {
    by_operation: Mutex<BTreeMap<Operation, OfOperation>>,
    /// The last call that Cognito did not answer.
    unanswered: Mutex<Option<PoolError>>,
}

#[derive(Debug, Default)]
struct OfOperation {
    /// Calls without an answer since the last answer.
    in_a_row: u32,
    given_up: Option<GivenUp>,
}

impl Failures {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Operation, OfOperation>> {
        self.by_operation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the operation is not called again. None if it is.
    pub fn of(&self, operation: Operation) -> Option<GivenUp> {
        self.lock().get(&operation)?.given_up.clone()
    }

    /// Notes that Cognito answered a call.
    pub fn is_answered(&self, operation: Operation) {
        if let Some(failures) = self.lock().get_mut(&operation) {
            failures.in_a_row = 0;
        }
    }

    /// The last call that Cognito did not answer.
    pub fn unanswered(&self) -> Option<PoolError> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that a call failed. Returns the failure, which says whether the operation is called again.
    pub fn note(&self, failure: GivenUp, error: &PoolError) -> GivenUp {
        if failure.reason == NotCapturedReason::Unavailable {
            *self.unanswered.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
        let mut all = self.lock();
        let failures = all.entry(failure.operation).or_default();
        failures.in_a_row = match failure.reason {
            NotCapturedReason::Unavailable => failures.in_a_row + 1,
            // A refusal is an answer.
            _ => 0,
        };
        let is_of_all_calls = match failure.reason {
            NotCapturedReason::Unavailable => failures.in_a_row >= MAX_IN_A_ROW,
            NotCapturedReason::AccessDenied
            | NotCapturedReason::NotEnabled
            | NotCapturedReason::NotSupported
            | NotCapturedReason::Tier => true,
            _ => false,
        };
        let failure = GivenUp { is_of_all_calls, ..failure };
        if is_of_all_calls {
            failures.given_up.get_or_insert_with(|| failure.clone());
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::pool::PoolErrorKind;

    fn failure(reason: NotCapturedReason) -> GivenUp {
        GivenUp { reason, code: None, operation: Operation::DescribeTerms, is_of_all_calls: false }
    }

    fn error() -> PoolError {
        PoolError::new(Operation::DescribeTerms, PoolErrorKind::Transient, "NoAnswer")
    }

    #[test]
    fn an_operation_is_given_up_after_three_calls_in_a_row_without_an_answer() {
        let failures = Failures::default();
        let error = error();
        let fails = || failures.note(failure(NotCapturedReason::Unavailable), &error).is_of_all_calls;
        assert_eq!(failures.unanswered(), None);
        assert_eq!([fails(), fails()], [false, false]);
        failures.is_answered(Operation::DescribeTerms);
        assert_eq!([fails(), fails()], [false, false]);
        assert_eq!(failures.of(Operation::DescribeTerms), None);
        assert!(fails());
        assert!(failures.of(Operation::DescribeTerms).is_some());
        assert_eq!(failures.of(Operation::ListTerms), None);
        assert_eq!(failures.unanswered(), Some(error.clone()));
    }

    #[test]
    fn a_permission_that_is_missing_is_missing_for_every_call() {
        let failures = Failures::default();
        assert!(!failures.note(failure(NotCapturedReason::Refused), &error()).is_of_all_calls);
        assert!(failures.note(failure(NotCapturedReason::AccessDenied), &error()).is_of_all_calls);
        assert_eq!(failures.unanswered(), None);
        assert!(failures.of(Operation::DescribeTerms).is_some());
    }
}

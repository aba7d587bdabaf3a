//! The state machines of a deployment: their ARNs, and what an operator does if a call on one is refused.

use shared::model::{ErrorCode, RunKind};
use shared::{Error, ErrorKind};

use super::caller::Caller;

/// A state machine. It need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub operation: RunKind,
    pub arn: String,
    origin: Origin,
}

/// Where the ARN of a state machine comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// An option or a variable gives it.
    Given,
    /// The account, the Region and the table give it.
    Derived,
}

impl Machine {
    /// The state machine that an option or a variable names.
    pub fn given(operation: RunKind, arn: String) -> Self {
        Self { operation, arn, origin: Origin::Given }
    }

    /// The state machine of the deployment with this table.
    pub fn of_deployment(operation: RunKind, caller: &Caller, region: &str, table: &str) -> Self {
        let Caller { account, partition } = caller;
        let name = operation.machine_of(table);
        let arn = format!("arn:{partition}:states:{region}:{account}:stateMachine:{name}");
        Self { operation, arn, origin: Origin::Derived }
    }

    /// Whether a deployment may lack it: the second Region has no export state machine.
    pub fn is_dispensable(&self) -> bool {
        (self.operation, self.origin) == (RunKind::Export, Origin::Derived)
    }

    /// The error if it does not exist.
    pub fn missing(&self) -> Error {
        let (option, variable) = self.names();
        let guidance = match self.origin {
            Origin::Given => format!("Correct {option} or {variable}."),
            Origin::Derived => format!(
                "Check --table, --region and --profile: a deployment names its state machines after its table. Or give the ARN \
                 with {option}."
            ),
        };
        Error::new(
            ErrorKind::InvalidConfiguration,
            format!("There is no state machine {}.", self.arn),
            guidance,
        )
    }

    /// The error if the credentials may not make `call` on it. A call that IAM denies does not tell whether it exists.
    pub fn denied(&self, call: &str, code: &ErrorCode) -> Error {
        let allow = format!("Allow states:{call} on {} for these credentials.", self.arn);
        let (option, variable) = self.names();
        let guidance = match self.origin {
            Origin::Given => {
                format!("{allow} If that is not your state machine, correct {option} or {variable}.")
            }
            Origin::Derived => {
                format!("{allow} If that is not your state machine, check --table, --region and --profile.")
            }
        };
        Error::new(ErrorKind::AccessDenied, format!("Step Functions refused {call} ({code})."), guidance)
    }

    /// The option and the variable that give its ARN.
    fn names(&self) -> (&'static str, &'static str) {
        match self.operation {
            RunKind::Export => ("--export-state-machine", "EXPORT_STATE_MACHINE_ARN"),
            RunKind::Import => ("--import-state-machine", "IMPORT_STATE_MACHINE_ARN"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guidance::in_flags;

    #[test]
    fn a_state_machine_has_the_name_of_its_table_in_each_partition() {
        for (partition, region) in [("aws", "eu-west-1"), ("aws-cn", "cn-north-1")] {
            let caller = Caller { account: "123456789012".to_owned(), partition: partition.to_owned() };
            let arn = |operation| Machine::of_deployment(operation, &caller, region, "users").arn;
            let prefix = format!("arn:{partition}:states:{region}:123456789012:stateMachine:users");
            assert_eq!(arn(RunKind::Export), format!("{prefix}-export"));
            assert_eq!(arn(RunKind::Import), format!("{prefix}-import"));
        }
    }

    #[test]
    fn a_refused_call_names_the_state_machine_and_what_gives_its_arn() {
        let caller = Caller { account: "123456789012".to_owned(), partition: "aws".to_owned() };
        let arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:users-export";
        let derived = Machine::of_deployment(RunKind::Export, &caller, "eu-west-1", "users");
        let given = Machine::given(RunKind::Import, arn.to_owned());
        for (machine, options) in [(&derived, "--table, --region"), (&given, "--import-state-machine or")] {
            let missing = machine.missing();
            assert_eq!(missing.kind(), ErrorKind::InvalidConfiguration);
            assert_eq!(missing.message(), format!("There is no state machine {arn}."));
            assert!(in_flags(missing.guidance()).contains(options), "{missing:?}");

            let denied = machine.denied("StartExecution", &ErrorCode::of("AccessDeniedException"));
            assert_eq!(denied.kind(), ErrorKind::AccessDenied);
            assert_eq!(denied.message(), "Step Functions refused StartExecution (AccessDeniedException).");
            let guidance = in_flags(denied.guidance());
            assert!(
                guidance.starts_with(&format!("Allow states:StartExecution on {arn} for"))
                    && guidance.contains(options),
                "{guidance}"
            );
        }
        assert!(in_flags(derived.missing().guidance()).contains("--export-state-machine"));
        assert!(derived.is_dispensable() && !given.is_dispensable());
        assert!(!Machine::given(RunKind::Export, arn.to_owned()).is_dispensable());
    }
}

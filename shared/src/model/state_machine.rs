//! The names and ARNs of the state machines of a deployment, and of their executions.

use super::RunKind;

impl RunKind {
    /// The verb in the names of state machines and executions.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Import => "import",
        }
    }

    /// The name of the state machine of the deployment with this table. `cdk/lib/run-machine.construct.ts` gives it
    /// this name.
    pub fn machine_of(self, table: &str) -> String {
        format!("{table}-{}", self.verb())
    }
}

/// The parts of the ARN of a state machine that tell which deployment it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineArn<'a> {
    arn: &'a str,
    region: &'a str,
    name: &'a str,
}

impl<'a> MachineArn<'a> {
    /// Parses the ARN of a state machine, without a version or an alias.
    pub fn parse(arn: &'a str) -> Option<Self> {
        match arn.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "states", region, _, "stateMachine", name] => Some(Self { arn, region, name }),
            _ => None,
        }
    }

    /// What the state machine does, if it is of the deployment with this table in this Region.
    pub fn operation_in(&self, table: &str, region: Option<&str>) -> Option<RunKind> {
        let is_in_region = region.is_none_or(|region| region == self.region);
        let operations = [RunKind::Export, RunKind::Import].into_iter().filter(|_| is_in_region);
        operations.into_iter().find(|operation| operation.machine_of(table) == self.name)
    }

    /// The ARN of its execution of this name.
    pub fn execution(&self, name: &str) -> String {
        format!("{}:{name}", self.arn.replacen(":stateMachine:", ":execution:", 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_machine_belongs_to_the_deployment_of_its_table_and_region() {
        let arn = "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:users-import";
        let machine = MachineArn::parse(arn).unwrap();
        assert_eq!(machine.operation_in("users", Some("cn-north-1")), Some(RunKind::Import));
        assert_eq!(machine.operation_in("users", None), Some(RunKind::Import));
        assert_eq!(machine.operation_in("users", Some("eu-west-1")), None);
        assert_eq!(machine.operation_in("user", Some("cn-north-1")), None);
        assert_eq!(
            machine.execution("nightly"),
            "arn:aws-cn:states:cn-north-1:123456789012:execution:users-import:nightly"
        );
        for other in
            ["", "users-import", &format!("{arn}:1"), "arn:aws:lambda:cn-north-1:1:function:users-import"]
        {
            assert_eq!(MachineArn::parse(other), None, "{other}");
        }
    }
}

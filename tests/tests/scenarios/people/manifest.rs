//! The part `commands` of `statemachines/operations.json`: what each command calls. `cdk/` makes the policies for people
//! from it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use local::paths;
use local::policy::Access;
use serde_json::{Value, json};
use shared::model::Operation;
use shared::ports::actions::on_table_key;
use shared::ports::vault;

use super::NAME;

/// How to write the part again.
const HINT: &str =
    "Run `UPDATE_OPERATIONS=1 cargo test -p tests --test scenarios people` and review what changes.";

/// The actions of one command, by service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    cognito: BTreeSet<String>,
    /// By the kind of partition.
    items: BTreeMap<String, BTreeSet<String>>,
    /// On the table itself.
    table: BTreeSet<String>,
    /// On the keys for secrets.
    configuration: BTreeSet<String>,
    states: BTreeMap<&'static str, BTreeSet<String>>,
    sts: BTreeSet<String>,
}

impl Rights {
    /// The actions of these accesses. Those that follow from another one are left out: the deployment knows them.
    ///
    /// # Errors
    /// If an access is on a service that no command calls.
    pub fn of<'a>(accesses: impl IntoIterator<Item = &'a Access>) -> Result<Self> {
        let mut rights = Self::default();
        for access in accesses {
            let (service, action) = access.action.split_once(':').context("an action without a service")?;
            let action = action.to_owned();
            match service {
                "cognito-idp" if action == "TagResource" => {}
                "cognito-idp" => drop(rights.cognito.insert(action)),
                "wafv2" => {}
                "dynamodb" if access.leading_keys.is_empty() => drop(rights.table.insert(action)),
                "dynamodb" => {
                    for key in &access.leading_keys {
                        rights.items.entry(kind_of(key)).or_default().insert(action.clone());
                    }
                }
                "kms" => drop(rights.configuration.insert(action)),
                "states" => {
                    let machine = machine_of(&access.resource)?;
                    rights.states.entry(machine).or_default().insert(action);
                }
                "sts" => drop(rights.sts.insert(action)),
                _ => anyhow::bail!("a command calls {}", access.action),
            }
        }
        Ok(rights)
    }

    /// The actions on the key of the table that DynamoDB takes with the rights of the caller.
    pub fn on_table_key(&self) -> Vec<String> {
        let reads = |action: &String| ["GetItem", "BatchGetItem", "Query"].contains(&action.as_str());
        let is_read = self.items.values().flatten().all(reads);
        let access = if is_read { vault::Access::Query } else { vault::Access::PutAll };
        let actions = (!self.items.is_empty()).then(|| on_table_key([access]));
        actions.into_iter().flatten().map(|&action| action.to_owned()).collect()
    }

    /// The actions on the key of executions that Step Functions takes with the rights of the caller. AWS documents them
    /// for readers, and does not say whether a caller of StartExecution needs them. Source: "Data at rest encryption in
    /// Step Functions", Step Functions developer guide.
    pub fn on_runs_key(&self) -> Vec<String> {
        let calls = |name: &str| self.states.values().flatten().any(|action| action == name);
        let all = [
            ("Decrypt", calls("DescribeExecution") || calls("StartExecution")),
            ("GenerateDataKey", calls("StartExecution")),
        ];
        all.into_iter().filter(|(_, is_taken)| *is_taken).map(|(action, _)| action.to_owned()).collect()
    }

    /// Adds an operation that no case of the scenario reaches.
    pub fn add(&mut self, operation: Operation) {
        self.cognito.insert(operation.name().to_owned());
    }

    /// The operations that the rights lack.
    pub fn lacks(&self, operations: impl IntoIterator<Item = Operation>) -> Vec<&'static str> {
        let names = operations.into_iter().map(Operation::name);
        names.filter(|name| !self.cognito.contains(*name)).collect()
    }

    /// The state machines on which the command calls something.
    pub fn machines(&self) -> impl Iterator<Item = &'static str> {
        self.states.keys().copied()
    }

    fn json(&self) -> Value {
        let states = |machine| self.states.get(machine).cloned().unwrap_or_default();
        json!({
            "cognito-idp": self.cognito,
            "dynamodb": self.items,
            "kms": {
                "configuration": self.configuration,
                "runs": self.on_runs_key(),
                "table": self.on_table_key(),
            },
            "states": {"export": states("export"), "import": states("import")},
            "sts": self.sts,
            "table": self.table,
        })
    }
}

/// The kind of a partition: the beginning of its key.
fn kind_of(key: &str) -> String {
    let holds = "RESTORE#HOLDS";
    if key.starts_with(holds) {
        holds.to_owned()
    } else {
        key.split('#').next().unwrap_or_default().to_owned()
    }
}

/// Which state machine an ARN names: its own, or that of an execution.
fn machine_of(arn: &str) -> Result<&'static str> {
    let name = arn.split(':').nth(6).and_then(|name| name.strip_prefix(NAME));
    match name {
        Some("-export") => Ok("export"),
        Some("-import") => Ok("import"),
        _ => anyhow::bail!("no state machine of the deployment: {arn}"),
    }
}

/// Compares the calls of all commands with the file. With `UPDATE_OPERATIONS`, writes them first.
///
/// # Errors
/// If the file has other calls.
pub fn compare(commands: &BTreeMap<&'static str, Rights>) -> Result<()> {
    let path = paths::workspace().join("statemachines/operations.json");
    let before = std::fs::read_to_string(&path)?;
    let commands: BTreeMap<_, _> = commands.iter().map(|(name, rights)| (*name, rights.json())).collect();
    let rendered = serde_json::to_string_pretty(&json!({"commands": commands}))?;
    // The tests of steps write the rest, which stays as it is.
    let start = "\n  \"functions\": {";
    let (_, functions) = before.split_once(start).context("the file has no functions")?;
    let text = format!("{},{start}{functions}", rendered.trim_end_matches("\n}"));
    if std::env::var_os("UPDATE_OPERATIONS").is_some() {
        std::fs::write(&path, &text)?;
        return Ok(());
    }
    ensure!(before == text, "{} is stale. {HINT} What the commands call now:\n{rendered}", path.display());
    Ok(())
}

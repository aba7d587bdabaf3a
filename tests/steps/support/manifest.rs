//! `statemachines/operations.json`: what the role of each function must allow, and the policy of each person. `cdk/`
//! makes the roles and the policies from it. The scenario `people` records the commands, so the steps keep them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::model::Metrics;
use shared::ports::actions;
use shared::ports::vault::Access;
use shared_memory::Calls;

/// The hint how to write the file again.
pub const HINT: &str =
    "Run `UPDATE_OPERATIONS=1 cargo test -p step-tests operations::` and review what changes in the file.";

/// The functions, each with a role. `removal` and `copy` are the executable of finalize, deployed again. `exportCapture` lists
/// the calls that `exportPage` makes in addition if exports capture the configuration.
pub const FUNCTIONS: [&str; 9] = [
    "copy",
    "exportCapture",
    "exportEnumerate",
    "exportPage",
    "exportFinalize",
    "importEnumerate",
    "importPage",
    "importFinalize",
    "removal",
];

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// As the file has them.
    #[serde(default)]
    commands: BTreeMap<String, Value>,
    pub functions: BTreeMap<String, Rights>,
    pub metrics: MetricFormat,
}

/// What adds permissions to the role of a function, and that function.
const ADDITIONS: [(&str, &str); 1] = [("exportCapture", "exportPage")];

/// The actions of one function, by service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    #[serde(rename = "cognito-idp")]
    pub cognito: BTreeSet<String>,
    /// By the kind of partition.
    pub dynamodb: BTreeMap<String, BTreeSet<String>>,
    pub kms: KeyRights,
    pub events: BTreeSet<String>,
    pub logs: BTreeSet<String>,
    pub sns: BTreeSet<String>,
    pub ssm: BTreeSet<String>,
    pub metrics: BTreeSet<String>,
}

/// The KMS actions: those that services take with the function's rights, on the key of the table and on that of
/// the topic, and those of the function itself on the keys for the secrets of configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRights {
    pub configuration: BTreeSet<String>,
    pub table: BTreeSet<String>,
    pub topic: BTreeSet<String>,
}

/// How CloudWatch finds the metrics.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricFormat {
    pub namespace: String,
    pub dimensions: Vec<String>,
}

impl Manifest {
    /// The manifest for these calls of each function.
    pub fn of(calls: &BTreeMap<&str, Calls>) -> Self {
        let mut functions: BTreeMap<_, _> = FUNCTIONS
            .iter()
            .map(|&name| (name.to_owned(), calls.get(name).map(Rights::of).unwrap_or_default()))
            .collect();
        for (addition, function) in ADDITIONS {
            let always = functions[function].clone();
            functions.entry(addition.to_owned()).and_modify(|rights| rights.subtract(&always));
        }
        let dimensions = Metrics::DIMENSIONS.map(str::to_owned).into();
        let commands = Self::recorded().commands;
        Self {
            commands,
            functions,
            metrics: MetricFormat { namespace: Metrics::NAMESPACE.to_owned(), dimensions },
        }
    }

    /// What the file has. Empty if there is no file.
    fn recorded() -> Self {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The actions that the role of a function allows.
    fn allowed(&self, function: &str) -> Rights {
        let mut rights = self.functions[function].clone();
        for (_, function) in ADDITIONS.iter().filter(|(addition, _)| *addition == function) {
            rights.add(&self.functions[*function]);
        }
        rights
    }

    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap() + "\n"
    }
}

impl Rights {
    fn of(calls: &Calls) -> Self {
        let mut dynamodb: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (kind, access) in &calls.table {
            dynamodb.entry(kind.clone()).or_default().insert(actions::on_table(*access).to_owned());
        }
        let accesses: Vec<Access> = calls.table.iter().map(|(_, access)| *access).collect();
        let given = |is_given: bool, actions: &[&str]| {
            let actions = actions.iter().filter(|_| is_given);
            actions.map(|&action| action.to_owned()).collect::<BTreeSet<_>>()
        };
        Self {
            cognito: calls.cognito.iter().map(|operation| operation.name().to_owned()).collect(),
            kms: KeyRights {
                configuration: calls.keys.iter().map(|operation| operation.name().to_owned()).collect(),
                table: given(!accesses.is_empty(), actions::on_table_key(accesses)),
                topic: given(calls.announces, &actions::ON_TOPIC_KEY),
            },
            dynamodb,
            events: given(calls.puts_events, &[actions::ON_EVENT_BUS]),
            logs: given(calls.reads_job_logs, &[actions::ON_JOB_LOGS]),
            sns: given(calls.announces, &[actions::ON_TOPIC]),
            ssm: given(calls.sends_heartbeats, &[actions::ON_HEARTBEAT_PARAMETER]),
            metrics: calls.metrics.iter().map(|metric| metric.name().to_owned()).collect(),
        }
    }

    /// The sets of both, in pairs.
    fn pairs<'a>(&'a mut self, other: &'a Self) -> Vec<(&'a mut BTreeSet<String>, &'a BTreeSet<String>)> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        for kind in other.dynamodb.keys() {
            self.dynamodb.entry(kind.clone()).or_default();
        }
        let mut pairs = vec![
            (&mut self.cognito, &other.cognito),
            (&mut self.kms.configuration, &other.kms.configuration),
            (&mut self.kms.table, &other.kms.table),
            (&mut self.kms.topic, &other.kms.topic),
            (&mut self.events, &other.events),
            (&mut self.logs, &other.logs),
            (&mut self.sns, &other.sns),
            (&mut self.ssm, &other.ssm),
            (&mut self.metrics, &other.metrics),
        ];
        pairs.extend(
            self.dynamodb.iter_mut().map(|(kind, set)| (set, other.dynamodb.get(kind).unwrap_or(&NONE))),
        );
        pairs
    }

    fn add(&mut self, other: &Self) {
        self.pairs(other).into_iter().for_each(|(set, more)| set.extend(more.iter().cloned()));
    }

    fn subtract(&mut self, other: &Self) {
        self.pairs(other).into_iter().for_each(|(set, less)| set.retain(|name| !less.contains(name)));
        self.dynamodb.retain(|_, actions| !actions.is_empty());
    }

    /// The part of these rights that `others` lack.
    fn beyond(mut self, others: &Self) -> Option<Self> {
        self.subtract(others);
        (self != Self::default()).then_some(self)
    }
}

pub fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "statemachines", "operations.json"].iter().collect()
}

/// Whether this run writes the file, so that the file cannot be compared yet.
pub fn is_updated() -> bool {
    std::env::var_os("UPDATE_OPERATIONS").is_some()
}

/// Fails if an invocation made a call that the role of its function does not allow. Every test that plays a
/// state machine calls this.
pub fn assert_allowed(function: &str, calls: &Calls) {
    static RECORDED: LazyLock<Manifest> = LazyLock::new(|| {
        let text = std::fs::read_to_string(path())
            .unwrap_or_else(|error| panic!("{}: {error}. {HINT}", path().display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}. {HINT}", path().display()))
    });
    if is_updated() {
        return;
    }
    if let Some(missing) = Rights::of(calls).beyond(&RECORDED.allowed(function)) {
        panic!(
            "The role of {function} would not allow what this test calls: {missing:?}. If it may call it, add a scenario for it to \
             tests/steps/operations.rs. {HINT}"
        );
    }
}

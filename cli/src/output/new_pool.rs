//! The answer of `import --into new:NAME`: its plan, and its end.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use shared::model::configuration::rebuild::RebuildPlan;
use shared::model::{PoolId, PoolTag, Snapshot};
use shared::report::still_open;

use super::flags::command;
use super::{Answer, PoolCreated, PoolFinished, Report};
use crate::exit::ExitStatus;
use crate::problem::Problem;

/// The member of the answer of `import` with the line that takes the tag away.
const UNTAG_WITH: &str = "untagWith";

/// What the command would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewPoolPlan {
    creation: PoolCreated,
    import: PlannedImport,
    finish: PlannedFinish,
}

/// What can be said of an import before its pool exists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedImport {
    /// `PLANNED`.
    status: &'static str,
    users: u64,
    groups: u64,
    memberships: u64,
    /// The name of the error with which the import would be refused.
    refusal: Option<String>,
    #[serde(skip)]
    words: String,
    #[serde(skip)]
    problem: Option<Problem>,
}

/// What the pool gets after the import.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedFinish {
    /// The names of the triggers.
    triggers: Vec<String>,
    /// `ACTIVE` or `INACTIVE`.
    deletion_protection: &'static str,
}

impl NewPoolPlan {
    /// `words` introduce the import. `problem` says why it would be refused.
    pub fn new(
        creation: PoolCreated,
        snapshot: &Snapshot,
        words: String,
        plan: &RebuildPlan,
        problem: Option<Problem>,
    ) -> Self {
        let counts = &snapshot.counts;
        let triggers = plan.triggers.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        Self {
            creation,
            import: PlannedImport {
                status: "PLANNED",
                users: counts.users,
                groups: counts.groups,
                memberships: counts.memberships,
                refusal: problem.as_ref().map(|problem| problem.error.clone()),
                words,
                problem,
            },
            finish: PlannedFinish {
                triggers: triggers.map(|(name, _)| name.clone()).collect(),
                deletion_protection: if plan.is_protected { "ACTIVE" } else { "INACTIVE" },
            },
        }
    }

    /// Why the import would be refused.
    pub fn refusal(&self) -> Option<&Problem> {
        self.import.problem.as_ref()
    }
}

impl Report for NewPoolPlan {
    fn human(&self, _: Timestamp) -> String {
        let mut text = format!("{}\n\nThen the import:\n", self.creation.in_words());
        for line in self.import.words.lines() {
            text += &format!("  {line}\n");
        }
        text += "  The import makes its forecast when the user pool exists. If the settings of the user pool refuse users, the import \
                 stops before it creates any.\n";
        if let Some(problem) = &self.import.problem {
            text += &format!(
                "  This import would be refused: {}: {} {}\n",
                problem.error, problem.message, problem.guidance
            );
        }
        let triggers = match self.finish.triggers.as_slice() {
            [] => "No triggers are set.".to_owned(),
            names => {
                format!(
                    "Then these triggers are set: {}. They do not run for imported users.",
                    names.join(", ")
                )
            }
        };
        let protection = match self.finish.deletion_protection {
            "ACTIVE" => "Deletion protection is switched on.",
            _ => "Deletion protection stays off, as in the snapshot.",
        };
        let tag = format!(
            "The tag {}={}, which the user pool has from its creation on, is taken away.",
            PoolTag::KEY,
            PoolTag::Target.as_str()
        );
        text + &format!("\nAt the end, if nothing is missing:\n  {triggers}\n  {protection}\n  {tag}")
    }
}

/// What the command has done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewPoolEnd {
    /// The answer of `pool create`. Null if an earlier command has finished the pool.
    creation: Option<PoolCreated>,
    /// The answer of `import`.
    import: Value,
    /// The answer of `pool finish`. Null if the pool is not finished.
    finish: Option<PoolFinished>,
    #[serde(skip)]
    pool: PoolId,
    #[serde(skip)]
    imported: String,
    #[serde(skip)]
    status: ExitStatus,
}

impl NewPoolEnd {
    pub fn new(
        pool: &PoolId,
        creation: Option<PoolCreated>,
        import: Answer,
        finish: Option<PoolFinished>,
    ) -> Self {
        let Answer { mut json, mut human, status } = import;
        if finish.is_some()
            && let Some(members) = json.as_object_mut()
            && let Some(Value::String(line)) = members.remove(UNTAG_WITH)
            && let Some(rest) = human.strip_suffix(&still_open(&line))
        {
            // The end of the command has taken the tag away.
            human = rest.trim_end().to_owned();
        }
        Self { creation, import: json, finish, pool: pool.clone(), imported: human, status }
    }
}

impl Report for NewPoolEnd {
    fn human(&self, now: Timestamp) -> String {
        let pool = &self.pool;
        let mut parts: Vec<String> = self.creation.iter().map(PoolCreated::in_words).collect();
        parts.push(self.imported.clone());
        parts.extend(self.finish.as_ref().map(|finish| finish.human(now)));
        if self.finish.is_none() {
            parts.push(format!(
                "User pool {pool} is not finished: it has no triggers and no deletion protection yet. {}",
                self.next()
            ));
        }
        parts.join("\n\n")
    }
}

impl NewPoolEnd {
    /// How to go on with a pool that is not finished.
    fn next(&self) -> String {
        if self.status == ExitStatus::Running {
            return "The same command waits for the import, and then finishes the user pool.".to_owned();
        }
        let is_imported = self.status == ExitStatus::Done;
        let (unchanged, lacks) = self
            .creation
            .as_ref()
            .map_or((false, false), |creation| (creation.has_unchanged(), creation.lacks()));
        let finish = command(format!("pool finish --pool {}", self.pool));
        match (unchanged, is_imported && !lacks) {
            (true, true) => format!(
                "This command does not change what was made before with other values, and does not finish the user pool. \
                 To finish it as it is:\n  {finish}"
            ),
            (true, false) => format!(
                "The same command tries again what is missing. It does not change what was made before with other values, and \
                 does not finish the user pool. To finish it as it is, after the import:\n  {finish}"
            ),
            (false, _) => format!(
                "The same command tries again what is missing. If nothing is missing then, it finishes the user pool. To accept \
                 what is missing, finish the user pool yourself after the import:\n  {finish}"
            ),
        }
    }
}

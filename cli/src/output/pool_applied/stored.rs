//! The configuration that a pool had before a roll back: what the stored capture lacks, and the line that goes back.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use shared::format::{form, plural};
use shared::model::configuration::apply::{
    Action, Allow, ApplyChoices, ApplyPlan, ApplyStep, SecretsAtRisk, lacking_secrets,
};
use shared::model::configuration::difference::Change;
use shared::model::configuration::{CapturedList, CapturedObject, NotCapturedReason, ObjectKind, ObjectName};
use shared::model::{PoolId, RunId, StoredCapture, object_name};

use super::super::flags::command;

/// The most objects that a text names.
const MAX_NAMED: usize = 10;

/// Whether a stored capture gets the present secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretStorage {
    /// If KMS encrypts them with the keys of the table.
    Encrypted,
    /// The operator wants none.
    NotWanted,
    /// The table has no keys for them.
    NoKeys,
}

impl SecretStorage {
    /// Why the stored capture lacks so many secrets.
    fn why(self, secrets: u64) -> String {
        match self {
            Self::Encrypted => format!("KMS did not encrypt {}.", form(secrets, "it", "them")),
            Self::NotWanted => "You gave --no-secrets.".to_owned(),
            Self::NoKeys => "The table has no keys for secrets.".to_owned(),
        }
    }

    /// What a plan does with secrets, and what the operator has to do for it.
    pub fn risk(self, at_risk: &[SecretsAtRisk], is_allowed: bool) -> String {
        let (shown, not_shown) = (AtRisk::shown(at_risk), AtRisk::not_shown(at_risk));
        let needs = if is_allowed { "" } else { " So the command refuses them without --allow lost-secret." };
        let loses = |lost: &AtRisk, why: &str| match lost.secrets {
            0 => String::new(),
            _ => format!(
                "\nATTENTION: these changes lose {} for good: {}. {why}{needs}\n",
                lost.count(),
                lost.objects()
            ),
        };
        let them = not_shown.pronoun();
        let why =
            format!("Cognito does not show {them} to the command, so no stored capture can have {them}.");
        let of_not_shown = loses(&not_shown, &why);
        if self != Self::Encrypted {
            return loses(&shown, &self.why(shown.secrets)) + &of_not_shown;
        }
        if shown.secrets == 0 {
            return of_not_shown;
        }
        let last = match is_allowed {
            true => format!("{} lost for good", form(shown.secrets, "it is", "they are")),
            false => "the command stops before its first change".to_owned(),
        };
        let (count, names, them) = (shown.count(), shown.objects(), shown.pronoun());
        format!(
            "\nThese changes replace or delete {count}: {names}. The stored capture gets {them} if KMS encrypts {them}. If not, \
             {last}.\n{of_not_shown}",
        )
    }
}

/// Some of the secrets at risk.
pub struct AtRisk {
    pub secrets: u64,
    names: Vec<String>,
}

impl AtRisk {
    /// All of them.
    pub fn all(at_risk: &[SecretsAtRisk]) -> Self {
        Self::of(at_risk, |at_risk| at_risk.secrets + at_risk.not_shown)
    }

    /// Those that a capture with keys has.
    pub fn shown(at_risk: &[SecretsAtRisk]) -> Self {
        Self::of(at_risk, |at_risk| at_risk.secrets)
    }

    /// Those that no capture has.
    pub fn not_shown(at_risk: &[SecretsAtRisk]) -> Self {
        Self::of(at_risk, |at_risk| at_risk.not_shown)
    }

    fn of(at_risk: &[SecretsAtRisk], count: impl Fn(&SecretsAtRisk) -> u64) -> Self {
        let some = at_risk.iter().filter(|at_risk| count(at_risk) > 0);
        let names = some.map(|at_risk| object_name(&at_risk.object)).collect();
        Self { secrets: at_risk.iter().map(&count).sum(), names }
    }

    fn count(&self) -> String {
        plural(self.secrets, "secret", "secrets")
    }

    pub fn pronoun(&self) -> &'static str {
        form(self.secrets, "it", "them")
    }

    /// The objects that have them.
    pub fn objects(&self) -> String {
        named(self.names.clone())
    }
}

fn named(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(MAX_NAMED);
    names.truncate(MAX_NAMED);
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}

/// The configuration that the pool had before.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredConfiguration {
    capture_id: RunId,
    #[serde(skip)]
    pool: PoolId,
    /// Secrets that the stored capture lacks.
    secrets_left_out: u64,
    /// The objects of these secrets.
    secrets_left_out_of: Vec<String>,
    /// Logos that the stored capture lacks.
    logos_left_out: u64,
    /// The line that goes back.
    go_back: String,
    #[serde(skip)]
    storage: SecretStorage,
}

impl StoredConfiguration {
    /// `list` is the list of the stored capture, and `answers` are its objects. `options` are those that the way back
    /// needs.
    pub fn new(
        capture: &StoredCapture,
        list: &CapturedList,
        answers: &[CapturedObject],
        storage: SecretStorage,
        options: &str,
    ) -> Self {
        let StoredCapture { id, pool, .. } = capture;
        let is_logo = |reason: &NotCapturedReason| {
            matches!(reason, NotCapturedReason::NotFetched | NotCapturedReason::TooLarge)
        };
        let logos = list.not_captured().iter().filter(|lacking| {
            lacking.object.kind() == Some(ObjectKind::UiCustomization)
                && lacking.member.is_some()
                && is_logo(&lacking.reason)
        });
        let lacking = lacking_secrets(list);
        let labels = Labels::of(answers);
        Self {
            capture_id: id.clone(),
            pool: pool.clone(),
            secrets_left_out: lacking.values().sum(),
            secrets_left_out_of: lacking.keys().map(|name| labels.of_object(name)).collect(),
            logos_left_out: logos.count() as u64,
            go_back: command(format!("pool apply --pool {pool} --snapshot {id}{options}")),
            storage,
        }
    }

    /// Where the configuration is, and how to go back.
    pub fn words(&self) -> String {
        format!("{} To roll back to it:\n  {}", self.holds(), self.go_back)
    }

    /// The same for a command that stopped after a change.
    pub fn words_of_stop(&self) -> String {
        format!("{} If you want the state from before instead, run:\n  {}", self.holds(), self.go_back)
    }

    /// The same for a command that stopped before its first change.
    pub fn words_if_unused(&self) -> String {
        let Self { capture_id: id, pool, .. } = self;
        let remove = command(format!("prune --pool {pool} --snapshot {id}"));
        format!("Stored capture {id} is not needed. To remove it:\n  {remove}")
    }

    fn holds(&self) -> String {
        let Self { capture_id, secrets_left_out, logos_left_out, .. } = self;
        let lacks = |count: u64, nouns: [&str; 2], what: String| match count {
            0 => String::new(),
            count => format!(
                " It lacks {}{what} A roll back to the stored capture does not bring {} back.",
                plural(count, nouns[0], nouns[1]),
                form(count, "it", "them")
            ),
        };
        let names = self.secrets_left_out_of.iter().map(|label| object_name(label)).collect();
        let secrets = format!(": {}. {}", named(names), self.storage.why(*secrets_left_out));
        let secrets = lacks(*secrets_left_out, ["secret", "secrets"], secrets);
        let logos = lacks(*logos_left_out, ["logo", "logos"], ".".to_owned());
        format!("Stored capture {capture_id} holds the configuration from before.{secrets}{logos}")
    }
}

/// The names of the clients of a pool.
struct Labels<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Labels<'a> {
    fn of(answers: &'a [CapturedObject]) -> Self {
        let clients = answers.iter().filter(|object| object.name.kind == ObjectKind::Client);
        let named = clients
            .filter_map(|object| Some((object.name.id.as_str(), object.document["ClientName"].as_str()?)));
        Self(named.collect())
    }

    /// The words for an object: a client by its name, if no other client has the name.
    fn of_object(&self, name: &ObjectName) -> String {
        let own = name.client().and_then(|id| self.0.get(id)).copied();
        let is_unique = |own: &&str| self.0.values().filter(|name| *name == own).count() == 1;
        own.filter(is_unique).map_or_else(|| name.to_string(), |own| name.with_client(own).to_string())
    }
}

/// The options with which a roll back undoes a plan: what the plan allows, the way back needs, too.
pub fn way_back(plan: &ApplyPlan, choices: &ApplyChoices, storage: SecretStorage) -> String {
    let mut options = String::new();
    if !choices.only.is_empty() {
        let mut parts: Vec<String> = Vec::new();
        for part in &choices.only {
            let part = plan.part_of_way_back(part).to_string();
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        options += &format!(" --only {}", quoted(&parts.join(",")));
    }
    let differences = || plan.steps.iter().flat_map(|step| &step.differences);
    let mut allows: BTreeSet<Allow> = differences().filter_map(Allow::of_way_back).collect();
    allows.extend(choices.allow.iter().filter(|allow| allow.is_of_loss()));
    if storage != SecretStorage::Encrypted && plan.creates_secrets() {
        allows.insert(Allow::LostSecret);
    }
    if !allows.is_empty() {
        let names: Vec<&str> = allows.into_iter().map(Allow::name).collect();
        options += &format!(" --allow {}", names.join(","));
    }
    let is_client = |step: &&ApplyStep| step.name.kind == ObjectKind::Client;
    if plan.steps.iter().filter(is_client).any(|step| step.action == Action::Delete) {
        options += " --recreate-clients";
    }
    if differences().any(|found| found.field.is_none() && found.change == Change::Added) {
        options += " --delete-extra";
    }
    options
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:@+=".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

//! The answer of `pool diff`: how two configurations differ.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::format::plural;
use shared::model::configuration::NotCapturedReason;
use shared::model::configuration::difference::{
    Change, ConfigurationDifference, Difference, NotCompared, NotComparedReason, Side, Values,
};
use shared::model::{PoolId, RunId};
use shared::operations::{CapturedSnapshot, Holding};

use super::Report;
use super::flags::command;
use crate::exit::ExitStatus;

/// The most characters of a value in the text. JSON has it whole.
const MAX_SHOWN: usize = 72;
/// Characters before the first difference of two long values.
const BEFORE_DIFFERENCE: usize = 16;

/// One of the two configurations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparedConfiguration {
    user_pool_id: PoolId,
    /// The id of the snapshot or the capture. Null for the live pool.
    snapshot_id: Option<RunId>,
    #[serde(skip)]
    holding: Holding,
}

impl ComparedConfiguration {
    /// The configuration that a snapshot or a capture holds.
    pub fn of(captured: &CapturedSnapshot) -> Self {
        let CapturedSnapshot { pool, id, holding, .. } = captured;
        Self { user_pool_id: pool.clone(), snapshot_id: Some(id.clone()), holding: *holding }
    }

    /// The configuration that a pool has now.
    pub fn live(pool: PoolId) -> Self {
        Self { user_pool_id: pool, snapshot_id: None, holding: Holding::Snapshot }
    }

    pub fn pool(&self) -> &PoolId {
        &self.user_pool_id
    }

    fn words(&self) -> String {
        match &self.snapshot_id {
            Some(id) => format!("{} {id} of user pool {}", self.holding.noun(), self.user_pool_id),
            None => format!("the live user pool {}", self.user_pool_id),
        }
    }
}

/// What `pool diff` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolDiff {
    old: ComparedConfiguration,
    new: ComparedConfiguration,
    /// Whether all was read and compared of a live pool that the snapshot holds.
    complete: bool,
    #[serde(flatten)]
    difference: ConfigurationDifference,
}

impl PoolDiff {
    pub fn new(
        old: ComparedConfiguration,
        new: ComparedConfiguration,
        difference: ConfigurationDifference,
    ) -> Self {
        let is_live = new.snapshot_id.is_none();
        let complete = !is_live || difference.unread(Side::New).next().is_none();
        Self { old, new, complete, difference }
    }

    /// How the command ends. What was not compared is no difference. But a check for drift must not pass if it could not
    /// read what the snapshot holds.
    pub fn exit_status(&self) -> ExitStatus {
        match (self.difference.same, self.complete) {
            (false, _) => ExitStatus::Partial,
            (true, false) => ExitStatus::Failed,
            (true, true) => ExitStatus::Done,
        }
    }

    fn summary(&self) -> String {
        let differences = &self.difference.differences;
        let mut objects: Vec<_> = differences.iter().map(|difference| &difference.object.text).collect();
        objects.dedup();
        let not_compared = self.difference.not_compared.len();
        let summary = match (differences.len() as u64, not_compared) {
            (0, 0) => "No difference.".to_owned(),
            (0, _) if !self.complete => "No difference in what was compared.".to_owned(),
            (0, _) => {
                "No difference in what was compared. The end of this list says what was not.".to_owned()
            }
            (count, _) => format!(
                "{} in {}.",
                plural(count, "difference", "differences"),
                plural(objects.len() as u64, "object", "objects")
            ),
        };
        if self.complete {
            return summary;
        }
        let unread: BTreeSet<_> = self.difference.unread(Side::New).map(named).collect();
        let unread = unread.into_iter().collect::<Vec<_>>().join(", ");
        format!("{summary}\nNot compared with the live pool: {unread}. The end of this list says why.")
    }

    /// What was not compared, each once, with its reason.
    fn not_compared(&self) -> String {
        let mut sides = BTreeMap::<(usize, String), Vec<Side>>::new();
        let mut order = Vec::<String>::new();
        for lacking in &self.difference.not_compared {
            let line = format!("{}: {}", named(lacking), self.reason(lacking));
            let place = order.iter().position(|other| *other == line).unwrap_or_else(|| {
                order.push(line.clone());
                order.len() - 1
            });
            sides.entry((place, line)).or_default().extend(lacking.side);
        }
        let mut text = String::new();
        for ((_, line), sides) in sides {
            let side = match sides[..] {
                [Side::Old] => " (old)",
                [Side::New] => " (new)",
                _ => "",
            };
            text += &format!("  {line}{side}\n");
        }
        text
    }

    fn reason(&self, lacking: &NotCompared) -> String {
        let is_live = match lacking.side {
            Some(Side::Old) => self.old.snapshot_id.is_none(),
            Some(Side::New) => self.new.snapshot_id.is_none(),
            None => false,
        };
        match lacking.reason {
            NotComparedReason::NotCaptured => match lacking.detail.as_deref().map(NotCapturedReason::parse) {
                Some(NotCapturedReason::AccessDenied) if is_live => {
                    "your permissions do not allow to read it".to_owned()
                }
                Some(reason) => reason.words().to_owned(),
                None => "it was not captured".to_owned(),
            },
            NotComparedReason::LeftOut => "secrets are left out".to_owned(),
            NotComparedReason::NotReadable => "Cognito does not show it".to_owned(),
            NotComparedReason::KeptDifferently => "the two versions keep it in different forms".to_owned(),
            NotComparedReason::OtherKey => "the MACs of the secret are of different keys".to_owned(),
            NotComparedReason::NoMac => {
                format!("KMS made no MAC of it ({})", lacking.detail.as_deref().unwrap_or_default())
            }
            NotComparedReason::UnknownKind => "this version does not know such objects".to_owned(),
        }
    }

    fn next(&self) -> Option<String> {
        let old = &self.old;
        let id = old.snapshot_id.as_ref().filter(|_| !self.difference.same)?;
        if self.new.snapshot_id.is_none() && self.new.user_pool_id == old.user_pool_id {
            let apply = format!("pool apply --pool {} --snapshot {id} --plan", old.user_pool_id);
            return Some(format!(
                "Next: `{}` shows what a roll back would change. It changes nothing.",
                command(apply)
            ));
        }
        Some(format!(
            "Next: `{}` prints the old configuration.",
            command(format!("pool show --pool {} --snapshot {id}", old.user_pool_id))
        ))
    }
}

impl Report for PoolDiff {
    fn human(&self, _: Timestamp) -> String {
        let mut text = format!("Old: {}\nNew: {}\n{}\n", self.old.words(), self.new.words(), self.summary());
        let mut object = None;
        for difference in &self.difference.differences {
            if object != Some(&difference.object) {
                text += &format!("\n{}\n", difference.object.text);
                object = Some(&difference.object);
            }
            text += &format!("  {}\n", line(difference));
        }
        let not_compared = self.not_compared();
        if !not_compared.is_empty() {
            text += &format!("\nNot compared\n{not_compared}");
        }
        if let Some(next) = self.next() {
            text += &format!("\n{next}");
        }
        text.trim_end().to_owned()
    }
}

/// The object of a note, and its member.
fn named(lacking: &NotCompared) -> String {
    let field = lacking.field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
    format!("{}{field}", lacking.object.text)
}

/// A difference in one line.
pub(super) fn line(difference: &Difference) -> String {
    let what = match (difference.change, &difference.values) {
        (Change::Added, Values::Withheld {} | Values::Shown { new: None, .. }) => "added".to_owned(),
        (Change::Removed, Values::Withheld {} | Values::Shown { old: None, .. }) => "removed".to_owned(),
        (Change::Added, Values::Shown { new: Some(new), .. }) => format!("added {}", shown(new, 0)),
        (Change::Removed, Values::Shown { old: Some(old), .. }) => format!("removed {}", shown(old, 0)),
        (Change::Changed, Values::Shown { old: Some(old), new: Some(new) }) => from_to(old, new),
        (Change::Changed, Values::Shown { old: None, new: Some(new) }) => {
            format!("nothing → {}", shown(new, 0))
        }
        (Change::Changed, Values::Shown { old: Some(old), new: None }) => {
            format!("{} → nothing", shown(old, 0))
        }
        (Change::Changed, Values::Withheld {} | Values::Shown { old: None, new: None }) => {
            "changed".to_owned()
        }
    };
    match &difference.field {
        Some(field) => format!("{field}: {what}"),
        None => what,
    }
}

/// A long list is shown by its other elements, and other long values from their first difference on.
fn from_to(old: &Value, new: &Value) -> String {
    if let Some(others) = other_elements(old, new) {
        let parts = ["removed", "added"].into_iter().zip(others).filter(|(_, elements)| !elements.is_empty());
        let parts: Vec<_> = parts.map(|(what, elements)| format!("{what} {elements}")).collect();
        return parts.join("; ");
    }
    let [old, new] = both(old, new);
    format!("{old} → {new}")
}

/// The elements that only the old one of two lists has, and those that only the new one has. None if the lists are
/// short enough to be shown, or have the same elements.
pub(super) fn other_elements(old: &Value, new: &Value) -> Option<[String; 2]> {
    let (Value::Array(old_elements), Value::Array(new_elements), true) = (old, new, is_long(old, new)) else {
        return None;
    };
    let other = |one: &[Value], other: &[Value]| {
        let lacking = one.iter().filter(|element| !other.contains(element));
        let lacking: Vec<_> = lacking.map(|element| shown(element, 0)).collect();
        lacking.join(", ")
    };
    let others = [other(old_elements, new_elements), other(new_elements, old_elements)];
    others.iter().any(|elements| !elements.is_empty()).then_some(others)
}

/// Two values, from their first difference on if they are long.
pub(super) fn both(old: &Value, new: &Value) -> [String; 2] {
    let [old_text, new_text] = [old, new].map(Value::to_string);
    let same = old_text.chars().zip(new_text.chars()).take_while(|(old, new)| old == new).count();
    let from = if is_long(old, new) { same.saturating_sub(BEFORE_DIFFERENCE) } else { 0 };
    [old, new].map(|value| shown(value, from))
}

fn is_long(old: &Value, new: &Value) -> bool {
    [old, new].iter().any(|value| value.to_string().chars().count() > MAX_SHOWN)
}

/// A value in JSON, from the character `from` on, and shortened.
pub(super) fn shown(value: &Value, from: usize) -> String {
    let json = value.to_string();
    if let (Value::Object(members), 0) = (value, from)
        && json.chars().count() > MAX_SHOWN
    {
        return first_members(members);
    }
    let rest: String = json.chars().skip(from).take(MAX_SHOWN).collect();
    let before = if from > 0 { "…" } else { "" };
    let after = if json.chars().count() > from + MAX_SHOWN { "…" } else { "" };
    format!("{before}{rest}{after}")
}

/// The first members of a long object, and how many others there are.
fn first_members(members: &Map<String, Value>) -> String {
    let mut text = "{".to_owned();
    let mut shown = 0;
    for (name, value) in members {
        let member = format!("{}:{value}, ", Value::from(name.as_str()));
        if text.chars().count() + member.chars().count() > MAX_SHOWN {
            break;
        }
        text += &member;
        shown += 1;
    }
    let left_out = members.len() - shown;
    let more = if shown == 0 { "" } else { "more " };
    let noun = if left_out == 1 { "member" } else { "members" };
    format!("{text}… {left_out} {more}{noun}: --json shows {}}}", if left_out == 1 { "it" } else { "them" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_values_are_shown_whole() {
        assert_eq!(from_to(&json!(["a"]), &json!(["b"])), r#"["a"] → ["b"]"#);
        assert_eq!(from_to(&json!("30 days"), &json!("1 hour")), r#""30 days" → "1 hour""#);
    }

    #[test]
    fn a_long_list_is_shown_by_its_other_elements() {
        let urls = |last: &str| -> Value {
            (0..9).map(|n| format!("https://{n}.example.com")).chain([last.to_owned()]).collect()
        };
        assert_eq!(from_to(&urls("x"), &urls("y")), r#"removed "x"; added "y""#);
        assert_eq!(from_to(&urls("x"), &json!([])).chars().filter(|c| *c == '→').count(), 0);
    }

    #[test]
    fn an_added_object_is_shown_with_the_number_of_members_that_are_left_out() {
        let members = |count: usize| -> Value {
            let member = |n: usize| (format!("Member{n:02}"), json!("a value of some length"));
            Value::Object((0..count).map(member).collect())
        };
        assert_eq!(shown(&members(1), 0), members(1).to_string());
        let long = shown(&members(9), 0);
        let says = r#"{"Member00":"a value of some length", … 8 more members: --json shows them}"#;
        assert_eq!(long, says);
        let wide = shown(&json!({"Name": "x".repeat(500), "Other": 1}), 0);
        assert_eq!(wide, "{… 2 members: --json shows them}");
    }

    #[test]
    fn a_long_text_is_shown_from_its_first_difference_on() {
        let text = |end: &str| json!(format!("{}{end}{}", "é".repeat(500), "z".repeat(500)));
        let line = from_to(&text("old"), &text("new"));
        assert!(line.contains("éold") && line.contains("énew"), "{line}");
        assert!(line.chars().count() < 2 * MAX_SHOWN + 10, "{line}");
        // One text is the begin of the other.
        let line = from_to(&json!("a".repeat(200)), &json!("a".repeat(300)));
        assert!(line.starts_with('…') && line.contains(" → "), "{line}");
    }
}

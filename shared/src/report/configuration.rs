//! What an export captured of the configuration: counts, names and reasons, never values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::format::plural;
use crate::model::configuration::difference::Change;
use crate::model::configuration::{
    CapturedList, ChangedObject, ConfigurationChanges, NotCaptured, NotCapturedReason,
};
use crate::model::{ErrorCode, RunId};

/// The most objects that a report names.
const MAX_NAMED: usize = 50;
/// The most objects that a sentence names.
const MAX_IN_WORDS: usize = 5;

/// What a snapshot holds of the configuration of its pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationReport {
    /// The captured objects, by kind. A later version may know more kinds.
    pub objects: BTreeMap<String, u64>,
    /// Members that are stored encrypted, because they are secret.
    #[serde(default)]
    pub secrets_stored: u64,
    /// Members that are not stored, because they are secret.
    pub secrets_left_out: u64,
    /// How many objects are not captured. A whole kind counts as one.
    pub not_captured_count: u64,
    /// The first objects that are not captured, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_captured: Vec<NotCapturedObject>,
    /// How many of these an earlier snapshot holds.
    pub incomplete_count: u64,
    /// How many of these the export tried to capture and could not, whether an earlier snapshot holds them or
    /// not.
    #[serde(default)]
    pub failed_count: u64,
    /// How many of these the operator should look at, and how many objects could not be compared. The metric counts them.
    #[serde(default)]
    pub attention_count: u64,
    /// Whether the list of the configuration cannot be read. Then all counts are 0, but this one counts as one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unreadable: bool,
    /// What has changed since an earlier snapshot. None if no earlier one holds a configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ConfigurationChanges>,
}

/// An object that is not captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotCapturedObject {
    pub object: String,
    pub reason: NotCapturedReason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// The last snapshot that holds the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<RunId>,
    /// Whether that snapshot was removed meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holder_removed: bool,
}

impl NotCapturedObject {
    /// With its whole name, for the operator who sees the whole configuration.
    pub fn whole(lacking: &NotCaptured) -> Self {
        Self { object: lacking.name(), ..Self::of(lacking) }
    }

    pub fn of(lacking: &NotCaptured) -> Self {
        let NotCaptured { reason, operation, code, held_by, holder_removed, .. } = lacking.clone();
        Self { object: lacking.shown_name(), reason, operation, code, held_by, holder_removed }
    }
}

impl ConfigurationReport {
    pub fn of(list: &CapturedList, changes: Option<ConfigurationChanges>) -> Self {
        // What an earlier snapshot holds comes first.
        let mut lacking: Vec<&NotCaptured> = list.not_captured().iter().collect();
        lacking.sort_by_key(|lacking| !lacking.is_incomplete());
        Self {
            objects: list.counts().into_iter().map(|(kind, count)| (kind.name().to_owned(), count)).collect(),
            secrets_stored: list.secret_count(),
            secrets_left_out: list.secrets_left_out(),
            not_captured_count: lacking.len() as u64,
            not_captured: lacking.into_iter().take(MAX_NAMED).map(NotCapturedObject::of).collect(),
            incomplete_count: list.incomplete().count() as u64,
            failed_count: list.not_captured().iter().filter(|lacking| lacking.reason.is_failure()).count()
                as u64,
            attention_count: list.not_captured().iter().filter(|lacking| lacking.needs_attention()).count()
                as u64
                + changes.as_ref().map_or(0, ConfigurationChanges::attention_count),
            is_unreadable: false,
            changes,
        }
    }

    /// The report if the list of the configuration cannot be read.
    pub fn unreadable() -> Self {
        Self { attention_count: 1, is_unreadable: true, ..Self::of(&CapturedList::default(), None) }
    }

    /// A sentence for the summary of an export, with a blank before it.
    pub(super) fn summary(&self) -> String {
        if self.is_unreadable {
            return " ATTENTION: the list of its configuration cannot be read.".to_owned();
        }
        let objects = plural(self.objects.values().sum(), "object", "objects");
        let secrets = match self.secrets_stored {
            0 => String::new(),
            count => format!(" and {}", plural(count, "encrypted secret", "encrypted secrets")),
        };
        let mut words = format!(" Its configuration has {objects}{secrets}.");
        if self.failed_count > 0 {
            words += &format!(" {} could not be captured.", plural(self.failed_count, "part", "parts"));
        }
        if self.incomplete_count > 0 {
            let count = plural(self.incomplete_count, "part", "parts");
            let incomplete = self.not_captured.iter().take(self.incomplete_count as usize);
            let names: Vec<String> = incomplete
                .take(MAX_IN_WORDS)
                .map(|lacking| format!("{} ({})", lacking.object, lacking.reason.words()))
                .collect();
            let more = if self.incomplete_count as usize > names.len() { ", …" } else { "" };
            words += &format!(
                " ATTENTION: it lacks {count} that earlier snapshots hold: {}{more}.",
                names.join(", ")
            );
        }
        words += &self.changes.as_ref().map(changed).unwrap_or_default();
        words
    }
}

/// A sentence about changed objects, with a blank before it. Empty if nothing has changed.
fn changed(changes: &ConfigurationChanges) -> String {
    let Some(since) = &changes.since else {
        return " ATTENTION: its configuration could not be compared with that of an earlier snapshot."
            .to_owned();
    };
    let mut words = String::new();
    if changes.not_compared > 0 {
        let objects = plural(changes.not_compared, "object of it", "objects of it");
        words =
            format!(" ATTENTION: {objects} could not be compared, because no earlier record can be read.");
    }
    if changes.count == 0 {
        return words;
    }
    let names: Vec<String> = changes.objects.iter().take(MAX_IN_WORDS).map(changed_object).collect();
    let more = if changes.count as usize > names.len() { ", …" } else { "" };
    words
        + &format!(
            " Since snapshot {since}, {} changed: {}{more}.",
            plural(changes.count, "object of it has", "objects of it have"),
            names.join(", ")
        )
}

/// `clients/web (CallbackURLs, …)`, `clients/new (added)`.
fn changed_object(object: &ChangedObject) -> String {
    let what = match object.change {
        Change::Added => "added".to_owned(),
        Change::Removed => "removed".to_owned(),
        Change::Changed => {
            let fields = object.fields.iter().take(MAX_IN_WORDS).cloned().collect::<Vec<_>>();
            let more = if object.field_count as usize > fields.len() { ", …" } else { "" };
            fields.join(", ") + more
        }
    };
    if what.is_empty() { object.object.clone() } else { format!("{} ({what})", object.object) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::configuration::Uncaptured;

    fn lacking(object: &str, held_by: Option<&str>) -> NotCaptured {
        NotCaptured {
            held_by: held_by.map(|id| RunId::parse(id).unwrap()),
            ..NotCaptured::new(Uncaptured::parse(object).unwrap(), NotCapturedReason::AccessDenied)
        }
    }

    #[test]
    fn a_report_names_what_earlier_snapshots_hold_first() {
        let list = CapturedList::new(
            vec![],
            vec![lacking("clients", None), lacking("terms", Some("20261121T020000123Z-1a2b3c4d"))],
        );
        let report = ConfigurationReport::of(&list, None);
        assert_eq!((report.not_captured_count, report.incomplete_count), (2, 1));
        assert_eq!(report.not_captured[0].object, "terms");
        assert_eq!(
            report.summary(),
            " Its configuration has 0 objects. 2 parts could not be captured. ATTENTION: it lacks 1 part that earlier snapshots hold: terms (the export \
             may not read it)."
        );
        let complete =
            ConfigurationReport::of(&CapturedList::new(vec![], vec![lacking("clients", None)]), None);
        assert_eq!(complete.summary(), " Its configuration has 0 objects. 1 part could not be captured.");
        assert_eq!((complete.incomplete_count, complete.attention_count), (0, 1));
    }

    #[test]
    fn a_report_of_many_objects_stays_small() {
        let many = (0..9_000).map(|number| lacking(&format!("clients/{number}"), None)).collect();
        let report = ConfigurationReport::of(&CapturedList::new(vec![], many), None);
        assert_eq!((report.not_captured_count, report.not_captured.len()), (9_000, MAX_NAMED));
    }

    #[test]
    fn a_report_names_what_changed_since_the_snapshot_before() {
        let object = |object: &str, change, fields: &[&str], field_count| ChangedObject {
            object: object.to_owned(),
            change,
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            field_count,
        };
        let changes = ConfigurationChanges {
            count: 3,
            objects: vec![
                object("clients/web", Change::Changed, &["CallbackURLs", "LogoutURLs"], 2),
                object("terms/web/terms-of-use", Change::Removed, &[], 0),
            ],
            ..ConfigurationChanges::none(RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap())
        };
        let words = |changes| ConfigurationReport::of(&CapturedList::default(), Some(changes)).summary();
        assert_eq!(
            words(changes.clone()),
            " Its configuration has 0 objects. Since snapshot 20261121T020000123Z-1a2b3c4d, 3 objects of it have changed: \
             clients/web (CallbackURLs, LogoutURLs), terms/web/terms-of-use (removed), …."
        );
        let none = ConfigurationChanges::none(changes.since.unwrap());
        assert_eq!(words(none.clone()), " Its configuration has 0 objects.");
        assert_eq!(
            words(ConfigurationChanges { not_compared: 2, ..none }),
            " Its configuration has 0 objects. ATTENTION: 2 objects of it could not be compared, because no earlier record can \
             be read."
        );
        let failed = ConfigurationReport::of(&CapturedList::default(), Some(ConfigurationChanges::failed()));
        assert_eq!(failed.attention_count, 1);
        assert!(failed.summary().ends_with(" could not be compared with that of an earlier snapshot."));
    }
}

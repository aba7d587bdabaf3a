//! The differences between two objects, member by member.

use std::collections::BTreeSet;

use serde_json::Value;

use super::content::{Content, Leaf, Secret, SecretValue, Setting};
use super::matching::ClientPairs;
use super::output::{Change, NotComparedReason, Side, Values};
use crate::model::configuration::{Bound, Field, Nature, ObjectKind, field};

/// The member with the image of a classic look.
const IMAGE: &str = "ImageFile";

/// What the diff of one object found.
#[derive(Default)]
pub(super) struct ObjectDifference {
    pub differences: Vec<MemberDifference>,
    pub not_compared: Vec<MemberNotCompared>,
}

pub(super) struct MemberDifference {
    pub field: String,
    pub change: Change,
    pub values: Values,
    pub row: Option<&'static Field>,
}

pub(super) struct MemberNotCompared {
    pub field: String,
    pub reason: NotComparedReason,
    pub side: Option<Side>,
    /// Whether the table names it as a secret.
    pub is_secret: bool,
}

/// Compares two contents of one object.
pub(super) fn compare_members(old: &Content, new: &Content, clients: &ClientPairs<'_>) -> ObjectDifference {
    let mut differ = ObjectDiffer { clients, covered: BTreeSet::new(), found: ObjectDifference::default() };
    differ.placeholders(old, new);
    differ.placeholders(new, old);
    differ.wholes(old, new);
    let paths: BTreeSet<_> = old.leaves.keys().chain(new.leaves.keys()).collect();
    for path in paths {
        if !differ.is_covered(path) {
            differ.leaf(path, old, new);
        }
    }
    differ.image(old, new);
    differ.found
}

struct ObjectDiffer<'a> {
    clients: &'a ClientPairs<'a>,
    /// Paths whose difference includes everything below them.
    covered: BTreeSet<String>,
    found: ObjectDifference,
}

impl ObjectDiffer<'_> {
    /// A placeholder may stand for a whole member that the table of today knows, with members of its own, or
    /// for an element of a list that it knows.
    fn placeholders(&mut self, source: &Content, other: &Content) {
        let placeholders = source.leaves.iter().filter(|(_, leaf)| leaf.is_placeholder());
        for (path, _) in placeholders {
            let is_kept_differently = match path.strip_suffix("[]") {
                Some(list) if has_known_elements(list, source) || other.leaves.contains_key(path) => continue,
                Some(list) => has_known_elements(list, other),
                None => other.wholes.contains_key(path) || has_below(path, other, |_| true),
            };
            if is_kept_differently {
                let path = path.strip_suffix("[]").unwrap_or(path);
                self.covered.insert(path.to_owned());
                self.not_compared(path, NotComparedReason::KeptDifferently, None);
            }
        }
    }

    /// If only one side has a whole, that is one difference.
    fn wholes(&mut self, old: &Content, new: &Content) {
        let paths: BTreeSet<_> = old.wholes.keys().chain(new.wholes.keys()).collect();
        for path in paths {
            let [old_whole, new_whole] = [old.wholes.get(path), new.wholes.get(path)];
            if (old_whole.is_some() && new_whole.is_some()) || self.is_covered(path) {
                continue;
            }
            let [old_leaf, new_leaf] = [old.leaves.get(path), new.leaves.get(path)];
            let is_secret = [old_leaf, new_leaf].iter().any(|leaf| matches!(leaf, Some(Leaf::Secret(_))));
            let shown = |whole: Option<&Value>, leaf: Option<&Leaf>| match (whole, leaf) {
                (Some(whole), _) => Some(whole.clone()),
                (None, Some(Leaf::Setting(setting))) => Some(setting.shown.clone()),
                (None, _) => None,
            };
            let sides = [shown(old_whole, old_leaf), shown(new_whole, new_leaf)];
            let (change, values) = match sides {
                _ if is_secret => (Change::Changed, Values::Withheld {}),
                [None, Some(new)] => (Change::Added, Values::added(new)),
                [Some(old), None] => (Change::Removed, Values::removed(old)),
                [Some(old), Some(new)] => (Change::Changed, Values::changed(old, new)),
                [None, None] => continue,
            };
            let row = old_leaf.or(new_leaf).and_then(Leaf::row);
            self.covered.insert(path.clone());
            self.difference(path, change, values, row);
        }
    }

    fn leaf(&mut self, path: &str, old: &Content, new: &Content) {
        match (old.leaves.get(path), new.leaves.get(path)) {
            (Some(Leaf::Setting(old)), Some(Leaf::Setting(new))) => self.settings(path, old, new),
            (Some(Leaf::Secret(old)), Some(Leaf::Secret(new))) => self.secrets(path, old, new),
            (Some(Leaf::Secret(secret)), Some(Leaf::Setting(setting)))
            | (Some(Leaf::Setting(setting)), Some(Leaf::Secret(secret))) => {
                let row = Some(setting.row);
                match &secret.value {
                    SecretValue::Clear(value) if *value == setting.normal => {}
                    SecretValue::Clear(_) => self.difference(path, Change::Changed, Values::Withheld {}, row),
                    _ => self.not_compared(path, NotComparedReason::KeptDifferently, None),
                }
            }
            (Some(leaf), None) => self.one_sided(path, leaf, Side::New, new),
            (None, Some(leaf)) => self.one_sided(path, leaf, Side::Old, old),
            (None, None) => {}
        }
    }

    fn settings(&mut self, path: &str, old: &Setting, new: &Setting) {
        if old.normal == new.normal {
            return;
        }
        // The only setting that belongs to one pool is the id of a client.
        if let (Bound::Pool, Value::String(old), Value::String(new)) =
            (old.row.bound, &old.normal, &new.normal)
        {
            if self.clients.new_id_of(old) == new {
                return;
            }
            let is_paired =
                self.clients.has_partner(Side::Old, old) && self.clients.has_partner(Side::New, new);
            if let Some(doubt) = self.clients.doubt.as_ref().filter(|_| !is_paired) {
                return self.not_compared(path, NotComparedReason::NotCaptured, Some(doubt.side));
            }
        }
        let values = Values::changed(old.shown.clone(), new.shown.clone());
        self.difference(path, Change::Changed, values, Some(old.row));
    }

    fn secrets(&mut self, path: &str, old: &Secret, new: &Secret) {
        let side = match (&old.value, &new.value) {
            (SecretValue::LeftOut, _) => Some(Side::Old),
            (_, SecretValue::LeftOut) => Some(Side::New),
            _ => None,
        };
        if side.is_some() {
            self.not_compared(path, NotComparedReason::LeftOut, side);
        } else if std::mem::discriminant(&old.value) != std::mem::discriminant(&new.value) {
            self.not_compared(path, NotComparedReason::KeptDifferently, None);
        } else if let (SecretValue::Mac(old), SecretValue::Mac(new)) = (&old.value, &new.value)
            && !old.is_of_same_key(new)
        {
            self.not_compared(path, NotComparedReason::OtherKey, None);
        } else if old.value != new.value {
            self.difference(path, Change::Changed, Values::Withheld {}, old.row.or(new.row));
        }
    }

    /// A member that `lacking` does not have.
    fn one_sided(&mut self, path: &str, leaf: &Leaf, lacking: Side, content: &Content) {
        let row = leaf.row();
        let is_secret = row.is_some_and(|row| row.nature == Nature::Secret);
        let default = row.and_then(Setting::default_of);
        let change = match (&default, lacking) {
            (Some(_), _) => Change::Changed,
            (None, Side::Old) => Change::Added,
            (None, Side::New) => Change::Removed,
        };
        let setting = match leaf {
            Leaf::Setting(setting) => setting,
            // Cognito does not always answer a secret, for example if the owner supplied it.
            Leaf::Secret(_) if is_secret => {
                return self.found.not_compared.push(MemberNotCompared {
                    field: path.to_owned(),
                    reason: NotComparedReason::NotReadable,
                    side: Some(lacking),
                    is_secret,
                });
            }
            Leaf::Secret(_) if default.is_some() => {
                return self.not_compared(path, NotComparedReason::KeptDifferently, None);
            }
            Leaf::Secret(_) => return self.difference(path, change, Values::Withheld {}, row),
        };
        if default.as_ref().is_some_and(|default| default.normal == setting.normal) {
            return;
        }
        let is_known_absent = setting.row.readable || (path == IMAGE && content.lacks_image);
        if !is_known_absent {
            return self.not_compared(path, NotComparedReason::NotReadable, Some(lacking));
        }
        let [default, shown] = [default.map(|default| default.shown), Some(setting.shown.clone())];
        let values = match lacking {
            Side::Old => Values::Shown { old: default, new: shown },
            Side::New => Values::Shown { old: shown, new: default },
        };
        self.difference(path, change, values, row);
    }

    /// An image of which neither side has the bytes.
    fn image(&mut self, old: &Content, new: &Content) {
        if [old, new].iter().any(|content| content.leaves.contains_key(IMAGE)) {
            return;
        }
        let row = field(ObjectKind::UiCustomization, IMAGE);
        match (old.lacks_image, new.lacks_image) {
            (true, true) => {}
            (true, false) => self.difference(IMAGE, Change::Added, Values::Withheld {}, row),
            (false, true) => self.difference(IMAGE, Change::Removed, Values::Withheld {}, row),
            (false, false) => {
                for side in Side::BOTH {
                    self.not_compared(IMAGE, NotComparedReason::NotReadable, Some(side));
                }
            }
        }
    }

    fn is_covered(&self, path: &str) -> bool {
        let above = path.match_indices(['.', '[']).filter_map(|(end, _)| path.get(..end));
        !self.covered.is_empty() && above.chain([path]).any(|path| self.covered.contains(path))
    }

    fn difference(&mut self, path: &str, change: Change, values: Values, row: Option<&'static Field>) {
        self.found.differences.push(MemberDifference { field: path.to_owned(), change, values, row });
    }

    fn not_compared(&mut self, path: &str, reason: NotComparedReason, side: Option<Side>) {
        let field = path.to_owned();
        self.found.not_compared.push(MemberNotCompared { field, reason, side, is_secret: false });
    }
}

/// Whether the content has a path below this one for which `counts` is true.
fn has_below(path: &str, content: &Content, counts: impl Fn(&str) -> bool) -> bool {
    ['.', '['].into_iter().any(|separator| {
        let prefix = format!("{path}{separator}");
        let is_below = |name: &&String| name.starts_with(&prefix);
        let leaves = content.leaves.range(prefix.clone()..).map(|(name, _)| name).take_while(is_below);
        let wholes = content.wholes.range(prefix.clone()..).map(|(name, _)| name).take_while(is_below);
        leaves.chain(wholes).any(|name| counts(name))
    })
}

/// Whether the list has elements of a form that the table knows.
fn has_known_elements(list: &str, content: &Content) -> bool {
    let has_values = |leaf: &Leaf| match leaf {
        Leaf::Setting(set) => set.shown.as_array().is_some_and(|elements| !elements.is_empty()),
        Leaf::Secret(_) => false,
    };
    let unknown = format!("{list}[]");
    content.leaves.get(list).is_some_and(has_values) || has_below(list, content, |name| name != unknown)
}

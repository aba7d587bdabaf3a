//! Members that hold the same as another member, in the same object or in another one.

use std::collections::BTreeMap;

use super::content::{Content, Leaf, Setting};
use crate::model::configuration::{Comparison, Field, ObjectKind, field, fields_of};

/// The only objects of their kinds, on one side.
pub(super) type Singles = BTreeMap<ObjectKind, Content>;

/// Leaves each value at one path, so that a change is one difference.
///
/// A mirror gives its value to its twin if only that side lacks the twin, and is then dropped. A mirror stays
/// on both sides in these cases: a side has another value in the twin, both sides lack the twin, or the
/// object of the twin is not compared.
pub(super) fn fold_mirrors(old: &mut Singles, new: &mut Singles) {
    for (kind, mirror, twin_kind, twin) in mirrors() {
        let has = |side: &Singles| {
            side.contains_key(&kind).then(|| side.get(&twin_kind)?.leaves.get(twin.path).map(|_| ()))
        };
        let (Some(old_twin), Some(new_twin)) = (has(old), has(new)) else { continue };
        let is_apart = [&*old, &*new].into_iter().any(|side| {
            let leaf = |kind, path| side.get(&kind)?.leaves.get(path);
            let values = (leaf(kind, mirror.path), leaf(twin_kind, twin.path));
            match values {
                (Some(Leaf::Setting(mirror)), Some(Leaf::Setting(twin))) => mirror.normal != twin.normal,
                _ => false,
            }
        });
        if is_apart || (old_twin.is_none() && new_twin.is_none()) {
            continue;
        }
        for side in [&mut *old, &mut *new] {
            let Some(content) = side.get_mut(&kind) else { continue };
            // A value of another form stays, because it may be no mirror.
            let Some(Leaf::Setting(setting)) = content.leaves.get(mirror.path) else { continue };
            let setting = Setting { row: twin, ..setting.clone() };
            content.leaves.remove(mirror.path);
            if let Some(content) = side.get_mut(&twin_kind) {
                content.leaves.entry(twin.path.to_owned()).or_insert(Leaf::Setting(setting));
            }
        }
    }
}

/// The kind and row of each mirror, and the kind and row of its twin.
fn mirrors() -> impl Iterator<Item = (ObjectKind, &'static Field, ObjectKind, &'static Field)> {
    let rows = ObjectKind::ALL.iter().flat_map(|&kind| fields_of(kind).iter().map(move |row| (kind, row)));
    rows.filter_map(|(kind, row)| {
        let Comparison::Mirror(path) = row.comparison else { return None };
        let (twin_kind, path) = match path.split_once('/') {
            Some((name, path)) => (*ObjectKind::ALL.iter().find(|kind| kind.name() == name)?, path),
            None => (kind, path),
        };
        Some((kind, row, twin_kind, field(twin_kind, path)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_plain_members_of_single_objects() {
        assert!(mirrors().count() > 10);
        for (kind, mirror, twin_kind, twin) in mirrors() {
            assert!(kind.is_single() && twin_kind.is_single(), "{kind} {}", mirror.path);
            for path in [mirror.path, twin.path] {
                assert!(!path.contains(['[', '*']), "{kind} {path}");
            }
        }
    }
}

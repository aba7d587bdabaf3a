//! The errors that end a copy.

use super::check::Damage;
use crate::format::{form, plural};
use crate::model::RunId;
use crate::ports::vault::Key;
use crate::{Error, ErrorKind, Guidance};

/// Items are missing or altered at the source.
pub(super) fn damaged_source(snapshot: &RunId, damage: &Damage) -> Error {
    let count = plural(damage.count(), "item", "items");
    let (at_least, are) = (damage.at_least(), form(damage.count(), "is", "are"));
    Error::new(
        ErrorKind::SnapshotDamaged,
        format!(
            "{at_least}{count} of snapshot {snapshot} {are} missing or altered in the source table: {damage}."
        ),
        "The copy wrote nothing. Restore the items from point-in-time recovery, or copy another snapshot.",
    )
}

/// An item was sound when the copy checked the source, and is missing or altered now.
pub(super) fn lost_meanwhile(key: &Key) -> Error {
    Error::new(
        ErrorKind::CopyIncomplete,
        format!("Item {key} was deleted or altered in the source table during the copy."),
        "Find out which program changes the table, then start the command again: it names all damaged items, and continues.",
    )
}

/// The destination has other content under a key of the snapshot.
pub(super) fn conflict(key: &Key) -> Error {
    Error::new(
        ErrorKind::ItemConflict,
        format!("The destination holds an item {key} with other content than the snapshot."),
        "The copy did not overwrite the item. If it is damaged, restore it from point-in-time recovery or delete it. Otherwise copy \
         to another table. Then start the command again: it continues.",
    )
}

/// A removal of the snapshot at the destination is decided.
pub(super) fn removed_there(snapshot: &RunId) -> Error {
    Error::new(
        ErrorKind::SnapshotBeingRemoved,
        format!("At the destination, snapshot {snapshot} is being removed, by retention or by hand."),
        "Nothing was copied. Remove the snapshot there to its end, then start the command again.",
    )
}

/// The destination is not as the copy wrote it.
pub(super) fn damaged_copy(snapshot: &RunId, damage: &Damage) -> Error {
    let count = plural(damage.count(), "item", "items");
    let (at_least, are) = (damage.at_least(), form(damage.count(), "is", "are"));
    incomplete(format!(
        "{at_least}{count} of snapshot {snapshot} {are} missing or altered in the destination: {damage}."
    ))
}

fn incomplete(message: String) -> Error {
    Error::new(
        ErrorKind::CopyIncomplete,
        message,
        "Find out which program also writes to that table, then start the command again: it copies the missing items.",
    )
}

/// An error of the destination. Both tables may have the same name, so the error says which one it is.
pub fn at_destination(error: Error) -> Error {
    let message = format!("At the destination: {}", error.message());
    match error.kind() {
        // This kind means the source, and refuses a copy before anything is written.
        ErrorKind::SnapshotDamaged => incomplete(message),
        kind => Error::new(kind, message, Guidance::AtDestination(Box::new(error.guidance().clone()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_destination_names_it_and_damage_there_is_not_damage_of_the_source() {
        let error = |kind| at_destination(Error::new(kind, "Table backup was not read.", "Try again."));
        let told = crate::report::cause(&error(ErrorKind::ServiceUnavailable));
        assert_eq!(told, "At the destination: Table backup was not read. Try again.");
        assert_eq!(error(ErrorKind::ServiceUnavailable).kind(), ErrorKind::ServiceUnavailable);
        assert_eq!(error(ErrorKind::SnapshotDamaged).kind(), ErrorKind::CopyIncomplete);
    }
}

//! The refusal of a restore by its forecast: the settings of the target would lose users or groups.

use super::groups::MAX_GROUPS;
use crate::format::{grouped, plural};
use crate::model::{ForecastCheckpoint, setting_name};
use crate::{Error, ErrorKind, Guidance};

/// The refusal. None if nothing would be lost, or if the operator accepts the losses that the target causes.
pub fn refusal(state: &ForecastCheckpoint) -> Option<Error> {
    if !state.is_refused() {
        return None;
    }
    let ForecastCheckpoint { restore, forecast, .. } = state;
    let filled = &forecast.old_sub_attribute_filled;
    if let Some(attribute) = restore.options.old_sub_attribute.as_ref().filter(|_| !filled.is_none()) {
        let what = format!(
            "The old sub would overwrite other values of {} in snapshot {}: {}.",
            setting_name(attribute),
            restore.snapshot,
            plural(filled.users, "user", "users")
        );
        let advice = "Nothing was changed. Name another attribute for the old sub, or none: the sub map also has the old sub.";
        return Some(Error::new(ErrorKind::InvalidInput, what, advice));
    }
    let objections = forecast.caused_by_target();
    let mut losses: Vec<_> = objections
        .map(|(reason, objection)| format!("{} ({reason})", plural(objection.users, "user", "users")))
        .collect();
    if forecast.groups_too_many > 0 {
        let groups = plural(forecast.groups_too_many, "group", "groups");
        losses.push(format!("{groups} more than the {} that a pool can have", grouped(MAX_GROUPS)));
    }
    let what = format!(
        "User pool {} does not accept all users and groups of snapshot {}: {}.",
        restore.target,
        restore.snapshot,
        losses.join(", ")
    );
    let others: Vec<_> = forecast
        .lost_in_any_case()
        .map(|(reason, objection)| format!("{} ({reason})", plural(objection.users, "user", "users")))
        .collect();
    let what = if others.is_empty() {
        what
    } else {
        format!("{what} It leaves out in any case: {}.", others.join(", "))
    };
    Some(Error::new(
        ErrorKind::UsersNotAccepted,
        what,
        Guidance::from("Nothing was changed.").and(Guidance::AcceptLosses),
    ))
}

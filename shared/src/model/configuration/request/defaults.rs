//! What a request says of members that the object lacks.

use serde_json::{Map, Value, json};

use super::super::members::rows_of;
use super::super::path::{at, put};
use super::super::{Comparison, Field, Nature, ObjectKind, Omission, Tier};
use super::Purpose;

/// The object with members that mean the same and can be sent.
pub(super) fn normalised(kind: ObjectKind, object: &Value, purpose: Purpose) -> Value {
    let mut object = object.clone();
    for row in rows_of(kind, &object) {
        let (Comparison::Duration { unit, default }, Some(value)) = (row.comparison, default_of(row)) else {
            continue;
        };
        let has_unit = at(&object, unit).is_some_and(|unit| !unit.is_null());
        let has_time = at(&object, row.path).is_some_and(|time| !time.is_null());
        let is_update = purpose == Purpose::Update;
        if !has_time && (has_unit || is_update) {
            // The default is a time in its own unit.
            put(&mut object, row.path, value);
            put(&mut object, unit, json!(default));
        } else if has_time && !has_unit && is_update {
            // Without a unit, Cognito may keep the present one of the client.
            put(&mut object, unit, json!(default));
        }
    }
    // Cognito would turn the revocation on that an old client does not have.
    if kind == ObjectKind::Client && object["EnableTokenRevocation"].is_null() {
        object["EnableTokenRevocation"] = json!(false);
    }
    object
}

/// Adds the defaults of the members that the object lacks.
///
/// An object within the request gets its defaults if it is sent. If it is not sent, and a request without it does not
/// reset it, it is sent with the default of its first row, if that has one: the table puts the switch of an object
/// first.
pub(super) fn fill(kind: ObjectKind, object: &Value, request: &mut Map<String, Value>, tier: Option<Tier>) {
    let sent: Vec<String> = request.keys().cloned().collect();
    let rows: Vec<_> = rows_of(kind, object);
    for row in rows.iter().copied() {
        let path = row.path.trim_end_matches(".*");
        let path = path.strip_suffix("[]").unwrap_or(path);
        let Some(value) = default_of(row) else { continue };
        let is_above = tier.is_some_and(|tier| row.tier > tier);
        let is_excluded = row.nature == Nature::Secret || !row.readable || row.withheld;
        // Only providers of this type take it.
        let is_of_oidc = kind == ObjectKind::IdentityProvider && path == "AcrMapping";
        if !Purpose::Update.takes(row)
            || is_excluded
            || is_above
            || path.contains(['[', '*'])
            || (is_of_oidc && object["ProviderType"] != "OIDC")
        {
            continue;
        }
        let Some((top, rest)) = path.split_once('.') else {
            request.entry(path).or_insert(value);
            continue;
        };
        let parent = rest.rsplit_once('.').map(|(parent, _)| parent);
        let is_first =
            rows.iter().find(|other| is_below(other.path, top)).is_some_and(|first| first.path == row.path);
        let parent_is_sent = sent.iter().any(|member| member == top)
            && parent.is_none_or(|parent| at(&request[top], parent).is_some());
        let is_cleared = !request.contains_key(top) && is_first && row.omission != Omission::Reset;
        let is_absent = request.get(top).is_none_or(|member| at(member, rest).is_none());
        if is_absent && (parent_is_sent || is_cleared) {
            let mut member = request.remove(top).unwrap_or(Value::Null);
            put(&mut member, rest, value);
            request.insert(top.to_owned(), member);
        }
    }
}

fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.starts_with('.'))
}

fn default_of(row: &Field) -> Option<Value> {
    row.default.and_then(|json| serde_json::from_str(json).ok())
}

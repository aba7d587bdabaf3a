//! A new member of the table of fields cannot be forgotten.

use serde_json::{Map, Value, json};

use super::super::members::path_in;
use super::super::places::{Place, place, places_of};
use super::*;
use crate::model::configuration::path::put;
use crate::model::configuration::{Comparison, Field, Nature, ProviderType, Write, fields_of};

/// Whether the code has to say something of the row.
fn belongs_into_code(kind: ObjectKind, row: &Field) -> bool {
    let has_rows_below = fields_of(kind)
        .iter()
        .any(|other| other.path.strip_prefix(row.path).is_some_and(|rest| rest.starts_with('.')));
    let is_chosen = match row.nature {
        Nature::Setting | Nature::Secret => true,
        // An id of Cognito is in the import.
        Nature::Name => row.write != Write::Never,
        Nature::Derived | Nature::Volatile => false,
    };
    is_chosen && !has_rows_below
}

fn kinds_with_places() -> impl Iterator<Item = ObjectKind> {
    ObjectKind::ALL.iter().copied().filter(|kind| !places_of(*kind).is_empty())
}

#[test]
fn every_member_that_can_be_chosen_has_a_row_of_places_and_no_other_has_one() {
    for kind in kinds_with_places() {
        let chosen: Vec<_> = fields_of(kind).iter().filter(|row| belongs_into_code(kind, row)).collect();
        for row in &chosen {
            let rows = places_of(kind).iter().filter(|place| place.path == row.path).count();
            assert_eq!(rows, 1, "add a row for {kind} {} to code/places/", row.path);
        }
        for Place { path, .. } in places_of(kind) {
            // The client of a look or of threat protection is a reference.
            let is_client = *path == "ClientId";
            assert!(
                is_client || chosen.iter().any(|row| row.path == *path),
                "{kind} {path} is no such member"
            );
        }
    }
}

#[test]
fn every_member_is_in_the_code_or_in_the_list_of_gaps() {
    for tool in Tool::ALL {
        for kind in kinds_with_places() {
            for row in fields_of(kind).iter().filter(|row| belongs_into_code(kind, row)) {
                assert_said(tool, kind, row);
            }
        }
    }
}

#[track_caller]
fn assert_said(tool: Tool, kind: ObjectKind, row: &'static Field) {
    let (name, mut captured) = smallest(kind, row);
    put_at_row(&mut captured, row);
    let mut objects = vec![(name, captured)];
    if kind != ObjectKind::UserPool {
        objects.push(pool());
    }
    let code = Case::of(&objects).as_code(tool);
    let holder = if kind == ObjectKind::Mfa { "userPool" } else { name };
    let holder = code.resources.iter().find(|resource| resource.object.to_string() == holder);
    let path = path_in(kind, row.path, tool).unwrap_or_default();
    let is_in_code = holder.is_some_and(|resource| has(&resource.members, &path));
    let member = row.path.trim_end_matches(".*").replace("[]", "");
    let is_of =
        |found: &str| member.strip_prefix(found).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let is_gap = code.gaps.iter().any(|gap| gap.object == name && gap.member.as_deref().is_none_or(is_of));
    let is_within = place(kind, row.path)
        .is_some_and(|place| matches!(place.to(tool), super::super::places::To::Within(_)))
        && holder.is_some_and(|resource| {
            resource.members.get("EnabledMfas") == Some(&value(json!(["SOFTWARE_TOKEN_MFA"])))
        });
    assert!(is_in_code || is_gap || is_within, "{tool:?} {kind} {}: {code:?}", row.path);
}

/// An object that only has what makes it a resource, with its name.
fn smallest(kind: ObjectKind, row: &Field) -> (&'static str, Value) {
    match kind {
        ObjectKind::UserPool => pool(),
        ObjectKind::Mfa => ("mfa", json!({"MfaConfiguration": "ON"})),
        ObjectKind::Client => ("clients/1", json!({"ClientId": "1", "ClientName": "web"})),
        ObjectKind::IdentityProvider => {
            let kind = row.providers.first().copied().unwrap_or(ProviderType::Oidc);
            ("identityProviders/x", json!({"ProviderName": "x", "ProviderType": kind.name()}))
        }
        ObjectKind::ResourceServer => ("resourceServers/x", json!({"Identifier": "x", "Name": "x"})),
        ObjectKind::Domain => ("domains/x", json!({"Domain": "x"})),
        ObjectKind::UiCustomization => ("uiCustomizations/1", json!({"ClientId": "1"})),
        // Settings exclude the values of Cognito. A style needs one of them.
        ObjectKind::Branding => {
            let is_client = row.path == "ClientId";
            let id = json!({"ClientId": "1", "ManagedLoginBrandingId": "b", "UseCognitoProvidedValues": is_client});
            ("branding/1", id)
        }
        ObjectKind::RiskConfiguration => ("riskConfigurations/1", json!({"ClientId": "1"})),
        ObjectKind::LogDelivery => ("logDelivery", json!({})),
        ObjectKind::Terms => {
            ("terms/1/terms-of-use", json!({"ClientId": "1", "TermsName": "terms-of-use", "TermsId": "t"}))
        }
        ObjectKind::Replica => ("replicas/x", json!({"RegionName": "x"})),
        ObjectKind::WebAcl => ("webAcl", json!({})),
        other => panic!("{other} has no resource"),
    }
}

/// Puts a value that is no default at the path of the row.
fn put_at_row(object: &mut Value, row: &Field) {
    let default: Value = row.default.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let single = match (row.comparison, &default) {
        (Comparison::FreeJson, _) => json!({"x": 1}),
        (Comparison::Bytes, _) => json!("AAAA"),
        _ if row.path == "Status" => json!("ACTIVE"),
        (_, Value::Bool(default)) => json!(!default),
        (_, Value::Number(_)) => json!(11),
        _ => json!("x"),
    };
    if let Some((list, rest)) = row.path.split_once("[].") {
        let mut element = match list {
            "SchemaAttributes" => json!({"Name": "custom:x", "AttributeDataType": "String"}),
            _ => Value::Object(Map::new()),
        };
        let is_in_element = list == "SchemaAttributes" && rest == "Name";
        if !is_in_element {
            put(&mut element, rest, single);
        }
        put(object, list, json!([element]));
    } else if let Some(list) = row.path.strip_suffix("[]") {
        put(object, list, json!(["x"]));
    } else if let Some(map) = row.path.strip_suffix(".*") {
        put(object, map, json!({"key": "x"}));
    } else if row.nature != Nature::Name && row.path != "ProviderType" {
        put(object, row.path, single);
    }
}

/// Whether the members have something at the path.
fn has(members: &Members, path: &str) -> bool {
    let (segment, rest) = path.split_once('.').map_or((path, None), |(segment, rest)| (segment, Some(rest)));
    match (members.get(segment.trim_end_matches("[]")), rest) {
        (Some(Code::Map(map)), Some("*")) => !map.is_empty(),
        (Some(Code::Object(object)), Some(rest)) => has(object, rest),
        (Some(Code::Objects(elements)), Some(rest)) => elements.iter().any(|element| has(element, rest)),
        (found, None) => found.is_some(),
        _ => false,
    }
}

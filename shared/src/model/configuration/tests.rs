//! Goal: the tables of fields and of operations agree with themselves.
//!
//! Method: check rules that hold for every row. `tests/tests/scenarios/api_model.rs` compares the rows with
//! the API.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields::row;
use super::*;

fn rows() -> impl Iterator<Item = (ObjectKind, &'static Field)> {
    ObjectKind::ALL.iter().flat_map(|&kind| fields_of(kind).iter().map(move |field| (kind, field)))
}

/// The row at a path that may begin with the kind of another object, with the types of providers of `from`.
fn linked(kind: ObjectKind, from: &Field, path: &str) -> Option<&'static Field> {
    match path.split_once('/') {
        Some((other, path)) => field(*ObjectKind::ALL.iter().find(|kind| kind.name() == other)?, path),
        None => row(kind, path, from.providers.first().copied()),
    }
}

#[test]
fn every_kind_has_rows_and_operations() {
    for &kind in ObjectKind::ALL {
        assert!(!fields_of(kind).is_empty(), "{kind}");
        assert!(operations_of(kind).count() > 0, "{kind}");
    }
}

#[test]
fn a_path_has_one_row_for_each_type_of_provider() {
    for &kind in ObjectKind::ALL {
        for provider in ProviderType::ALL.map(Some).into_iter().chain([None]) {
            let mut seen = BTreeSet::new();
            for field in fields_of(kind).iter().filter(|field| field.is_valid_for(provider)) {
                assert!(seen.insert(field.path), "{kind} {} {provider:?}", field.path);
            }
        }
        assert!(
            kind == ObjectKind::IdentityProvider
                || fields_of(kind).iter().all(|field| field.providers.is_empty()),
            "{kind}"
        );
    }
}

#[test]
fn members_of_one_object_stand_together() {
    for &kind in ObjectKind::ALL {
        let parent = |path: &'static str| path.split(['.', '[']).next().unwrap_or_default();
        let mut seen = BTreeSet::new();
        let mut last = "";
        for field in fields_of(kind) {
            let top = parent(field.path);
            if top != last {
                assert!(seen.insert(top), "{kind} {}", field.path);
                last = top;
            }
        }
    }
}

#[test]
fn a_path_is_written_in_the_notation() {
    for (kind, field) in rows() {
        for path in [field.path, field.request_path()] {
            for name in path.split('.') {
                let bare = name.strip_suffix("[]").unwrap_or(name);
                let is_name = bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                assert!(bare == "*" || (is_name && !bare.is_empty()), "{kind} {path}");
            }
        }
    }
}

#[test]
fn only_elements_and_free_json_have_members_below_them() {
    for (kind, field) in rows() {
        let is_above = fields_of(kind).iter().any(|other| {
            other.path.strip_prefix(field.path).is_some_and(|rest| rest.starts_with(['.', '[']))
        });
        let is_keyed = matches!(field.comparison, Comparison::Keyed(_) | Comparison::Issued(_));
        assert_eq!(is_above, is_keyed, "{kind} {}", field.path);
    }
}

#[test]
fn a_member_that_a_comparison_names_exists() {
    for (kind, field) in rows() {
        let name = format!("{kind} {}", field.path);
        match field.comparison {
            Comparison::Exact | Comparison::FreeJson | Comparison::Bytes => {}
            Comparison::Set => assert!(field.path.ends_with("[]"), "{name}"),
            Comparison::Keyed(members) | Comparison::Issued(members) => {
                assert!(field.path.ends_with("[]") && !members.is_empty(), "{name}");
                for member in members {
                    let path = format!("{}.{member}", field.path);
                    assert!(row(kind, &path, None).is_some(), "{path}");
                }
            }
            Comparison::Duration { unit, default } => {
                let unit = linked(kind, field, unit).unwrap_or_else(|| panic!("{name}: no unit"));
                assert_eq!(unit.comparison, Comparison::UnitOf(field.path), "{name}");
                assert_eq!(unit.default, Some(format!("{default:?}").as_str()), "{name}");
            }
            Comparison::UnitOf(path) => {
                let time = linked(kind, field, path).unwrap_or_else(|| panic!("{name}: no time"));
                assert!(matches!(time.comparison, Comparison::Duration { .. }), "{name}");
            }
            Comparison::Mirror(path) => {
                let twin = linked(kind, field, path).unwrap_or_else(|| panic!("{name}: no mirror"));
                assert!(!matches!(twin.comparison, Comparison::Mirror(_)), "{name}: a mirror of a mirror");
                assert_eq!((twin.nature, twin.bound), (field.nature, field.bound), "{name}");
                assert_eq!(twin.default, field.default, "{name}");
            }
        }
        let is_list_of_values = field.path.ends_with("[]");
        let is_compared_as_list = field.comparison.is_of_set();
        // A diff counts issued elements of the object itself.
        let is_top = field.path.find("[]").is_some_and(|end| !field.path[..end].contains('.'));
        assert!(!matches!(field.comparison, Comparison::Issued(_)) || is_top, "{name}");
        assert_eq!(is_list_of_values, is_compared_as_list, "{name}: a list is a set");
    }
}

#[test]
fn a_setting_that_belongs_to_one_pool_is_the_id_of_a_client() {
    // A diff translates it by the pairs of clients.
    for (kind, field) in rows().filter(|(_, field)| field.bound == Bound::Pool) {
        let is_client = field.path == "ClientId";
        assert!(field.nature != Nature::Setting || is_client, "{kind} {}", field.path);
    }
}

#[test]
fn a_default_is_json_of_the_right_form() {
    for (kind, field) in rows() {
        let Some(default) = field.default else { continue };
        let value: Value = serde_json::from_str(default).unwrap_or_else(|_| panic!("{kind} {}", field.path));
        assert!(!value.is_null(), "{kind} {}", field.path);
        assert_eq!(value.is_array(), field.path.ends_with("[]"), "{kind} {}", field.path);
        assert_eq!(value.is_object(), field.path.ends_with(".*"), "{kind} {}", field.path);
        assert!(matches!(field.nature, Nature::Setting), "{kind} {}", field.path);
    }
}

#[test]
fn the_nature_of_a_member_decides_which_requests_take_it() {
    for (kind, field) in rows() {
        let allowed: &[Write] = match field.nature {
            Nature::Setting => &[Write::Always, Write::OnlyCreate, Write::OnlyUpdate],
            Nature::Secret => &[Write::Always, Write::OnlyCreate],
            Nature::Name => &[Write::OnlyCreate, Write::Never],
            Nature::Derived | Nature::Volatile => &[Write::Never],
        };
        assert!(allowed.contains(&field.write), "{kind} {}", field.path);
        let is_changeable = matches!(field.write, Write::Always | Write::OnlyUpdate);
        assert!(is_changeable || field.omission == Omission::Kept, "{kind} {}", field.path);
        assert!(field.written_as.is_none() || field.write != Write::Never, "{kind} {}", field.path);
        assert!(field.readable || field.write != Write::Never, "{kind} {}", field.path);
        let is_mirror = matches!(field.comparison, Comparison::Mirror(_));
        assert!(!field.withheld || is_mirror, "{kind} {}", field.path);
    }
}

#[test]
fn a_name_with_secret_or_private_key_is_a_secret() {
    let public = ["GenerateSecret", "ClientSecretArn", "PublishSecretsInAWSSecretsManager"];
    let has_secret = |path: &str| {
        let name = path.rsplit('.').next().unwrap_or(path).to_lowercase();
        (name.contains("secret") || name.contains("private") || name.contains("password"))
            && !name.starts_with("temporarypassword")
            && !name.starts_with("passwordhistory")
    };
    for (kind, field) in rows().filter(|(_, field)| has_secret(field.path)) {
        let is_id = ["[]", "SecretId", "SecretCreateDate"].iter().any(|end| field.path.ends_with(end));
        let is_public = public.contains(&field.path) || is_id;
        assert_eq!(field.nature == Nature::Secret, !is_public, "{kind} {}", field.path);
    }
    let secrets: Vec<_> = rows().filter(|(_, field)| field.nature == Nature::Secret).collect();
    assert!(secrets.iter().all(|(_, field)| has_secret(field.path)));
    assert_eq!(secrets.len(), 4);
}

#[test]
fn an_unknown_detail_of_a_provider_has_no_row() {
    for provider in ProviderType::ALL {
        assert!(provider_field("ProviderDetails.*", provider).is_none());
        assert!(provider_field("ProviderDetails.new_key", provider).is_none());
        assert_eq!(ProviderType::parse(provider.name()), Some(provider));
    }
    assert!(field(ObjectKind::IdentityProvider, "ProviderDetails.client_id").is_none());
    let nature = |path, provider| provider_field(path, provider).map(|field| field.nature);
    assert_eq!(nature("ProviderDetails.attributes_url", ProviderType::Google), Some(Nature::Derived));
    assert_eq!(nature("ProviderDetails.attributes_url", ProviderType::Oidc), Some(Nature::Setting));
    assert_eq!(nature("ProviderDetails.attributes_url", ProviderType::Saml), None);
}

#[test]
fn an_operation_finds_its_object_by_members_of_the_object() {
    for operations in OPERATIONS {
        for operation in operations.all() {
            for key in operation.keys.iter().filter(|key| key.value == KeyValue::Member) {
                let is_id_of_secret = operation.name == "DeleteUserPoolClientSecret";
                let has_row = field(operations.kind, key.member).is_some();
                assert!(has_row || is_id_of_secret, "{} {}", operation.name, key.member);
            }
            assert!(operation.keys.len() <= 3, "{}", operation.name);
        }
    }
}

#[test]
fn only_objects_that_are_sent_have_operations_that_write() {
    for &kind in ObjectKind::ALL {
        let writes = |wanted: &[Write]| fields_of(kind).iter().any(|field| wanted.contains(&field.write));
        let has_update = operations_of(kind).any(|operations| operations.update.is_some());
        let has_create = operations_of(kind).any(|operations| operations.create.is_some());
        assert_eq!(has_update, writes(&[Write::Always, Write::OnlyUpdate]), "{kind}");
        assert!(!writes(&[Write::OnlyCreate]) || has_create, "{kind}");
    }
}

#[test]
fn the_operations_of_a_kind_stand_in_the_order_of_the_kinds() {
    assert!(OPERATIONS.is_sorted_by_key(|operations| operations.kind));
    let mut names = BTreeSet::new();
    for operation in OPERATIONS.iter().flat_map(Operations::all) {
        assert!(names.insert(operation.name), "{}", operation.name);
    }
    let single = |kind| operations_of(kind).all(|operations| operations.found == Found::Single);
    for &kind in ObjectKind::ALL {
        assert_eq!(kind.is_single(), single(kind), "{kind}");
    }
}

#[test]
fn the_name_of_an_object_survives_its_text() {
    let names = [
        ObjectName::single(ObjectKind::Mfa),
        ObjectName::of(ObjectKind::ResourceServer, "https://api.example.com/v1"),
    ];
    for name in names {
        assert_eq!(ObjectName::parse(&name.to_string()), Some(name));
    }
    for wrong in ["clients", "clients/", "mfa/x", "unknown/x", ""] {
        assert_eq!(ObjectName::parse(wrong), None, "{wrong}");
    }
}

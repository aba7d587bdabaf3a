//! One object of a configuration, as a snapshot keeps it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::members::{CutOut, Withheld, cut_out, sorted};
use super::{ObjectKind, ObjectName};
use crate::model::{Digest, DigestBuilder, is_own_tag};

/// The member of an asset that holds its bytes, and in a stored object the digest of these.
const BYTES: &str = "Bytes";
const ASSETS: &str = "Assets";
/// The member of a classic look that holds its logo.
const LOGO: &str = "ImageFile";
/// The member of a pool, and of a replica, that holds its tags.
const TAGS: &str = "UserPoolTags";
/// What the digests of objects and of assets begin with.
const OBJECT: &str = "configuration object";
const ASSET: &str = "configuration asset";

/// An object of a configuration, without secrets: what Cognito answered, less what is not stored.
///
/// The bytes of an asset of a managed login style, and those of a logo, are replaced by the digest of the [`Asset`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedObject {
    pub name: ObjectName,
    /// In Cognito's own member names.
    pub document: Value,
}

impl fmt::Debug for CapturedObject {
    /// The values of a configuration are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapturedObject").field("kind", &self.name.kind).finish_non_exhaustive()
    }
}

impl CapturedObject {
    /// The digest of its JSON.
    pub fn digest(&self) -> Digest {
        DigestBuilder::new(OBJECT).json(self).finish()
    }

    /// The digest of a stored object. It depends on no table of fields, so every version can check it.
    pub fn digest_of(json: &str) -> Digest {
        DigestBuilder::new(OBJECT).text(json).finish()
    }
}

/// The bytes of an asset of a managed login style, or of a logo, in base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Asset(String);

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asset({} characters)", self.0.len())
    }
}

impl Asset {
    pub fn new(base64: impl Into<String>) -> Self {
        Self(base64.into())
    }

    pub fn base64(&self) -> &str {
        &self.0
    }

    /// The digest of its JSON.
    pub fn digest(&self) -> Digest {
        DigestBuilder::new(ASSET).json(self).finish()
    }

    /// The digest of a stored asset.
    pub fn digest_of(json: &str) -> Digest {
        DigestBuilder::new(ASSET).text(json).finish()
    }
}

/// An answer of Cognito, taken apart into what a snapshot stores.
#[derive(Debug)]
pub struct Capture {
    pub object: CapturedObject,
    /// The assets that the object names, each once.
    pub assets: Vec<Asset>,
    /// What is not stored in clear: secrets, and members that the table of fields does not name.
    pub withheld: Vec<Withheld>,
}

impl Capture {
    /// Takes an answer apart. None if the answer is no object of its kind.
    pub fn of(name: ObjectName, answer: &Value) -> Option<Self> {
        let CutOut { document, withheld } = cut_out(name.kind, answer);
        let mut document = document.filter(Value::is_object)?;
        if let Some(tags) = document.get_mut(TAGS).and_then(Value::as_object_mut) {
            tags.retain(|key, _| !is_own_tag(key));
        }
        let assets = take_assets(name.kind, &mut document);
        Some(Self { object: CapturedObject { name, document: sorted(document) }, assets, withheld })
    }
}

/// The members of an object that hold the bytes of assets, or their digests.
pub fn assets_in(kind: ObjectKind, document: &mut Value) -> impl Iterator<Item = &mut String> {
    let places: Vec<&mut Value> = match kind {
        ObjectKind::Branding => {
            let assets = document.get_mut(ASSETS).and_then(Value::as_array_mut).into_iter().flatten();
            assets.filter_map(|asset| asset.get_mut(BYTES)).collect()
        }
        ObjectKind::UiCustomization => document.get_mut(LOGO).into_iter().collect(),
        _ => Vec::new(),
    };
    places.into_iter().filter_map(|place| if let Value::String(text) = place { Some(text) } else { None })
}

/// Replaces the bytes of each asset by their digest. Returns the assets, each once.
fn take_assets(kind: ObjectKind, document: &mut Value) -> Vec<Asset> {
    let mut assets: Vec<Asset> = Vec::new();
    for bytes in assets_in(kind, document) {
        let taken = Asset::new(std::mem::take(bytes));
        *bytes = taken.digest().to_string();
        if !assets.contains(&taken) {
            assets.push(taken);
        }
    }
    assets
}

impl Serialize for ObjectName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectName {
    /// The error does not show the text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("unknown object"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::path::put_at;
    use super::*;

    fn capture(kind: ObjectKind, id: &str, answer: Value) -> Capture {
        Capture::of(ObjectName::of(kind, id), &answer).unwrap()
    }

    #[test]
    fn a_secret_is_neither_stored_nor_shown_nor_digested() {
        let client = |secret: &str| {
            let answer = json!({"ClientId": "1", "ClientSecret": secret, "NewMember": {"Key": secret}});
            capture(ObjectKind::Client, "1", answer)
        };
        let planted = client("planted");
        let stored = serde_json::to_string(&planted.object).unwrap();
        assert!(!stored.contains("planted") && !format!("{planted:?}").contains("planted"), "{planted:?}");
        let paths: Vec<_> = planted.withheld.iter().map(|member| member.path.as_str()).collect();
        assert_eq!(paths, ["ClientSecret", "NewMember"]);
        assert_eq!(planted.withheld[0].reveal().to_value(), "planted");
        assert_eq!(planted.object.digest(), client("other").object.digest());
        assert!(
            client("").withheld.iter().all(|member| member.path == "NewMember"),
            "an empty secret is none"
        );
    }

    #[test]
    fn a_tag_of_this_program_is_no_part_of_a_capture() {
        let pool = |tags: Value| capture(ObjectKind::UserPool, "", json!({"Id": "1", "UserPoolTags": tags}));
        let plain = pool(json!({"team": "a"}));
        for own in ["cognito-backup", "cognito-backup-rebuild"] {
            let tagged = pool(json!({"team": "a", own: "target"}));
            assert_eq!(tagged.object.document, plain.object.document);
            assert_eq!(tagged.object.digest(), plain.object.digest());
        }
        let of_aws = pool(json!({"aws:cloudformation:stack-name": "login"}));
        assert_eq!(of_aws.object.document["UserPoolTags"]["aws:cloudformation:stack-name"], "login");
    }

    #[test]
    fn the_details_of_a_provider_are_stored_without_its_secret() {
        let answer = json!({
            "ProviderName": "Google", "ProviderType": "Google",
            "ProviderDetails": {"client_id": "x", "client_secret": "planted", "authorize_scopes": "email"},
        });
        let captured = capture(ObjectKind::IdentityProvider, "Google", answer);
        let expected = json!({"client_id": "x", "authorize_scopes": "email"});
        assert_eq!(captured.object.document["ProviderDetails"], expected);
        let [secret] = &captured.withheld[..] else { panic!("{:?}", captured.withheld) };
        assert_eq!(
            (secret.path.as_str(), secret.place.as_str()),
            ("ProviderDetails.client_secret", "/ProviderDetails/client_secret")
        );
    }

    #[test]
    fn a_withheld_member_returns_to_its_place_in_a_sorted_list() {
        let attribute = |name: &str, new: &str| json!({"Name": name, "New": new, "odd/name~": new});
        let answer = json!({
            "SchemaAttributes": [attribute("sub", "1"), attribute("email", "2")],
            "AliasAttributes": [["x"], "phone_number", "email"],
        });
        let captured = capture(ObjectKind::UserPool, "", answer);
        let places: Vec<_> = captured
            .withheld
            .iter()
            .map(|member| (member.place.as_str(), member.reveal().to_value()))
            .collect();
        let expected = [
            ("/AliasAttributes/2", json!(["x"])),
            ("/SchemaAttributes/1/New", json!("1")),
            ("/SchemaAttributes/1/odd~1name~0", json!("1")),
            ("/SchemaAttributes/0/New", json!("2")),
            ("/SchemaAttributes/0/odd~1name~0", json!("2")),
        ];
        assert_eq!(places, expected);
        let mut document = captured.object.document;
        captured
            .withheld
            .iter()
            .for_each(|member| put_at(&mut document, &member.place, member.reveal().to_value()));
        let expected = json!({
            "SchemaAttributes": [attribute("email", "2"), attribute("sub", "1")],
            "AliasAttributes": ["email", "phone_number", ["x"]],
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn an_asset_stands_in_its_object_by_digest_and_comes_once() {
        let asset = |category: &str, bytes: &str| json!({"Category": category, "ColorMode": "LIGHT", "Extension": "PNG", "Bytes": bytes, "ResourceId": "r"});
        let answer = json!({"Assets": [asset("PAGE_HEADER_LOGO", "AAAA"), asset("PAGE_FOOTER_LOGO", "AAAA"), asset("FAVICON_ICO", "BBBB")]});
        let captured = capture(ObjectKind::Branding, "1", answer);
        assert_eq!(captured.assets, [Asset::new("AAAA"), Asset::new("BBBB")]);
        let bytes = &captured.object.document["Assets"][2]["Bytes"];
        assert_eq!(bytes.as_str(), Some(Asset::new("BBBB").digest().to_string().as_str()));
        assert!(!serde_json::to_string(&captured.object).unwrap().contains("AAAA"));
    }

    #[test]
    fn lists_whose_order_means_nothing_are_stored_in_one_order() {
        let client = |flows: [&str; 2]| capture(ObjectKind::Client, "1", json!({"ExplicitAuthFlows": flows}));
        let [one, other] = [["ALLOW_B", "ALLOW_A"], ["ALLOW_A", "ALLOW_B"]].map(client);
        assert_eq!(one.object.digest(), other.object.digest());
        let pool = |names: [&str; 2]| {
            let attributes = names.map(|name| json!({"Name": name, "Mutable": true}));
            capture(ObjectKind::UserPool, "", json!({"SchemaAttributes": attributes}))
        };
        let [one, other] = [["sub", "email"], ["email", "sub"]].map(pool);
        assert_eq!(one.object.document["SchemaAttributes"][0]["Name"], "email");
        assert_eq!(one.object.digest(), other.object.digest());
    }

    #[test]
    fn the_name_of_an_object_counts() {
        let digest = |id| capture(ObjectKind::RiskConfiguration, id, json!({})).object.digest();
        assert_ne!(digest("ALL"), digest("1"));
    }

    #[test]
    fn an_answer_that_is_no_object_is_not_captured() {
        for answer in [json!(null), json!("text"), json!([1])] {
            assert!(Capture::of(ObjectName::single(ObjectKind::Mfa), &answer).is_none(), "{answer}");
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let names = prop_oneof![
                Just("Name"),
                Just("Policies"),
                Just("PasswordPolicy"),
                Just("MinimumLength"),
                Just("AliasAttributes"),
                Just("SchemaAttributes"),
                Just("UserPoolTags"),
                Just("New"),
                Just("Status"),
                Just("Arn"),
            ]
            .prop_map(str::to_owned);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names, inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What is stored has only members that the table names, and is read back as it was stored.
        #[test]
        fn a_stored_object_is_known_and_stable(answer in json_value()) {
            let name = ObjectName::single(ObjectKind::UserPool);
            if let Some(captured) = Capture::of(name.clone(), &answer) {
                let json = serde_json::to_string(&captured.object).unwrap();
                let read: CapturedObject = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(CapturedObject::digest_of(&json), captured.object.digest());
                prop_assert_eq!(read.digest(), captured.object.digest());
                let again = Capture::of(name, &read.document).unwrap();
                prop_assert!(again.withheld.is_empty(), "{:?}", again.withheld);
                prop_assert_eq!(again.object, read);
            }
        }
    }
}

//! The styles of managed login: one for each client at most.
//!
//! Source: CreateManagedLoginBranding, API reference; measured, 2026-08 (floci-io/floci #2869);
//! terraform-provider-aws, managed_login_branding.go.

use serde_json::{Value, json};

use crate::json::{Object, object, text};
use crate::pool::Pool;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::{Account, blob};

/// The most bytes of all assets in one request.
const MAX_REQUEST_BYTES: usize = 2_000_000;
/// The most assets of one style.
const MAX_ASSETS: usize = 40;

#[derive(Debug, Clone)]
pub(crate) struct Branding {
    id: String,
    pub client: String,
    uses_defaults: bool,
    settings: Option<Value>,
    assets: Vec<Value>,
    created: f64,
    modified: f64,
}

impl Branding {
    /// The style in a read. It never names its client. Settings are absent if none were given, assets are
    /// always there.
    fn shown(&self, pool: &str, is_merged: bool) -> Value {
        let mut shown = json!({
            "ManagedLoginBrandingId": self.id, "UserPoolId": pool,
            "UseCognitoProvidedValues": self.uses_defaults,
            "Assets": self.assets, "CreationDate": self.created, "LastModifiedDate": self.modified,
        });
        let settings = if is_merged {
            Some(merged(&default_settings(), self.settings.as_ref()))
        } else {
            self.settings.clone()
        };
        if let Some(settings) = settings {
            shown["Settings"] = settings;
        }
        shown
    }
}

/// A small part of Cognito's own style. Reads with `ReturnMergedResources` contain it.
fn default_settings() -> Value {
    json!({"categories": {"global": {"colorSchemeMode": "LIGHT"}}, "components": {}, "componentClasses": {}})
}

/// Settings with changes on top, member by member.
fn merged(settings: &Value, change: Option<&Value>) -> Value {
    match (settings, change) {
        (settings, None) => settings.clone(),
        (Value::Object(settings), Some(Value::Object(change))) => {
            let mut all: Object = settings.clone();
            for (name, value) in change {
                let value =
                    settings.get(name).map_or_else(|| value.clone(), |before| merged(before, Some(value)));
                all.insert(name.clone(), value);
            }
            Value::Object(all)
        }
        (_, Some(change)) => change.clone(),
    }
}

fn not_found() -> ConfigurationRefusal {
    ConfigurationRefusal::not_found("Managed login branding style does not exist.")
}

fn index(pool: &Pool, id: &str) -> Result<usize, ConfigurationRefusal> {
    pool.brandings.iter().position(|branding| branding.id == id).ok_or_else(not_found)
}

fn is_merged(request: &Request<'_>) -> bool {
    request.input["ReturnMergedResources"] == true
}

/// CreateManagedLoginBranding.
pub(crate) fn create(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let client = pool.client(request.text("ClientId"))?.id.clone();
    if pool.brandings.iter().any(|branding| branding.client == client) {
        let message = "A managed login branding style already exists for the client";
        return Err(ConfigurationRefusal::new("ManagedLoginBrandingExistsException", message));
    }
    let (uses_defaults, settings) =
        (request.input["UseCognitoProvidedValues"] == true, request.member("Settings"));
    check(uses_defaults, request)?;
    if uses_defaults == settings.is_some() {
        let message = "Exactly one of UseCognitoProvidedValues and Settings must be set";
        return Err(ConfigurationRefusal::invalid(message));
    }
    let branding = Branding {
        id: account.ids.uuid(),
        client,
        uses_defaults,
        settings: settings.cloned(),
        assets: with_assets(&[], request, account)?,
        created: request.now,
        modified: request.now,
    };
    let shown = branding.shown(&pool.id, false);
    pool.brandings.push(branding);
    Ok(json!({"ManagedLoginBranding": shown}))
}

/// UpdateManagedLoginBranding: settings and assets are merged into the ones before. No update removes an
/// asset.
pub(crate) fn update(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request.text("ManagedLoginBrandingId"))?;
    let mut branding = pool.brandings[index].clone();
    let uses_defaults = request.input["UseCognitoProvidedValues"] == true;
    check(uses_defaults, request)?;
    if uses_defaults {
        (branding.settings, branding.assets) = (None, Vec::new());
    } else {
        branding.assets = with_assets(&branding.assets, request, account)?;
        if let Some(change) = request.member("Settings") {
            branding.settings = Some(
                branding.settings.map_or_else(|| change.clone(), |before| merged(&before, Some(change))),
            );
        }
    }
    branding.uses_defaults =
        uses_defaults || branding.uses_defaults && branding.settings.is_none() && branding.assets.is_empty();
    branding.modified = request.now;
    let shown = branding.shown(&pool.id, false);
    pool.brandings[index] = branding;
    Ok(json!({"ManagedLoginBranding": shown}))
}

/// Checks what a request sets.
fn check(uses_defaults: bool, request: &Request<'_>) -> Result<(), ConfigurationRefusal> {
    let assets = request.input["Assets"].as_array().map(Vec::as_slice).unwrap_or_default();
    if uses_defaults && (request.member("Settings").is_some() || !assets.is_empty()) {
        let message = "UseCognitoProvidedValues excludes Settings and Assets";
        return Err(ConfigurationRefusal::invalid(message));
    }
    let mut size = 0;
    for asset in assets {
        let bytes = blob::decoded(text(asset, "Bytes")).unwrap_or_default();
        size += bytes.len();
        // Source: lgallard/terraform-aws-cognito-user-pool #238.
        if asset["Extension"] == "SVG" && String::from_utf8_lossy(&bytes).contains("dominant-baseline") {
            return Err(ConfigurationRefusal::invalid(
                "The SVG has an attribute that is not allowed: dominant-baseline",
            ));
        }
    }
    if size > MAX_REQUEST_BYTES {
        let message = format!("A request has at most {MAX_REQUEST_BYTES} bytes of assets");
        return Err(ConfigurationRefusal::invalid(message));
    }
    Ok(())
}

/// Assets with those of a request. Their key is the category with the color mode.
fn with_assets(
    before: &[Value],
    request: &Request<'_>,
    account: &mut Account,
) -> Result<Vec<Value>, ConfigurationRefusal> {
    let mut assets = before.to_vec();
    for sent in request.input["Assets"].as_array().into_iter().flatten() {
        let mut asset = object(sent);
        // The id belongs to this pool. The request cannot change it.
        asset.insert("ResourceId".to_owned(), account.ids.lower(20).into());
        let asset = Value::Object(asset);
        let key = |asset: &Value| (asset["Category"].clone(), asset["ColorMode"].clone());
        match assets.iter_mut().find(|known| key(known) == key(&asset)) {
            Some(known) => *known = asset,
            None => assets.push(asset),
        }
    }
    if assets.len() > MAX_ASSETS {
        let message = format!("A managed login branding style has at most {MAX_ASSETS} assets");
        return Err(ConfigurationRefusal::invalid(message));
    }
    Ok(assets)
}

/// DescribeManagedLoginBranding.
pub(crate) fn describe(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request.text("ManagedLoginBrandingId"))?;
    Ok(json!({"ManagedLoginBranding": pool.brandings[index].shown(&pool.id, is_merged(request))}))
}

/// DescribeManagedLoginBrandingByClient.
pub(crate) fn by_client(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let client = &pool.client(request.text("ClientId"))?.id;
    let found = pool.brandings.iter().find(|branding| branding.client == *client).ok_or_else(not_found)?;
    Ok(json!({"ManagedLoginBranding": found.shown(&pool.id, is_merged(request))}))
}

/// DeleteManagedLoginBranding.
pub(crate) fn delete(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request.text("ManagedLoginBrandingId"))?;
    pool.brandings.remove(index);
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    const CREATE: &str = "CreateManagedLoginBranding";
    const UPDATE: &str = "UpdateManagedLoginBranding";

    fn asset(category: &str, mode: &str, bytes: &[u8]) -> Value {
        json!({"Category": category, "ColorMode": mode, "Extension": "PNG", "Bytes": blob::encoded(bytes)})
    }

    fn fixture() -> (Fixture, String) {
        let mut fixture = Fixture::new();
        let client = fixture.client(json!({"ClientName": "a"}));
        (fixture, client)
    }

    fn create(fixture: &mut Fixture, client: &str, members: Value) -> Value {
        let mut input = members;
        input["ClientId"] = client.into();
        fixture.call(CREATE, input)["ManagedLoginBranding"].take()
    }

    #[test]
    fn a_client_has_one_style_and_the_style_never_names_the_client() {
        let (mut fixture, client) = fixture();
        let style = create(&mut fixture, &client, json!({"UseCognitoProvidedValues": true}));
        assert!(style["ClientId"].is_null() && style["Settings"].is_null());
        assert_eq!(style["Assets"], json!([]));
        let again = json!({"ClientId": client, "UseCognitoProvidedValues": true});
        assert_eq!(fixture.refused(CREATE, again).code, "ManagedLoginBrandingExistsException");
        let read = fixture.call("DescribeManagedLoginBrandingByClient", json!({"ClientId": client}));
        assert_eq!(read["ManagedLoginBranding"], style);
        let id = json!({"ManagedLoginBrandingId": style["ManagedLoginBrandingId"]});
        assert_eq!(fixture.call("DescribeManagedLoginBranding", id.clone()), read);
        fixture.call("DeleteManagedLoginBranding", id.clone());
        fixture.refused("DescribeManagedLoginBranding", id);
    }

    #[test]
    fn a_style_has_either_the_values_of_cognito_or_settings() {
        let (mut fixture, client) = fixture();
        let settings = json!({"a": 1});
        for members in [
            json!({}),
            json!({"Assets": [asset("FORM_LOGO", "LIGHT", b"a")]}),
            json!({"UseCognitoProvidedValues": true, "Settings": settings}),
            json!({"UseCognitoProvidedValues": true, "Assets": [asset("FORM_LOGO", "LIGHT", b"a")]}),
        ] {
            let mut input = members;
            input["ClientId"] = client.as_str().into();
            fixture.refused(CREATE, input);
        }
        create(&mut fixture, &client, json!({"Settings": settings}));
    }

    #[test]
    fn an_update_merges_settings_and_adds_or_replaces_assets() {
        let (mut fixture, client) = fixture();
        let first =
            json!({"Settings": {"a": {"b": 1, "c": 2}}, "Assets": [asset("FORM_LOGO", "LIGHT", b"a")]});
        let style = create(&mut fixture, &client, first);
        let update = json!({
            "ManagedLoginBrandingId": style["ManagedLoginBrandingId"], "Settings": {"a": {"c": 3}, "d": 4},
            "Assets": [asset("FORM_LOGO", "LIGHT", b"b"), asset("FORM_LOGO", "DARK", b"c")],
        });
        let style = fixture.call(UPDATE, update)["ManagedLoginBranding"].take();
        assert_eq!(style["Settings"], json!({"a": {"b": 1, "c": 3}, "d": 4}));
        let assets = style["Assets"].as_array().unwrap();
        assert_eq!((assets.len(), &assets[0]["Bytes"]), (2, &json!(blob::encoded(b"b"))));
        assert!(assets[0]["ResourceId"].is_string());
        let id = style["ManagedLoginBrandingId"].clone();
        let empty = fixture.call(UPDATE, json!({"ManagedLoginBrandingId": id, "Assets": []}));
        assert_eq!(
            empty["ManagedLoginBranding"]["Assets"].as_array().unwrap().len(),
            2,
            "no update removes an asset"
        );
        let defaults =
            fixture.call(UPDATE, json!({"ManagedLoginBrandingId": id, "UseCognitoProvidedValues": true}));
        assert_eq!(defaults["ManagedLoginBranding"]["Assets"], json!([]));
    }

    #[test]
    fn a_merged_read_has_more_than_the_settings_of_the_style() {
        let (mut fixture, client) = fixture();
        create(&mut fixture, &client, json!({"Settings": {"components": {"a": 1}}}));
        let read = |merged: bool| json!({"ClientId": client, "ReturnMergedResources": merged});
        let plain = fixture.call("DescribeManagedLoginBrandingByClient", read(false));
        assert_eq!(plain["ManagedLoginBranding"]["Settings"], json!({"components": {"a": 1}}));
        let merged = fixture.call("DescribeManagedLoginBrandingByClient", read(true));
        assert!(merged["ManagedLoginBranding"]["Settings"]["categories"].is_object());
        assert_eq!(merged["ManagedLoginBranding"]["Settings"]["components"], json!({"a": 1}));
    }

    #[test]
    fn assets_have_limits() {
        let (mut fixture, client) = fixture();
        let input = |assets: Vec<Value>| json!({"ClientId": client, "Settings": {}, "Assets": assets});
        let megabyte = vec![0; 1_000_000];
        let modes = ["LIGHT", "DARK", "DYNAMIC"];
        let three = modes.map(|mode| asset("FORM_LOGO", mode, &megabyte)).to_vec();
        assert!(fixture.refused(CREATE, input(three.clone())).message.contains("2000000 bytes"));
        fixture.refused(CREATE, input(vec![asset("FORM_LOGO", "LIGHT", &vec![0; 1_000_001])]));
        fixture.refused(CREATE, input(vec![asset("FORM_LOGO", "LIGHT", b""); 41]));
        let mut svg = asset("FORM_LOGO", "LIGHT", b"<svg><text dominant-baseline=\"middle\"/></svg>");
        svg["Extension"] = "SVG".into();
        fixture.refused(CREATE, input(vec![svg]));
        fixture.call(CREATE, input(three[..2].to_vec()));
    }
}

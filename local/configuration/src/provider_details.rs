//! `ProviderDetails`: which keys a provider needs, and which ones Cognito adds to reads.
//!
//! Sources: CreateIdentityProvider, API reference; measured, 2026-08; terraform-provider-aws #4831, #13582,
//! #42157. The addresses of the social providers are those that Cognito shows.

use serde_json::Value;

use crate::certificate;
use crate::json::{Object, object};
use crate::provider::require;
use crate::refusal::ConfigurationRefusal;
use crate::settings::ConfigurationSettings;

const SAML_CERTIFICATE: &str = "ActiveEncryptionCertificate";

/// The keys that Cognito adds for social providers.
fn derived(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "Google" => &[
            ("attributes_url", "https://people.googleapis.com/v1/people/me?personFields="),
            ("attributes_url_add_attributes", "true"),
            ("authorize_url", "https://accounts.google.com/o/oauth2/v2/auth"),
            ("oidc_issuer", "https://accounts.google.com"),
            ("token_request_method", "POST"),
            ("token_url", "https://www.googleapis.com/oauth2/v4/token"),
        ],
        "Facebook" => &[
            ("attributes_url", "https://graph.facebook.com/v17.0/me?fields="),
            ("attributes_url_add_attributes", "true"),
            ("authorize_url", "https://www.facebook.com/v17.0/dialog/oauth"),
            ("token_request_method", "GET"),
            ("token_url", "https://graph.facebook.com/v17.0/oauth/access_token"),
        ],
        "LoginWithAmazon" => &[
            ("attributes_url", "https://api.amazon.com/user/profile"),
            ("attributes_url_add_attributes", "false"),
            ("authorize_url", "https://www.amazon.com/ap/oa"),
            ("token_request_method", "POST"),
            ("token_url", "https://api.amazon.com/auth/o2/token"),
        ],
        "SignInWithApple" => &[
            ("attributes_url_add_attributes", "false"),
            ("authorize_url", "https://appleid.apple.com/auth/authorize"),
            ("oidc_issuer", "https://appleid.apple.com"),
            ("token_request_method", "POST"),
            ("token_url", "https://appleid.apple.com/auth/token"),
        ],
        "OIDC" => &[("attributes_url_add_attributes", "false")],
        _ => &[],
    }
}

/// The endpoints that Cognito discovers for an OIDC provider, and their paths here.
const DISCOVERED: [(&str, &str); 4] = [
    ("authorize_url", "/authorize"),
    ("token_url", "/token"),
    ("attributes_url", "/userinfo"),
    ("jwks_uri", "/.well-known/jwks.json"),
];

/// Checks the details of a request.
pub(crate) fn check(
    kind: &str,
    details: &Object,
    settings: &ConfigurationSettings,
) -> Result<(), ConfigurationRefusal> {
    match kind {
        "SAML" => {
            let is_set =
                |key: &str| details.get(key).and_then(Value::as_str).is_some_and(|value| !value.is_empty());
            if is_set("MetadataURL") == is_set("MetadataFile") {
                return Err(ConfigurationRefusal::invalid("Either MetadataURL or MetadataFile is required"));
            }
            if details.contains_key(SAML_CERTIFICATE) && !settings.accepts_encryption_certificate {
                let message = format!("Invalid ProviderDetails: {SAML_CERTIFICATE} cannot be set");
                return Err(ConfigurationRefusal::invalid(message));
            }
            check_reachable(details.get("MetadataURL"), settings)
        }
        "OIDC" => {
            require(details, &["client_id", "attributes_request_method", "oidc_issuer", "authorize_scopes"])?;
            let is_given = DISCOVERED.iter().all(|(key, _)| details.contains_key(*key));
            if is_given { Ok(()) } else { check_reachable(details.get("oidc_issuer"), settings) }
        }
        "SignInWithApple" => {
            require(details, &["client_id", "team_id", "key_id", "private_key", "authorize_scopes"])
        }
        _ => require(details, &["client_id", "client_secret", "authorize_scopes"]),
    }
}

/// Cognito reads metadata and discovery documents when it stores a provider.
fn check_reachable(
    url: Option<&Value>,
    settings: &ConfigurationSettings,
) -> Result<(), ConfigurationRefusal> {
    let url = url.and_then(Value::as_str).unwrap_or_default();
    if settings.unreachable_urls.iter().any(|unreachable| unreachable == url) {
        return Err(ConfigurationRefusal::invalid(format!("Error retrieving metadata from {url}")));
    }
    Ok(())
}

/// The details as reads show them. Secrets are in plain text, except Apple's key, which is absent.
pub(crate) fn shown(kind: &str, details: &Object, pool: &str) -> Object {
    let mut shown = details.clone();
    let mut put = |key: &str, value: String| {
        shown.entry(key).or_insert_with(|| value.into());
    };
    for (key, value) in derived(kind) {
        put(key, (*value).to_owned());
    }
    let text = |key: &str| details.get(key).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "OIDC" => {
            let issuer = text("oidc_issuer").trim_end_matches('/');
            DISCOVERED.iter().for_each(|(key, path)| put(key, format!("{issuer}{path}")));
        }
        "SAML" => {
            shown.insert(SAML_CERTIFICATE.to_owned(), certificate::made_for("encryption", pool).into());
            let metadata =
                if details.contains_key("MetadataFile") { text("MetadataFile") } else { text("MetadataURL") };
            let sso = binding(metadata, "SingleSignOnService", "/sso");
            shown.insert("SSORedirectBindingURI".to_owned(), sso.into());
            if text("IDPSignout") == "true" {
                let slo = binding(metadata, "SingleLogoutService", "/slo");
                shown.insert("SLORedirectBindingURI".to_owned(), slo.into());
            }
        }
        "SignInWithApple" => {
            shown.remove("private_key");
        }
        _ => {}
    }
    shown
}

/// The address of a service in a metadata document. For a document behind a URL, it is a path on the same
/// host.
fn binding(metadata: &str, service: &str, path: &str) -> String {
    let in_document = metadata.find(service).and_then(|start| metadata[start..].split_once("Location=\""));
    if let Some((_, rest)) = in_document {
        return rest.split('"').next().unwrap_or_default().to_owned();
    }
    let host = metadata.split('/').nth(2).unwrap_or("idp.example.com");
    format!("https://{host}{path}")
}

/// The details that a caller sent, from a read of another Cognito.
pub(crate) fn without_derived(kind: &str, described: &Value) -> Object {
    let mut details = object(described);
    details.retain(|key, value| {
        let is_derived = derived(kind).iter().any(|(name, derived)| name == key && *value == *derived);
        !is_derived
            && ![SAML_CERTIFICATE, "SSORedirectBindingURI", "SLORedirectBindingURI"].contains(&key.as_str())
    });
    details
}

/// Cognito maps the username of a social provider. A SAML provider has no mapping of its own. Source:
/// measured, 2026-08.
pub(crate) fn map_username(kind: &str, mapping: &mut Object, settings: &ConfigurationSettings) {
    let claim = match kind {
        "SAML" => return,
        "OIDC" if !settings.maps_oidc_username => return,
        "Facebook" => "id",
        "LoginWithAmazon" => "user_id",
        _ => "sub",
    };
    mapping.entry("username").or_insert_with(|| claim.into());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Fixture;

    fn create(fixture: &mut Fixture, kind: &str, details: Value) -> Value {
        let name = if ["SAML", "OIDC"].contains(&kind) { "Corp" } else { kind };
        let input = json!({"ProviderName": name, "ProviderType": kind, "ProviderDetails": details});
        fixture.call("CreateIdentityProvider", input)["IdentityProvider"].take()
    }

    fn refused(kind: &str, details: Value) -> String {
        let name = if ["SAML", "OIDC"].contains(&kind) { "Corp" } else { kind };
        let input = json!({"ProviderName": name, "ProviderType": kind, "ProviderDetails": details});
        Fixture::new().refused("CreateIdentityProvider", input).message
    }

    #[test]
    fn reads_of_social_providers_have_derived_keys_the_secret_and_a_mapped_username() {
        for (kind, claim) in [("Google", "sub"), ("Facebook", "id"), ("LoginWithAmazon", "user_id")] {
            let details =
                json!({"client_id": "id", "client_secret": "hidden", "authorize_scopes": "profile"});
            let shown = create(&mut Fixture::new(), kind, details);
            let details = &shown["ProviderDetails"];
            assert_eq!(details["client_secret"], "hidden");
            for key in [
                "attributes_url",
                "attributes_url_add_attributes",
                "authorize_url",
                "token_url",
                "token_request_method",
            ] {
                assert!(details[key].is_string(), "{kind} {key}");
            }
            assert_eq!(shown["AttributeMapping"], json!({"username": claim}));
            assert!(refused(kind, json!({"client_id": "id"})).contains("are all required"));
        }
    }

    #[test]
    fn the_key_of_apple_is_never_read() {
        let details = json!({
            "client_id": "id", "team_id": "t", "key_id": "k", "private_key": "hidden",
            "authorize_scopes": "email",
        });
        let shown = create(&mut Fixture::new(), "SignInWithApple", details);
        assert!(shown["ProviderDetails"]["private_key"].is_null());
        assert_eq!(shown["ProviderDetails"]["oidc_issuer"], "https://appleid.apple.com");
        let without = json!({"client_id": "id", "team_id": "t", "key_id": "k", "authorize_scopes": "email"});
        assert!(refused("SignInWithApple", without).contains("private_key"));
    }

    #[test]
    fn the_endpoints_of_an_oidc_provider_are_discovered_unless_given() {
        let mut details = json!({
            "client_id": "id", "authorize_scopes": "openid", "attributes_request_method": "GET",
            "oidc_issuer": "https://idp.example.com", "token_url": "https://other.example.com/token",
        });
        let mut fixture = Fixture::new();
        let shown = create(&mut fixture, "OIDC", details.clone());
        assert_eq!(shown["ProviderDetails"]["authorize_url"], "https://idp.example.com/authorize");
        assert_eq!(shown["ProviderDetails"]["token_url"], "https://other.example.com/token");
        assert_eq!(shown["AttributeMapping"], json!({"username": "sub"}));
        let mut other = Fixture::new();
        other.settings().maps_oidc_username = false;
        assert_eq!(create(&mut other, "OIDC", details.clone())["AttributeMapping"], json!({}));
        details["oidc_issuer"] = "".into();
        assert!(refused("OIDC", details).contains("oidc_issuer"));
    }

    #[test]
    fn a_saml_provider_has_one_metadata_document_and_a_certificate_of_cognito() {
        let file = "<a><SingleSignOnService Location=\"https://idp.example.com/in\"/>\
                    <SingleLogoutService Location=\"https://idp.example.com/out\"/></a>";
        let mut fixture = Fixture::new();
        let shown = create(&mut fixture, "SAML", json!({"MetadataFile": file, "IDPSignout": "true"}));
        let details = &shown["ProviderDetails"];
        assert_eq!(details["MetadataFile"], file);
        assert_eq!(details["SSORedirectBindingURI"], "https://idp.example.com/in");
        assert_eq!(details["SLORedirectBindingURI"], "https://idp.example.com/out");
        assert!(details[SAML_CERTIFICATE].is_string());
        assert_eq!(shown["AttributeMapping"], json!({}));
        refused("SAML", json!({"MetadataFile": file, "MetadataURL": "https://a"}));
        refused("SAML", json!({}));
        refused("SAML", json!({"MetadataFile": file, "ActiveEncryptionCertificate": "x"}));
    }

    #[test]
    fn a_metadata_document_that_does_not_answer_is_refused() {
        let url = "https://gone.example.com/metadata";
        let mut fixture = Fixture::new();
        fixture.settings().unreachable_urls = vec![url.to_owned()];
        let input =
            json!({"ProviderName": "Corp", "ProviderType": "SAML", "ProviderDetails": {"MetadataURL": url}});
        assert!(fixture.refused("CreateIdentityProvider", input).message.contains(url));
    }
}

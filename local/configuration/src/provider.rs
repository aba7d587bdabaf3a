//! Identity providers.

use serde_json::{Value, json};

use crate::json::{Object, object, text};
use crate::pool::{self, Pool};
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::{Account, GroupToMake, pages, provider_details};

type Checked = Result<(), ConfigurationRefusal>;

#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub name: String,
    pub kind: String,
    /// Seconds since 1970.
    pub created: f64,
    modified: f64,
    /// As the caller sent them, with all secrets.
    details: Object,
    mapping: Object,
    identifiers: Vec<Value>,
    levels: Option<Value>,
}

impl Provider {
    fn shown(&self, pool: &Pool) -> Value {
        let mut shown = json!({
            "UserPoolId": pool.id, "ProviderName": self.name, "ProviderType": self.kind,
            "ProviderDetails": provider_details::shown(&self.kind, &self.details, &pool.id),
            "AttributeMapping": self.mapping, "IdpIdentifiers": self.identifiers,
            "CreationDate": self.created, "LastModifiedDate": self.modified,
        });
        if let Some(levels) = &self.levels {
            shown["AcrMapping"] = levels.clone();
        }
        shown
    }
}

/// The index of a provider.
fn index(pool: &Pool, name: &str) -> Result<usize, ConfigurationRefusal> {
    let index = pool.providers.iter().position(|provider| provider.name == name);
    index.ok_or_else(|| ConfigurationRefusal::not_found(format!("Identity provider {name} does not exist.")))
}

/// CreateIdentityProvider.
pub(crate) fn create(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let (name, kind) = (request.text("ProviderName"), request.text("ProviderType"));
    if pool.providers.iter().any(|provider| provider.name == name) {
        return Err(duplicate(format!("A provider with the name {name} already exists.")));
    }
    // The names of social providers are fixed: CreateIdentityProvider, API reference.
    if !["SAML", "OIDC"].contains(&kind) && name != kind {
        let message = format!("The provider name of the type {kind} must be {kind}");
        return Err(ConfigurationRefusal::invalid(message));
    }
    if pool.providers.len() >= account.settings.max_identity_providers {
        let message = "The maximum number of identity providers of this user pool is reached";
        return Err(ConfigurationRefusal::new("LimitExceededException", message));
    }
    let details = object(&request.input["ProviderDetails"]);
    provider_details::check(kind, &details, &account.settings)?;
    let provider = Provider {
        name: name.to_owned(),
        kind: kind.to_owned(),
        created: request.now,
        modified: request.now,
        details,
        mapping: mapping(pool, kind, &request.input["AttributeMapping"], account)?,
        identifiers: identifiers(pool, name, &request.input["IdpIdentifiers"])?,
        levels: levels(kind, request)?,
    };
    let shown = provider.shown(pool);
    account.groups_to_make.push(GroupToMake { pool: pool.id.clone(), name: format!("{}_{name}", pool.id) });
    pool.providers.push(provider);
    Ok(json!({"IdentityProvider": shown}))
}

/// UpdateIdentityProvider: a member that is sent is replaced as a whole, an omitted one is kept
/// (terraform-provider-aws).
pub(crate) fn update(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request.text("ProviderName"))?;
    let mut provider = pool.providers[index].clone();
    if let Some(details) = request.member("ProviderDetails") {
        provider.details = object(details);
        provider_details::check(&provider.kind, &provider.details, &account.settings)?;
    }
    if let Some(sent) = request.member("AttributeMapping") {
        provider.mapping = mapping(pool, &provider.kind, sent, account)?;
    }
    if let Some(sent) = request.member("IdpIdentifiers") {
        provider.identifiers = identifiers(pool, &provider.name, sent)?;
    }
    if request.member("AcrMapping").is_some() || account.settings.resets_undocumented {
        provider.levels = levels(&provider.kind, request)?;
    }
    provider.modified = request.now;
    let shown = provider.shown(pool);
    pool.providers[index] = provider;
    Ok(json!({"IdentityProvider": shown}))
}

/// DescribeIdentityProvider.
pub(crate) fn describe(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request.text("ProviderName"))?;
    Ok(json!({"IdentityProvider": pool.providers[index].shown(pool)}))
}

/// GetIdentityProviderByIdentifier.
pub(crate) fn by_identifier(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let identifier = &request.input["IdpIdentifier"];
    let found = pool.providers.iter().find(|provider| provider.identifiers.contains(identifier));
    let found = found.ok_or_else(|| ConfigurationRefusal::not_found("Identity provider does not exist."))?;
    Ok(json!({"IdentityProvider": found.shown(pool)}))
}

/// DeleteIdentityProvider.
pub(crate) fn delete(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request.text("ProviderName"))?;
    pool.providers.remove(index);
    Ok(json!({}))
}

/// ListIdentityProviders: 60 a page.
pub(crate) fn list(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let summaries: Vec<Value> = pool
        .providers
        .iter()
        .map(|provider| {
            json!({
                "ProviderName": provider.name, "ProviderType": provider.kind,
                "CreationDate": provider.created,
                "LastModifiedDate": provider.modified,
            })
        })
        .collect();
    let (entries, token) = pages::page(&summaries, request, 60, |_| None)?;
    Ok(pages::answer("Providers", entries, token))
}

/// A provider that another Cognito described. Its read has no `private_key`.
pub(crate) fn adopted(described: &Value, now: f64, account: &Account) -> Provider {
    let kind = text(described, "ProviderType").to_owned();
    let date = |name: &str| described[name].as_f64().unwrap_or(now);
    let mut mapping = object(&described["AttributeMapping"]);
    provider_details::map_username(&kind, &mut mapping, &account.settings);
    Provider {
        name: text(described, "ProviderName").to_owned(),
        details: provider_details::without_derived(&kind, &described["ProviderDetails"]),
        created: date("CreationDate"),
        modified: date("LastModifiedDate"),
        mapping,
        identifiers: described["IdpIdentifiers"].as_array().cloned().unwrap_or_default(),
        levels: described.get("AcrMapping").filter(|levels| levels.is_object()).cloned(),
        kind,
    }
}

/// The attribute mapping that Cognito keeps. Its keys are attributes of the pool that can change at every
/// sign-in.
fn mapping(pool: &Pool, kind: &str, sent: &Value, account: &Account) -> Result<Object, ConfigurationRefusal> {
    let mut mapping = object(sent);
    for attribute in mapping.keys().filter(|attribute| *attribute != "username") {
        if !pool::is_writable(&pool.schema, attribute) {
            let message = format!("Invalid AttributeMapping: {attribute} is no attribute that can change");
            return Err(ConfigurationRefusal::invalid(message));
        }
    }
    provider_details::map_username(kind, &mut mapping, &account.settings);
    Ok(mapping)
}

/// Identifiers are unique in a pool: `IdpIdentifiers`, CreateIdentityProvider, API reference.
fn identifiers(pool: &Pool, name: &str, sent: &Value) -> Result<Vec<Value>, ConfigurationRefusal> {
    let sent = sent.as_array().cloned().unwrap_or_default();
    let mut others = pool.providers.iter().filter(|provider| provider.name != name);
    if others.any(|provider| provider.identifiers.iter().any(|identifier| sent.contains(identifier))) {
        return Err(ConfigurationRefusal::invalid(
            "An identity provider with this identifier already exists",
        ));
    }
    Ok(sent)
}

/// The names of authentication levels. Only OIDC providers have them: `AcrMapping`, CreateIdentityProvider,
/// API reference.
fn levels(kind: &str, request: &Request<'_>) -> Result<Option<Value>, ConfigurationRefusal> {
    match request.member("AcrMapping") {
        Some(_) if kind != "OIDC" => {
            Err(ConfigurationRefusal::invalid("AcrMapping is for OIDC providers only"))
        }
        levels => Ok(levels.cloned()),
    }
}

fn duplicate(message: String) -> ConfigurationRefusal {
    ConfigurationRefusal::new("DuplicateProviderException", message)
}

/// Refuses details that lack required keys.
pub(crate) fn require(details: &Object, keys: &[&str]) -> Checked {
    let missing: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|key| details.get(*key).and_then(Value::as_str).is_none_or(str::is_empty))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    // Source of the text: aws-amplify/amplify-cli #8266.
    let (last, rest) = keys.split_last().unwrap_or((&"", &[]));
    let verb = if rest.is_empty() { "is" } else { "are all" };
    let names = if rest.is_empty() { (*last).to_owned() } else { format!("{} and {last}", rest.join(", ")) };
    Err(ConfigurationRefusal::invalid(format!("{names} {verb} required")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    const CREATE: &str = "CreateIdentityProvider";
    const UPDATE: &str = "UpdateIdentityProvider";

    fn google() -> Value {
        json!({
            "ProviderName": "Google", "ProviderType": "Google",
            "ProviderDetails": {"client_id": "id", "client_secret": "hidden", "authorize_scopes": "openid"},
        })
    }

    fn saml(name: &str) -> Value {
        json!({
            "ProviderName": name, "ProviderType": "SAML",
            "ProviderDetails": {"MetadataURL": "https://idp.example.com/metadata"},
        })
    }

    fn with(mut provider: Value, member: &str, value: Value) -> Value {
        provider[member] = value;
        provider
    }

    #[test]
    fn a_provider_makes_a_group() {
        let mut fixture = Fixture::new();
        fixture.call(CREATE, saml("Corp"));
        let pool = fixture.pool.clone();
        let group = GroupToMake { name: format!("{pool}_Corp"), pool };
        assert_eq!(fixture.configurations.take_groups_to_make(), [group]);
        assert!(fixture.configurations.take_groups_to_make().is_empty());
    }

    #[test]
    fn names_and_identifiers_are_unique_and_social_names_are_fixed() {
        let mut fixture = Fixture::new();
        let first = fixture.call(CREATE, with(saml("Corp"), "IdpIdentifiers", json!(["corp.example"])));
        assert_eq!(first["IdentityProvider"]["IdpIdentifiers"], json!(["corp.example"]));
        assert_eq!(fixture.refused(CREATE, saml("Corp")).code, "DuplicateProviderException");
        fixture.refused(CREATE, with(saml("Other"), "IdpIdentifiers", json!(["corp.example"])));
        fixture.refused(CREATE, with(google(), "ProviderName", "MyGoogle".into()));
        fixture.refused(CREATE, saml("_Corp"));
        let found = fixture.call("GetIdentityProviderByIdentifier", json!({"IdpIdentifier": "corp.example"}));
        assert_eq!(found["IdentityProvider"]["ProviderName"], "Corp");
        fixture.refused("GetIdentityProviderByIdentifier", json!({"IdpIdentifier": "other"}));
    }

    #[test]
    fn an_update_keeps_omitted_members_and_replaces_sent_ones() {
        let mut fixture = Fixture::new();
        fixture.call(CREATE, with(google(), "AttributeMapping", json!({"email": "email"})));
        fixture.now += 1.0;
        let update = |member: &str, value: Value| with(json!({"ProviderName": "Google"}), member, value);
        let shown = fixture.call(UPDATE, update("IdpIdentifiers", json!(["g"])))["IdentityProvider"].take();
        assert_eq!(shown["ProviderDetails"]["client_secret"], "hidden");
        assert_eq!(shown["AttributeMapping"], json!({"email": "email", "username": "sub"}));
        assert_eq!(shown["LastModifiedDate"], 1_001.0);
        let message =
            fixture.refused(UPDATE, update("ProviderDetails", json!({"client_id": "other"}))).message;
        assert_eq!(message, "client_id, client_secret and authorize_scopes are all required");
        let shown =
            fixture.call(UPDATE, update("AttributeMapping", json!({"name": "name"})))["IdentityProvider"]
                .take();
        assert_eq!(shown["AttributeMapping"], json!({"name": "name", "username": "sub"}));
    }

    #[test]
    fn a_mapping_needs_attributes_that_can_change() {
        let mut fixture =
            Fixture::with(json!({"Schema": [{"Name": "x"}, {"Name": "fixed", "Mutable": false}]}));
        let mapped = |attribute: &str| with(saml("Corp"), "AttributeMapping", json!({attribute: "claim"}));
        fixture.refused(CREATE, mapped("custom:y"));
        fixture.refused(CREATE, mapped("custom:fixed"));
        fixture.call(CREATE, mapped("custom:x"));
    }

    #[test]
    fn authentication_levels_are_for_oidc_and_an_omission_follows_the_setting() {
        let mut fixture = Fixture::new();
        fixture.refused(CREATE, with(saml("Corp"), "AcrMapping", json!({"Level1": "low"})));
        let details = json!({
            "client_id": "id", "client_secret": "hidden", "authorize_scopes": "openid",
            "attributes_request_method": "GET",
            "oidc_issuer": "https://idp.example.com",
        });
        let oidc = json!({
            "ProviderName": "Oidc", "ProviderType": "OIDC", "ProviderDetails": details,
            "AcrMapping": {"Level1": "low"},
        });
        fixture.call(CREATE, oidc);
        for (resets, is_kept) in [(false, true), (true, false)] {
            fixture.settings().resets_undocumented = resets;
            let shown = fixture.call(UPDATE, json!({"ProviderName": "Oidc"}))["IdentityProvider"].take();
            assert_eq!(shown["AcrMapping"].is_object(), is_kept);
        }
    }

    #[test]
    fn providers_are_listed_and_deleted() {
        let mut fixture = Fixture::new();
        ["One", "Two"].into_iter().for_each(|name| drop(fixture.call(CREATE, saml(name))));
        let first = fixture.call("ListIdentityProviders", json!({"MaxResults": 1}));
        assert_eq!(first["Providers"][0]["ProviderName"], "One");
        let token = first["NextToken"].clone();
        let second = fixture.call("ListIdentityProviders", json!({"MaxResults": 1, "NextToken": token}));
        assert_eq!(second["Providers"][0]["ProviderType"], "SAML");
        fixture.call("DeleteIdentityProvider", json!({"ProviderName": "One"}));
        assert_eq!(
            fixture.refused("DescribeIdentityProvider", json!({"ProviderName": "One"})).code,
            "ResourceNotFoundException"
        );
    }

    #[test]
    fn a_pool_has_a_limited_number_of_providers() {
        let mut fixture = Fixture::new();
        fixture.settings().max_identity_providers = 0;
        assert_eq!(fixture.refused(CREATE, google()).code, "LimitExceededException");
    }
}

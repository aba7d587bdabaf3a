//! Creating and changing users.

use serde_json::{Value, json};

use super::Shared;
use super::call::{self, Call, Caller};
use super::directory::Directory;
use super::names;
use super::pool::Pool;
use super::refusal::{Halt, Refusal};
use super::schema::Attribute;
use crate::http::Reply;

/// AdminCreateUser.
pub(super) async fn create(shared: &Shared, call: &Call) -> Result<Reply, Halt> {
    let (id, username, caller) = (call.pool()?, call.require("Username")?, call.caller());
    if call.input["ForceAliasCreation"] == true {
        let bug = "BUG: ForceAliasCreation takes an alias away from another user; a backup must never use it";
        return Err(Refusal::invalid(bug).into());
    }
    if call.text("MessageAction") == Some("RESEND") {
        return shared.forward(call).await;
    }
    let attributes = call.attributes();
    let (pool, ()) = shared
        .judge(&caller, id, |pool| {
            check_username(pool, username)?;
            pool.schema.check_new(&attributes, &given(pool, username))?;
            call.text("TemporaryPassword").map_or(Ok(()), |password| pool.policy.check(password))
        })
        .await?;
    check_not_federated(shared, &caller, id, username).await?;
    // The emulator stumbles over creations at once in one pool, and duplicates are looked for before.
    let _turn = shared.turn(id).await;
    if Directory::is_needed(&pool) {
        let directory = Directory::of(&pool, &shared.users(&caller, id).await?);
        if directory.find(&pool, username).is_some() {
            return Err(Refusal::new("UsernameExistsException", "User account already exists").into());
        }
        directory.check_aliases(&pool, &attributes, None)?;
    }
    shared.forward(call).await
}

/// Checks a new username by the way that people sign in to a pool.
pub(super) fn check_username(pool: &Pool, username: &str) -> Result<(), Refusal> {
    names::check(username, "username")?;
    let has = |list: &[String], name: &str| list.iter().any(|attribute| attribute == name);
    let by = |name| has(&pool.sign_in, name);
    let fits = by("email") && names::is_email(username) || by("phone_number") && names::is_phone(username);
    match (by("email"), by("phone_number")) {
        (false, false) => {}
        _ if fits => {}
        (true, false) => return Err(Refusal::invalid("Username should be an email.")),
        (false, true) => return Err(Refusal::invalid("Username should be a phone number.")),
        (true, true) => return Err(Refusal::invalid("Username should be either an email or a phone number.")),
    }
    let like = |alias: &str, form: &str| {
        Refusal::invalid(format!("Username cannot be of {form} format, since user pool is configured for {alias} alias."))
    };
    if has(&pool.aliases, "email") && names::is_email(username) {
        return Err(like("email", "email"));
    }
    if has(&pool.aliases, "phone_number") && names::is_phone(username) {
        return Err(like("phone number", "phone number"));
    }
    Ok(())
}

/// The attributes that a new user has from the username.
pub(super) fn given(pool: &Pool, username: &str) -> Vec<&'static str> {
    match (pool.sign_in.is_empty(), names::is_phone(username)) {
        (true, _) => Vec::new(),
        (false, true) => vec!["phone_number"],
        (false, false) => vec!["email"],
    }
}

/// Real Cognito takes such a name, and the person can never sign in with the provider again.
async fn check_not_federated(shared: &Shared, caller: &Caller, id: &str, username: &str) -> Result<(), Halt> {
    if !username.contains('_') {
        return Ok(());
    }
    let providers = shared.providers(caller, id).await?;
    let is_of = |provider: &String| username.strip_prefix(provider.as_str()).is_some_and(|rest| rest.starts_with('_'));
    match providers.iter().any(is_of) {
        true => {
            let bug = "BUG: a native user under the name of a federated one shuts the person out; a backup must never create one";
            Err(Refusal::invalid(bug).into())
        }
        false => Ok(()),
    }
}

/// AdminUpdateUserAttributes.
pub(super) async fn update(shared: &Shared, call: &Call) -> Result<Reply, Halt> {
    let (id, username, caller) = (call.pool()?, call.require("Username")?, call.caller());
    let attributes = call.attributes();
    let (pool, ()) = shared.judge(&caller, id, |pool| pool.schema.check_change(&attributes)).await?;
    if !(pool.aliases.is_empty() && pool.sign_in.is_empty()) {
        let user = shared.backend.ask(&caller, "AdminGetUser", &json!({"UserPoolId": id, "Username": username})).await?;
        let directory = Directory::of(&pool, &shared.users(&caller, id).await?);
        directory.check_aliases(&pool, &attributes, user["Username"].as_str())?;
    }
    let reply = shared.forward(call).await?;
    if reply.status().is_success() && verifies(&pool, &attributes) {
        shared.counters.sent(id);
    }
    Ok(reply)
}

/// Whether Cognito sends a code to a changed address or number: where the pool verifies it by itself and the change does not
/// say that it is verified.
fn verifies(pool: &Pool, attributes: &[Attribute]) -> bool {
    let value = |name: &str| attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    pool.auto_verified.iter().any(|name| {
        let is_verified = value(&format!("{name}_verified")).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        value(name).is_some_and(|value| !value.is_empty()) && !is_verified
    })
}

/// AdminSetUserPassword.
pub(super) async fn set_password(shared: &Shared, call: &Call) -> Result<Reply, Halt> {
    let (id, password) = (call.pool()?, call.require("Password")?);
    shared.judge(&call.caller(), id, |pool| pool.policy.check(password)).await?;
    shared.forward(call).await
}

/// AdminLinkProviderForUser.
pub(super) async fn link(shared: &Shared, call: &Call) -> Result<Reply, Halt> {
    let (id, caller) = (call.pool()?, call.caller());
    let provider = call.input["SourceUser"]["ProviderName"].as_str().unwrap_or_default();
    if !shared.providers(&caller, id).await?.iter().any(|known| known == provider) {
        return Err(Refusal::new("ResourceNotFoundException", "The identity provider does not exist").into());
    }
    let destination = &call.input["DestinationUser"];
    if destination["ProviderName"] == "Cognito" {
        let input = json!({"UserPoolId": id, "Username": destination["ProviderAttributeValue"]});
        let user = shared.backend.ask(&caller, "AdminGetUser", &input).await?;
        let identities = identities(&user["UserAttributes"]);
        let is_new = !identities.iter().any(|identity| {
            identity["providerName"] == provider && identity["userId"] == call.input["SourceUser"]["ProviderAttributeValue"]
        });
        if is_new && identities.len() >= shared.settings().identities_per_user {
            return Err(Refusal::new("LimitExceededException", "The maximum number of linked identities is reached").into());
        }
    }
    shared.forward(call).await
}

/// What is linked to a user: the JSON text in the attribute `identities`.
fn identities(attributes: &Value) -> Vec<Value> {
    let all = call::attributes(attributes);
    let text = all.iter().find(|(name, _)| name == "identities").map(|(_, value)| value.as_str());
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0b1c2d3e-0000-4000-8000-000000000001";

    #[test]
    fn a_username_is_of_the_kind_that_the_pool_signs_in_by() {
        let takes = |pool: Value, username: &str| check_username(&Pool::of(&pool), username).is_ok();
        let by = |attributes: &[&str]| json!({ "UsernameAttributes": attributes });
        assert!(takes(by(&["email"]), "a@example.com"));
        assert!(!takes(by(&["email"]), "+4930123456") && !takes(by(&["email"]), "anna") && !takes(by(&["email"]), UUID));
        assert!(takes(by(&["phone_number"]), "+4930123456"));
        assert!(!takes(by(&["phone_number"]), "a@example.com") && !takes(by(&["phone_number"]), "030123456"));
        let both = || by(&["email", "phone_number"]);
        assert!(takes(both(), "a@example.com") && takes(both(), "+4930123456") && !takes(both(), UUID));

        let alias = |attributes: &[&str]| json!({ "AliasAttributes": attributes });
        assert!(takes(alias(&["email"]), "anna") && takes(alias(&["email"]), "+4930123456"));
        assert!(!takes(alias(&["email"]), "a@example.com") && !takes(alias(&["phone_number"]), "+4930123456"));
        assert!(takes(json!({}), "a@example.com") && takes(json!({}), UUID) && !takes(json!({}), "a b"));
    }

    #[test]
    fn a_changed_address_is_told_unless_it_is_said_to_be_verified() {
        let pool = Pool::of(&json!({"AutoVerifiedAttributes": ["email"]}));
        let change = |list: &[(&str, &str)]| {
            let list: Vec<Attribute> = list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            verifies(&pool, &list)
        };
        assert!(change(&[("email", "a@x")]) && change(&[("email", "a@x"), ("email_verified", "false")]));
        assert!(!change(&[("email", "a@x"), ("email_verified", "true")]) && !change(&[("phone_number", "+1555")]));
    }
}

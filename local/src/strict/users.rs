//! The operations that create, change and link users.

use serde_json::{Value, json};

use super::call::{self, Call, Caller};
use super::directory::Directory;
use super::names;
use super::pool::Pool;
use super::refusal::{CallError, Refusal};
use super::schema::Attribute;
use super::shared::Shared;
use crate::http::{self, Reply};

/// AdminCreateUser.
pub(super) async fn create(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let (id, username, caller) = (call.pool()?, call.require("Username")?, call.caller());
    if call.input["ForceAliasCreation"] == true {
        let bug =
            "BUG: ForceAliasCreation takes an alias away from another user. A backup must never use it.";
        return Err(Refusal::invalid(bug).into());
    }
    if call.text("MessageAction") == Some("RESEND") {
        return invite_again(shared, call).await;
    }
    let attributes = call.attributes();
    let (pool, ()) = shared
        .check_against_pool(&caller, id, |pool| {
            check_username(pool, username)?;
            pool.schema.check_new(&attributes, &attributes_from_username(pool, username))?;
            call.text("TemporaryPassword").map_or(Ok(()), |password| pool.policy.check(password))
        })
        .await?;
    check_alias_of_unconfirmed(shared, &pool, &attributes, "FORCE_CHANGE_PASSWORD")?;
    check_not_federated(shared, &caller, id, username).await?;
    // The emulator fails on concurrent creations in one pool. The lock also keeps the check for duplicates
    // valid.
    let _lock = shared.lock_creation(id).await;
    if Directory::is_needed(&pool) {
        let directory = Directory::from_users(&pool, &shared.users(&caller, id).await?);
        if directory.find(&pool, username).is_some() {
            return Err(Refusal::new("UsernameExistsException", "User account already exists").into());
        }
        directory.check_aliases(&pool, &attributes, None)?;
    }
    if shared.settings().fails_deliveries && call.text("MessageAction") != Some("SUPPRESS") {
        let mut input = call.input.clone();
        input["MessageAction"] = "SUPPRESS".into();
        shared.emulator.request(&caller, &call.operation, &input).await?;
        return Err(undelivered().into());
    }
    shared.forward(call).await
}

/// The refusal of a call that has taken effect, because its message cannot be delivered.
fn undelivered() -> Refusal {
    Refusal::new("CodeDeliveryFailureException", "The message could not be delivered")
}

/// AdminCreateUser with `MessageAction: RESEND`: only for a user that has not signed in yet.
async fn invite_again(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let (id, username) = (call.pool()?, call.require("Username")?);
    let input = json!({"UserPoolId": id, "Username": username});
    let user = shared.emulator.request(&call.caller(), "AdminGetUser", &input).await?;
    if user["UserStatus"] != "FORCE_CHANGE_PASSWORD" {
        let message = "Resend not possible. User status is not FORCE_CHANGE_PASSWORD";
        return Err(Refusal::new("UnsupportedUserStateException", message).into());
    }
    if shared.settings().fails_deliveries {
        return Err(undelivered().into());
    }
    shared.counters.count_message(id);
    Ok(http::json_reply(200, None, &json!({"User": user})))
}

/// Checks that a new username has the form that the pool's sign-in options demand.
pub(super) fn check_username(pool: &Pool, username: &str) -> Result<(), Refusal> {
    names::check(username, "username")?;
    let has = |list: &[String], name: &str| list.iter().any(|attribute| attribute == name);
    let signs_in_by = |name| has(&pool.sign_in, name);
    let is_valid = signs_in_by("email") && names::is_email(username)
        || signs_in_by("phone_number") && names::is_phone(username);
    match (signs_in_by("email"), signs_in_by("phone_number")) {
        (false, false) => {}
        _ if is_valid => {}
        (true, false) => return Err(Refusal::invalid("Username should be an email.")),
        (false, true) => return Err(Refusal::invalid("Username should be a phone number.")),
        (true, true) => {
            return Err(Refusal::invalid("Username should be either an email or a phone number."));
        }
    }
    let looks_like_alias = |form: &str| {
        Refusal::invalid(format!(
            "Username cannot be of {form} format, since user pool is configured for {form} alias."
        ))
    };
    if has(&pool.aliases, "email") && names::is_email(username) {
        return Err(looks_like_alias("email"));
    }
    if has(&pool.aliases, "phone_number") && names::is_phone(username) {
        return Err(looks_like_alias("phone number"));
    }
    Ok(())
}

/// Refuses a `preferred_username` that is an alias for a user that is not confirmed, if the settings say so.
fn check_alias_of_unconfirmed(
    shared: &Shared,
    pool: &Pool,
    attributes: &[Attribute],
    status: &str,
) -> Result<(), Refusal> {
    let is_alias = pool.aliases.iter().any(|name| name == "preferred_username");
    let has_value = attributes.iter().any(|(name, value)| name == "preferred_username" && !value.is_empty());
    let is_confirmed = !["UNCONFIRMED", "FORCE_CHANGE_PASSWORD"].contains(&status);
    if shared.settings().refuses_unconfirmed_alias && is_alias && has_value && !is_confirmed {
        let message = "Preferred username cannot be provided for unconfirmed account, since user pool is configured for \
                       preferred username alias";
        return Err(Refusal::invalid(message));
    }
    Ok(())
}

/// The attributes that Cognito sets from the username of a new user.
pub(super) fn attributes_from_username(pool: &Pool, username: &str) -> Vec<&'static str> {
    match (pool.sign_in.is_empty(), names::is_phone(username)) {
        (true, _) => Vec::new(),
        (false, true) => vec!["phone_number"],
        (false, false) => vec!["email"],
    }
}

/// Refuses a username that has the form of a federated user's, such as `Google_123`. The real Cognito accepts
/// such a name, but then the federated user can never sign in again.
async fn check_not_federated(
    shared: &Shared,
    caller: &Caller,
    id: &str,
    username: &str,
) -> Result<(), CallError> {
    if !username.contains('_') {
        return Ok(());
    }
    let providers = shared.providers(caller, id).await?;
    let is_federated = |provider: &String| {
        username.strip_prefix(provider.as_str()).is_some_and(|rest| rest.starts_with('_'))
    };
    if providers.iter().any(is_federated) {
        let bug = "BUG: a native user with the name of a federated user locks that user out. \
                   A backup must never create one.";
        return Err(Refusal::invalid(bug).into());
    }
    Ok(())
}

/// AdminUpdateUserAttributes.
pub(super) async fn update(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let (id, username, caller) = (call.pool()?, call.require("Username")?, call.caller());
    let attributes = call.attributes();
    let (pool, ()) =
        shared.check_against_pool(&caller, id, |pool| pool.schema.check_change(&attributes)).await?;
    if !(pool.aliases.is_empty() && pool.sign_in.is_empty()) {
        let user = shared
            .emulator
            .request(&caller, "AdminGetUser", &json!({"UserPoolId": id, "Username": username}))
            .await?;
        check_alias_of_unconfirmed(
            shared,
            &pool,
            &attributes,
            user["UserStatus"].as_str().unwrap_or_default(),
        )?;
        let directory = Directory::from_users(&pool, &shared.users(&caller, id).await?);
        directory.check_aliases(&pool, &attributes, user["Username"].as_str())?;
    }
    let reply = shared.forward(call).await?;
    if sends_code(&pool, &attributes) {
        shared.counters.count_message(id);
    }
    Ok(reply)
}

/// The same call with the username in the spelling of its creation, if the pool ignores case and has such a user. The
/// emulator finds usernames only letter by letter.
pub(super) async fn with_stored_name(shared: &Shared, call: &Call) -> Result<Option<Call>, CallError> {
    let (Some(id), Some(username)) = (call.text("UserPoolId"), call.text("Username")) else {
        return Ok(None);
    };
    let pool = shared.describe(&call.caller(), id).await?;
    if pool.case_sensitive {
        return Ok(None);
    }
    let directory = Directory::from_users(&pool, &shared.users(&call.caller(), id).await?);
    let stored = directory.find(&pool, username).filter(|stored| *stored != username);
    Ok(stored.map(|stored| call.with_username(stored)))
}

/// AdminGetUser.
pub(super) async fn get(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let reply = shared.forwarded(call).await?;
    let mut user: Value = serde_json::from_slice(reply.body()).unwrap_or_default();
    shared.overlay.apply(call.pool()?, &mut user, "UserAttributes");
    Ok(http::json_reply(200, None, &user))
}

/// AdminDeleteUserAttributes, which the emulator lacks: it empties the attributes, and the overlay hides them.
pub(super) async fn delete_attributes(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let (id, caller) = (call.pool()?, call.caller());
    let stored = stored_name(shared, call).await?;
    let names: Vec<_> =
        call.input["UserAttributeNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let empty: Vec<_> = names.iter().map(|name| json!({"Name": name, "Value": ""})).collect();
    let input = json!({"UserPoolId": id, "Username": stored, "UserAttributes": empty});
    shared.emulator.request(&caller, "AdminUpdateUserAttributes", &input).await?;
    shared.overlay.delete_attributes(id, &stored, names.into_iter().map(str::to_owned));
    Ok(http::json_reply(200, None, &json!({})))
}

/// AdminSetUserMFAPreference. The emulator knows no codes by e-mail.
pub(super) async fn set_factors(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let stored = stored_name(shared, call).await?;
    let reply = shared.forward(call).await?;
    shared.overlay.set_factors(call.pool()?, &stored, &call.input);
    Ok(reply)
}

/// The username of the user that a call is about, in the spelling of its creation.
async fn stored_name(shared: &Shared, call: &Call) -> Result<String, CallError> {
    let input = json!({"UserPoolId": call.pool()?, "Username": call.require("Username")?});
    let user = shared.emulator.request(&call.caller(), "AdminGetUser", &input).await?;
    Ok(user["Username"].as_str().unwrap_or_default().to_owned())
}

/// Whether Cognito sends a code to a changed e-mail address or phone number: if the pool verifies the
/// attribute automatically and the change does not set it to verified.
fn sends_code(pool: &Pool, attributes: &[Attribute]) -> bool {
    let value = |name: &str| attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    pool.auto_verified.iter().any(|name| {
        let is_verified =
            value(&format!("{name}_verified")).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        value(name).is_some_and(|value| !value.is_empty()) && !is_verified
    })
}

/// AdminSetUserPassword.
pub(super) async fn set_password(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let (id, password) = (call.pool()?, call.require("Password")?);
    shared.check_against_pool(&call.caller(), id, |pool| pool.policy.check(password)).await?;
    shared.forward(call).await
}

/// AdminLinkProviderForUser.
pub(super) async fn link(shared: &Shared, call: &Call) -> Result<Reply, CallError> {
    let (id, caller) = (call.pool()?, call.caller());
    let provider = call.input["SourceUser"]["ProviderName"].as_str().unwrap_or_default();
    if !shared.providers(&caller, id).await?.iter().any(|known| known == provider) {
        return Err(Refusal::new("ResourceNotFoundException", "The identity provider does not exist").into());
    }
    let destination = &call.input["DestinationUser"];
    if destination["ProviderName"] == "Cognito" {
        let input = json!({"UserPoolId": id, "Username": destination["ProviderAttributeValue"]});
        let user = shared.emulator.request(&caller, "AdminGetUser", &input).await?;
        // "DestinationUser.ProviderAttributeValue must be the name of the user in the user pool"
        // (API reference): no alias.
        if user["Username"] != destination["ProviderAttributeValue"] {
            return Err(Refusal::new("UserNotFoundException", "User does not exist.").into());
        }
        let identities = identities(&user["UserAttributes"]);
        let user_id = &call.input["SourceUser"]["ProviderAttributeValue"];
        let is_new = !identities
            .iter()
            .any(|identity| identity["providerName"] == provider && identity["userId"] == *user_id);
        if is_new && identities.len() >= shared.settings().max_identities_per_user {
            let message = "The maximum number of linked identities is reached";
            return Err(Refusal::new("LimitExceededException", message).into());
        }
    }
    shared.forward(call).await
}

/// The identities that are linked to a user. Cognito returns them as JSON text in the attribute `identities`.
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
    fn a_username_must_have_the_form_of_the_pools_sign_in_option() {
        let accepts = |pool: Value, username: &str| check_username(&Pool::from_api(&pool), username).is_ok();
        let by = |attributes: &[&str]| json!({ "UsernameAttributes": attributes });
        assert!(accepts(by(&["email"]), "a@example.com"));
        assert!(
            !accepts(by(&["email"]), "+4930123456")
                && !accepts(by(&["email"]), "anna")
                && !accepts(by(&["email"]), UUID)
        );
        assert!(accepts(by(&["phone_number"]), "+4930123456"));
        assert!(
            !accepts(by(&["phone_number"]), "a@example.com") && !accepts(by(&["phone_number"]), "030123456")
        );
        let both = || by(&["email", "phone_number"]);
        assert!(accepts(both(), "a@example.com") && accepts(both(), "+4930123456") && !accepts(both(), UUID));

        let alias = |attributes: &[&str]| json!({ "AliasAttributes": attributes });
        assert!(accepts(alias(&["email"]), "anna") && accepts(alias(&["email"]), "+4930123456"));
        assert!(
            !accepts(alias(&["email"]), "a@example.com") && !accepts(alias(&["phone_number"]), "+4930123456")
        );
        assert!(
            accepts(json!({}), "a@example.com") && accepts(json!({}), UUID) && !accepts(json!({}), "a b")
        );
    }

    #[test]
    fn a_changed_address_gets_a_code_unless_the_change_sets_it_to_verified() {
        let pool = Pool::from_api(&json!({"AutoVerifiedAttributes": ["email"]}));
        let gets_code = |list: &[(&str, &str)]| {
            let list: Vec<Attribute> =
                list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            sends_code(&pool, &list)
        };
        assert!(
            gets_code(&[("email", "a@x")]) && gets_code(&[("email", "a@x"), ("email_verified", "false")])
        );
        assert!(!gets_code(&[("email", "a@x"), ("email_verified", "true")]));
        assert!(!gets_code(&[("phone_number", "+1555")]));
    }
}

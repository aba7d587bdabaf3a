//! Goal: a repair restores the missing users of a pool and, if asked, updates the changed users. It changes
//! nothing else.
//!
//! Method: take a snapshot of a pool, delete and change users in it, then import with `"existing": "skip"`
//! and with `"existing": "update"`. After each step, compare every user with the expected state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, AuthFlowType, ExplicitAuthFlowsType, MessageActionType,
};
use local::comparison::{self, Contents, User};
use local::population::{self, FillProgress, SignIn};
use local::recorder::{Action, Call};
use serde_json::{Value, json};
use tests::{World, error_message, import_input};

/// A little longer than a second. If a user was created in the second in which an import begins, the import
/// may take the user for one that it created.
const SECOND: Duration = Duration::from_millis(1_100);
const USERS: usize = 90;
const PASSWORD: &str = "My very own 1 password!";

/// The damage to a pool, by username.
struct Damage {
    deleted: Vec<String>,
    /// One of the deleted users. This user has signed up again with the same name.
    signed_up_again: String,
    /// Users with a wrong name and without their memberships.
    overwritten: Vec<String>,
    disabled: Vec<String>,
    /// A user with another e-mail address.
    with_new_email: String,
    /// Memberships that were removed from users without other damage.
    removed_memberships: Vec<(String, String)>,
    /// A user with a password of the user's own choice.
    with_password: String,
}

impl Damage {
    /// Chooses users of all kinds and damages the pool.
    async fn cause(client: &Client, pool: &str, before: &Contents, sign_in: SignIn) -> Result<Self> {
        let has = |user: &User, name: &str| user.attributes.get(name).is_some_and(|value| !value.is_empty());
        // Only users with a name: the emulator has no AdminDeleteUserAttributes, so a restore could not
        // remove one.
        let is_named = |user: &User| user.enabled && has(user, "name");
        let overwritten: Vec<String> = before
            .users
            .iter()
            .filter(|(_, user)| is_named(user))
            .map(|(name, _)| name.clone())
            .take(6)
            .collect();
        let is_free =
            |name: &String, user: &User| user.enabled && has(user, "email") && !overwritten.contains(name);
        let mut free =
            before.users.iter().filter(|(name, user)| is_free(name, user)).map(|(name, _)| name.clone());
        let mut choose = |number: usize| free.by_ref().take(number).collect::<Vec<_>>();
        let (deleted, disabled) = (choose(12), choose(3));
        let [with_new_email, with_password] = &choose(2)[..] else {
            anyhow::bail!("the pool has too few users")
        };
        let others = choose(20);
        let removed_memberships: Vec<_> =
            before.memberships.iter().filter(|(_, name)| others.contains(name)).take(4).cloned().collect();
        anyhow::ensure!(removed_memberships.len() == 4, "the pool has too few memberships");
        let damage = Self {
            signed_up_again: deleted[0].clone(),
            with_new_email: with_new_email.clone(),
            with_password: with_password.clone(),
            deleted,
            overwritten,
            disabled,
            removed_memberships,
        };
        damage.apply(client, pool, before, sign_in).await?;
        Ok(damage)
    }

    async fn apply(&self, client: &Client, pool: &str, before: &Contents, sign_in: SignIn) -> Result<()> {
        for name in &self.deleted {
            client.admin_delete_user().user_pool_id(pool).username(name).send().await?;
        }
        let original = &before.users[&self.signed_up_again].attributes;
        let email = &original["email"];
        let username = if sign_in == SignIn::Username { &self.signed_up_again } else { email };
        let request = client.admin_create_user().user_pool_id(pool).username(username);
        // The application sets the immutable attribute at sign-up.
        let request = request.user_attributes(attribute("custom:tenant", &original["custom:tenant"])?);
        let request = request.user_attributes(attribute("email", email)?).temporary_password(PASSWORD);
        request.message_action(MessageActionType::Suppress).send().await?;
        for name in &self.overwritten {
            let request = client.admin_update_user_attributes().user_pool_id(pool).username(name);
            request.user_attributes(attribute("name", "nonsense")?).send().await?;
        }
        for name in &self.disabled {
            client.admin_disable_user().user_pool_id(pool).username(name).send().await?;
        }
        let request = client.admin_update_user_attributes().user_pool_id(pool).username(&self.with_new_email);
        let request = request.user_attributes(attribute("email", "renamed@example.com")?);
        request.user_attributes(attribute("email_verified", "true")?).send().await?;
        let of_overwritten = before.memberships.iter().filter(|(_, name)| self.overwritten.contains(name));
        for (group, name) in of_overwritten.chain(&self.removed_memberships) {
            client
                .admin_remove_user_from_group()
                .user_pool_id(pool)
                .username(name)
                .group_name(group)
                .send()
                .await?;
        }
        let request = client.admin_set_user_password().user_pool_id(pool).username(&self.with_password);
        request.password(PASSWORD).permanent(true).send().await?;
        let request = client.admin_create_user().user_pool_id(pool).username("newcomer@example.com");
        request.temporary_password(PASSWORD).message_action(MessageActionType::Suppress).send().await?;
        Ok(())
    }

    /// The number of existing users that differ from the snapshot.
    fn different(&self) -> usize {
        // The other 2 are the user with a new e-mail address, and the user that signed up again without all
        // attributes.
        self.overwritten.len() + self.disabled.len() + 2
    }
}

fn attribute(name: &str, value: &str) -> Result<AttributeType> {
    Ok(AttributeType::builder().name(name).value(value).build()?)
}

fn with(mut input: Value, options: Value) -> Value {
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

/// From now on, records the usernames for which a function sets a password.
fn record_passwords(world: &World) -> Arc<Mutex<BTreeSet<String>>> {
    let names = Arc::new(Mutex::new(BTreeSet::new()));
    let recorded = Arc::clone(&names);
    world.stack.recorder.inject(move |call: &Call| {
        if call.operation == "AdminSetUserPassword" {
            let input: Value = serde_json::from_slice(&call.body).unwrap_or_default();
            let username = input["Username"].as_str().unwrap_or_default().to_owned();
            recorded.lock().unwrap_or_else(PoisonError::into_inner).insert(username);
        }
        Action::Forward
    });
    names
}

/// Whether a user can sign in with [`PASSWORD`].
async fn can_sign_in(client: &Client, pool: &str, app: &str, username: &str) -> Result<bool> {
    let request = client.admin_initiate_auth().user_pool_id(pool).client_id(app);
    let request = request.auth_flow(AuthFlowType::AdminUserPasswordAuth);
    let request = request.auth_parameters("USERNAME", username).auth_parameters("PASSWORD", PASSWORD);
    Ok(request.send().await.is_ok_and(|answer| answer.authentication_result.is_some()))
}

/// The content by which users are compared: the enabled flag and all attributes except the `sub`, empty
/// attributes, and verified flags that are not true.
fn content(user: &User) -> (BTreeMap<&str, &str>, bool) {
    let is_content = |(name, value): &(&str, &str)| {
        !value.is_empty()
            && *name != "sub"
            && (!name.ends_with("_verified") || value.eq_ignore_ascii_case("true"))
    };
    let attributes = user.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    (attributes.filter(is_content).collect(), user.enabled)
}

/// Finds a user of the snapshot in the pool, by username or else by e-mail address.
fn find<'a>(contents: &'a Contents, name: &str, original: &User) -> Option<(&'a String, &'a User)> {
    let email = original.attributes.get("email");
    let by_email = || contents.users.iter().find(|(_, user)| user.attributes.get("email") == email);
    contents.users.get_key_value(name).or_else(by_email)
}

async fn assert_repaired(sign_in: SignIn) -> Result<()> {
    let world = World::new().await?;
    let client = world.stack.cognito();
    let pool = population::create_pool_for(&client, "source", sign_in).await?;
    let population = population::generate(USERS, 11).with_sign_in(sign_in);
    population.fill(&client, &pool, &FillProgress::default()).await?;
    let snapshot = world.take_snapshot(&pool).await?["snapshotId"].clone();
    let before = comparison::read(&client, &pool).await?;
    let damage = Damage::cause(&client, &pool, &before, sign_in).await?;
    let damaged = comparison::read(&client, &pool).await?;
    let app = client.create_user_pool_client().user_pool_id(&pool).client_name("app");
    let app = app.explicit_auth_flows(ExplicitAuthFlowsType::AllowAdminUserPasswordAuth).send().await?;
    let app = app.user_pool_client.and_then(|app| app.client_id).context("the app client has no id")?;
    assert!(can_sign_in(&client, &pool, &app, &damage.with_password).await?);
    tokio::time::sleep(SECOND).await;

    let input =
        |options: Value| with(import_input(&pool, &pool), with(json!({"snapshot": snapshot}), options));
    assert!(
        error_message(&world.import(&input(json!({}))).await?, "TargetIsSource")?
            .contains(r#"set "existing" to "skip""#)
    );
    let plan = world.import(&input(json!({"existing": "skip", "dryRun": true}))).await?.success()?;
    let (created, different) = (damage.deleted.len() - 1, damage.different());
    let existing = json!({"same": USERS - created - different, "kept": different, "updated": 0});
    assert_eq!((&plan["creatable"], &plan["there"]), (&json!(created), &existing), "{sign_in:?}: {plan}");
    assert!(comparison::read(&client, &pool).await? == damaged, "a plan changes nothing");

    let passwords = record_passwords(&world);
    world.stack.recorder.clear();
    let skipped = world.import(&input(json!({"existing": "skip"}))).await?.success()?;
    assert_eq!(
        (skipped["status"].as_str(), &skipped["users"]["created"]),
        (Some("SUCCEEDED"), &json!(created)),
        "{skipped}"
    );
    assert_eq!(skipped["users"]["reasons"], json!({"alreadyInTarget": different}), "{sign_in:?}: {skipped}");
    let verified = &skipped["verification"];
    assert_eq!(
        (&verified["different"], &verified["missing"]),
        (&json!(0), &json!(0)),
        "{sign_in:?}: {skipped}"
    );
    let after_skip = comparison::read(&client, &pool).await?;
    for (name, user) in &damaged.users {
        assert!(after_skip.users.get(name) == Some(user), "{sign_in:?}: user {} was changed", user.sub());
    }
    for name in damage.deleted.iter().filter(|name| **name != damage.signed_up_again) {
        let original = &before.users[name];
        let restored = find(&after_skip, name, original);
        let (_, user) = restored.with_context(|| format!("user {} is missing", original.sub()))?;
        assert_ne!(user.sub(), original.sub());
        assert_eq!((content(user), user.status.as_str()), (content(original), "CONFIRMED"), "{sign_in:?}");
    }
    assert_eq!(after_skip.users.len(), damaged.users.len() + created);
    let missing: usize =
        before.memberships.iter().filter(|(_, name)| damage.deleted[1..].contains(name)).count();
    let traffic = world.stack.recorder.traffic().cognito();
    let membership_calls = missing + damage.removed_memberships.len() + before.memberships.len() / 60;
    let max_calls = 3 * created + membership_calls + 3 * before.groups.len() + 2 * USERS.div_ceil(60) + 20;
    assert!(
        traffic.total() <= max_calls,
        "{sign_in:?}: {} of {max_calls}, {:?}",
        traffic.total(),
        traffic.counts()
    );
    assert_eq!(
        world.stack.strict.active_users(&pool),
        created,
        "{sign_in:?}: only created users count as active"
    );

    tokio::time::sleep(SECOND).await;
    let updated = world.import(&input(json!({"existing": "update"}))).await?.success()?;
    assert_eq!(
        (updated["status"].as_str(), &updated["users"]["created"], &updated["users"]["updated"]),
        (Some("SUCCEEDED"), &json!(0), &json!(different)),
        "{sign_in:?}: {updated}"
    );
    let after = comparison::read(&client, &pool).await?;
    for (name, original) in &before.users {
        let found = find(&after, name, original);
        let (new_name, user) = found.with_context(|| format!("user {} is missing", original.sub()))?;
        assert_eq!(content(user), content(original), "{sign_in:?}");
        let is_same_user = new_name == name && user.sub() == original.sub();
        assert_eq!(is_same_user, !damage.deleted.contains(name), "{sign_in:?}");
        for (group, _) in before.memberships.iter().filter(|(_, member)| member == name) {
            let is_member = after.memberships.contains(&(group.clone(), new_name.clone()));
            assert!(is_member, "{sign_in:?}: user {} is not in group {group}", original.sub());
        }
    }
    assert_eq!(after.users.len(), USERS + 1, "the new user stays");
    assert!(
        can_sign_in(&client, &pool, &app, &damage.with_password).await?,
        "{sign_in:?}: a password was changed"
    );
    let passwords = passwords.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(passwords.len(), created);
    let keeps_password = |name: &String| !passwords.contains(name);
    assert!(damaged.users.keys().all(keeps_password), "{sign_in:?}: an existing user got a new password");
    assert_eq!(world.stack.strict.messages(&pool), 0, "{sign_in:?}");

    // The next export and its restore work as before.
    world.stack.recorder.forward_all();
    world.take_snapshot(&pool).await?;
    let target = population::create_pool_for(&client, "target", sign_in).await?;
    let elsewhere = world.restore(&pool, &target).await?.success()?;
    assert_eq!(elsewhere["verification"]["same"], USERS + 1, "{sign_in:?}: {elsewhere}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_of_a_pool_with_sign_in_by_username_restores_and_updates_users() -> Result<()> {
    assert_repaired(SignIn::Username).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_of_a_pool_with_sign_in_by_email_restores_and_updates_users() -> Result<()> {
    assert_repaired(SignIn::Email).await
}

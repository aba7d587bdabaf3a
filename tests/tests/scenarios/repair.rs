//! A pool that lost users, and whose others a script has written nonsense into, is repaired from its own snapshot: first those who are
//! missing, then the others. Compared user by user with what each is expected to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{AttributeType, AuthFlowType, ExplicitAuthFlowsType, MessageActionType};
use local::comparison::{self, Contents, User};
use local::population::{self, FillProgress, SignIn};
use local::recorder::{Action, Call};
use serde_json::{Value, json};
use tests::{World, import_input, refusal};

/// As long as a second lasts, and a little more: whoever was created in the very second in which an import begins may be taken for its own.
const SECOND: Duration = Duration::from_millis(1_100);
const PEOPLE: usize = 90;
const OWN_PASSWORD: &str = "My very own 1 password!";

/// Who came to harm, by username.
struct Harm {
    deleted: Vec<String>,
    /// Of the deleted, who signed up again by the same name.
    again: String,
    nonsense: Vec<String>,
    disabled: Vec<String>,
    renamed: String,
    /// Memberships that were taken from people who are otherwise as they were.
    left: Vec<(String, String)>,
    /// Who has chosen a password.
    with_password: String,
}

impl Harm {
    /// Chooses people of all sorts, and does it to them.
    async fn done_to(client: &Client, pool: &str, before: &Contents, sign_in: SignIn) -> Result<Self> {
        let has = |user: &User, name: &str| user.attributes.get(name).is_some_and(|value| !value.is_empty());
        // Whose nonsense can be replaced: the emulator has no AdminDeleteUserAttributes.
        let is_named = |user: &User| user.enabled && has(user, "name");
        let nonsense: Vec<String> =
            before.users.iter().filter(|(_, user)| is_named(user)).map(|(name, _)| name.clone()).take(6).collect();
        let is_plain = |name: &String, user: &User| user.enabled && has(user, "email") && !nonsense.contains(name);
        let mut plain = before.users.iter().filter(|(name, user)| is_plain(name, user)).map(|(name, _)| name.clone());
        let mut some = |number: usize| plain.by_ref().take(number).collect::<Vec<_>>();
        let (deleted, disabled) = (some(12), some(3));
        let [renamed, with_password] = &some(2)[..] else { anyhow::bail!("too few people") };
        let others = some(20);
        let left: Vec<_> = before.memberships.iter().filter(|(_, name)| others.contains(name)).take(4).cloned().collect();
        anyhow::ensure!(left.len() == 4, "too few members");
        let harm = Self {
            again: deleted[0].clone(),
            renamed: renamed.clone(),
            with_password: with_password.clone(),
            deleted,
            nonsense,
            disabled,
            left,
        };
        harm.happens(client, pool, before, sign_in).await?;
        Ok(harm)
    }

    async fn happens(&self, client: &Client, pool: &str, before: &Contents, sign_in: SignIn) -> Result<()> {
        for name in &self.deleted {
            client.admin_delete_user().user_pool_id(pool).username(name).send().await?;
        }
        let was = &before.users[&self.again].attributes;
        let email = &was["email"];
        let by = if sign_in == SignIn::Username { &self.again } else { email };
        let request = client.admin_create_user().user_pool_id(pool).username(by).message_action(MessageActionType::Suppress);
        // What cannot be changed later is set by whatever signs people up.
        let request = request.user_attributes(attribute("custom:tenant", &was["custom:tenant"])?);
        request.temporary_password(OWN_PASSWORD).user_attributes(attribute("email", email)?).send().await?;
        for name in &self.nonsense {
            let request = client.admin_update_user_attributes().user_pool_id(pool).username(name);
            request.user_attributes(attribute("name", "nonsense")?).send().await?;
            for (group, _) in before.memberships.iter().filter(|(_, member)| member == name) {
                client.admin_remove_user_from_group().user_pool_id(pool).username(name).group_name(group).send().await?;
            }
        }
        for name in &self.disabled {
            client.admin_disable_user().user_pool_id(pool).username(name).send().await?;
        }
        let request = client.admin_update_user_attributes().user_pool_id(pool).username(&self.renamed);
        let request = request.user_attributes(attribute("email", "renamed@example.com")?);
        request.user_attributes(attribute("email_verified", "true")?).send().await?;
        for (group, name) in &self.left {
            client.admin_remove_user_from_group().user_pool_id(pool).username(name).group_name(group).send().await?;
        }
        let request = client.admin_set_user_password().user_pool_id(pool).username(&self.with_password);
        request.password(OWN_PASSWORD).permanent(true).send().await?;
        let request = client.admin_create_user().user_pool_id(pool).username("newcomer@example.com");
        request.temporary_password(OWN_PASSWORD).message_action(MessageActionType::Suppress).send().await?;
        Ok(())
    }

    /// Who is there, and not as in the snapshot.
    fn different(&self) -> usize {
        // Whoever signed up again lacks attributes.
        self.nonsense.len() + self.disabled.len() + 2
    }
}

fn attribute(name: &str, value: &str) -> Result<AttributeType> {
    Ok(AttributeType::builder().name(name).value(value).build()?)
}

fn with(mut input: Value, options: Value) -> Value {
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

/// Who is given a password from now on.
fn listen_for_passwords(world: &World) -> Arc<Mutex<BTreeSet<String>>> {
    let names = Arc::new(Mutex::new(BTreeSet::new()));
    let heard = Arc::clone(&names);
    world.stack.recorder.inject(move |call: &Call| {
        if call.operation == "AdminSetUserPassword" {
            let input: Value = serde_json::from_slice(&call.body).unwrap_or_default();
            heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(input["Username"].as_str().unwrap_or_default().to_owned());
        }
        Action::Forward
    });
    names
}

/// Whether a user can sign in with a password.
async fn signs_in(client: &Client, pool: &str, app: &str, username: &str) -> Result<bool> {
    let request = client.admin_initiate_auth().user_pool_id(pool).client_id(app).auth_flow(AuthFlowType::AdminUserPasswordAuth);
    let request = request.auth_parameters("USERNAME", username).auth_parameters("PASSWORD", OWN_PASSWORD);
    Ok(request.send().await.is_ok_and(|answer| answer.authentication_result.is_some()))
}

/// What a user is compared by: everything but the `sub` and a verified flag that is not true.
fn content(user: &User) -> (BTreeMap<&str, &str>, bool) {
    let says_something = |(name, value): &(&str, &str)| {
        !value.is_empty() && *name != "sub" && (!name.ends_with("_verified") || value.eq_ignore_ascii_case("true"))
    };
    let attributes = user.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    (attributes.filter(says_something).collect(), user.enabled)
}

/// The user of a snapshot as it is in the pool now: itself, or who has its address.
fn now<'a>(contents: &'a Contents, name: &str, was: &User) -> Option<(&'a String, &'a User)> {
    let keyed_by_address = || contents.users.iter().find(|(_, user)| user.attributes.get("email") == was.attributes.get("email"));
    contents.users.get_key_value(name).or_else(keyed_by_address)
}

async fn repaired(sign_in: SignIn) -> Result<()> {
    let world = World::new().await?;
    let client = world.stack.cognito();
    let pool = population::create_pool_for(&client, "source", sign_in).await?;
    let everybody = population::generate(PEOPLE, 11).with_sign_in(sign_in);
    everybody.fill(&client, &pool, &FillProgress::default()).await?;
    let snapshot = world.snapshot(&pool).await?["snapshotId"].clone();
    let before = comparison::read(&client, &pool).await?;
    let harm = Harm::done_to(&client, &pool, &before, sign_in).await?;
    let harmed = comparison::read(&client, &pool).await?;
    let app = client.create_user_pool_client().user_pool_id(&pool).client_name("app");
    let app = app.explicit_auth_flows(ExplicitAuthFlowsType::AllowAdminUserPasswordAuth).send().await?;
    let app = app.user_pool_client.and_then(|app| app.client_id).context("a client without id")?;
    assert!(signs_in(&client, &pool, &app, &harm.with_password).await?);
    tokio::time::sleep(SECOND).await;

    let input = |options: Value| with(import_input(&pool, &pool), with(json!({"snapshot": snapshot}), options));
    assert!(refusal(&world.import(&input(json!({}))).await?, "TargetIsSource")?.contains("--existing skip"));
    let plan = world.import(&input(json!({"existing": "skip", "dryRun": true}))).await?.success()?;
    let (created, different) = (harm.deleted.len() - 1, harm.different());
    let there = json!({"same": PEOPLE - created - different, "kept": different, "updated": 0});
    assert_eq!((&plan["creatable"], &plan["there"]), (&json!(created), &there), "{sign_in:?}: {plan}");
    assert!(comparison::read(&client, &pool).await? == harmed, "a plan touches nothing");

    let passwords = listen_for_passwords(&world);
    world.stack.recorder.clear();
    let skipped = world.import(&input(json!({"existing": "skip"}))).await?.success()?;
    assert_eq!((skipped["status"].as_str(), &skipped["users"]["created"]), (Some("SUCCEEDED"), &json!(created)), "{skipped}");
    assert_eq!(skipped["users"]["reasons"], json!({"alreadyInTarget": different}), "{sign_in:?}: {skipped}");
    let verified = &skipped["verification"];
    assert_eq!((&verified["different"], &verified["missing"]), (&json!(0), &json!(0)), "{sign_in:?}: {skipped}");
    let after_skip = comparison::read(&client, &pool).await?;
    for (name, was) in &harmed.users {
        assert!(after_skip.users.get(name) == Some(was), "{sign_in:?}: {} was changed", was.sub());
    }
    for name in harm.deleted.iter().filter(|name| **name != harm.again) {
        let was = &before.users[name];
        let (_, user) = now(&after_skip, name, was).with_context(|| format!("{} is missing", was.sub()))?;
        assert_ne!(user.sub(), was.sub());
        assert_eq!((content(user), user.status.as_str()), (content(was), "CONFIRMED"), "{sign_in:?}");
    }
    assert_eq!(after_skip.users.len(), harmed.users.len() + created);
    let missing: usize = before.memberships.iter().filter(|(_, name)| harm.deleted[1..].contains(name)).count();
    let traffic = world.stack.recorder.traffic().cognito();
    let groups = before.groups.len();
    let most =
        3 * created + missing + harm.left.len() + 3 * groups + before.memberships.len() / 60 + 2 * PEOPLE.div_ceil(60) + 20;
    assert!(traffic.total() <= most, "{sign_in:?}: {} calls of {most}, {:?}", traffic.total(), traffic.counts());
    assert_eq!(world.stack.strict.active_users(&pool), created, "{sign_in:?}: nobody else counts as active");

    tokio::time::sleep(SECOND).await;
    let updated = world.import(&input(json!({"existing": "update"}))).await?.success()?;
    assert_eq!(
        (updated["status"].as_str(), &updated["users"]["created"], &updated["users"]["updated"]),
        (Some("SUCCEEDED"), &json!(0), &json!(different)),
        "{sign_in:?}: {updated}"
    );
    let after = comparison::read(&client, &pool).await?;
    for (name, was) in &before.users {
        let (new_name, user) = now(&after, name, was).with_context(|| format!("{} is missing", was.sub()))?;
        assert_eq!(content(user), content(was), "{sign_in:?}");
        assert_eq!(new_name == name && user.sub() == was.sub(), !harm.deleted.contains(name), "{sign_in:?}");
        for (group, _) in before.memberships.iter().filter(|(_, member)| member == name) {
            assert!(after.memberships.contains(&(group.clone(), new_name.clone())), "{sign_in:?}: {} {group}", was.sub());
        }
    }
    assert_eq!(after.users.len(), PEOPLE + 1, "the newcomer stays");
    assert!(signs_in(&client, &pool, &app, &harm.with_password).await?, "{sign_in:?}: a password was changed");
    let passwords = passwords.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(passwords.len(), created);
    assert!(
        harmed.users.keys().all(|name| !passwords.contains(name)),
        "{sign_in:?}: somebody who was there has another password"
    );
    assert_eq!(world.stack.strict.messages(&pool), 0, "{sign_in:?}");

    // Exports go on as ever, and what they take is restored as ever.
    world.stack.recorder.forward_all();
    world.snapshot(&pool).await?;
    let target = population::create_pool_for(&client, "target", sign_in).await?;
    let elsewhere = world.restore(&pool, &target).await?.success()?;
    assert_eq!(elsewhere["verification"]["same"], PEOPLE + 1, "{sign_in:?}: {elsewhere}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_signs_in_by_username_is_repaired() -> Result<()> {
    repaired(SignIn::Username).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_signs_in_by_email_is_repaired() -> Result<()> {
    repaired(SignIn::Email).await
}

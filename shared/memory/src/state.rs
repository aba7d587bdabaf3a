//! The content of a pool, and Cognito's rules for changing it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::fingerprint::{Fingerprint, in_any_order, of_user};
use super::job::Jobs;
use super::listing::{OverlookedByOne, PageShape, SplitListingBehaviour};
use shared::model::{
    Category, DigestBuilder, GroupName, GroupRecord, Identity, PoolDescription, PoolId, Sub, User,
    UserRecord, UserStatus, Username,
};
use shared::ports::pool::{LogoError, NewUser, PoolErrorKind};

/// Limits of Cognito. Source: "Quotas in Amazon Cognito", developer guide.
const MAX_GROUPS: usize = 10_000;
const MAX_GROUPS_PER_USER: usize = 100;
const MAX_IDENTITIES_PER_USER: usize = 5;
const MAX_NAME_CHARACTERS: usize = 128;
const MAX_VALUE_CHARACTERS: usize = 2_048;

const BAD_PASSWORD: Refusal = (PoolErrorKind::Refused, "InvalidPasswordException");

/// Why a call was refused: the kind of error, and Cognito's code.
pub type Refusal = (PoolErrorKind, &'static str);

/// A position in the listing of users.
pub type Place = u128;

/// The content of a pool.
#[derive(Debug)]
pub struct State {
    id: PoolId,
    pub description: PoolDescription,
    pub deleted: bool,
    pub shape: PageShape,
    pub split_listing: SplitListingBehaviour,
    pub overlooked_by_one: Option<OverlookedByOne>,
    /// The error of look-ups with an exact filter.
    pub look_ups_fail: Option<PoolErrorKind>,
    /// Why no logo can be fetched.
    pub logo_failure: Option<LogoError>,
    /// Cognito's estimate of the users. None if it is right.
    pub estimate: Option<u64>,
    /// Answers of listing calls so far.
    pub answers: usize,
    pub held: HeldAnswers,
    /// Messages to end users so far.
    pub messages: u64,
    users: HashMap<Sub, Stored>,
    names: HashMap<String, Sub>,
    aliases: HashMap<(&'static str, String), Sub>,
    /// Users in the order of the listing, repeated entries included.
    pub order: BTreeMap<Place, Sub>,
    echoes: Vec<Place>,
    pub groups: BTreeMap<GroupName, Group>,
    pub providers: BTreeSet<String>,
    /// The answer to the creation of the user of this name.
    pub refused_creation: Option<(Username, Refusal)>,
    /// The message of every refusal.
    pub says: String,
    /// Whether Cognito fails to send messages.
    pub fails_deliveries: bool,
    /// Whether `preferred_username` is refused for users that are not confirmed, if it is an alias. AWS
    /// documents the rule for sign-ups: "Customizing sign-in attributes", Amazon Cognito developer guide.
    pub refuses_unconfirmed_alias: bool,
    /// Roles that nothing can pass to the pool: IAM denies it, or they belong to another account.
    pub denied_roles: BTreeSet<String>,
    /// Quotas that differ from Cognito's defaults.
    pub quotas: BTreeMap<Category, u32>,
    pub jobs: Jobs,
    serial: u64,
    /// None if the pool may have changed since it was computed.
    pub known_fingerprint: Option<u64>,
}

/// The bytes of users in answers to listing calls that have not arrived yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeldAnswers {
    pub now: usize,
    /// The most at once.
    pub most: usize,
    /// The largest answer.
    pub largest: usize,
}

#[derive(Debug)]
struct Stored {
    record: UserRecord,
    place: Place,
    memberships: usize,
}

#[derive(Debug)]
pub struct Group {
    pub record: GroupRecord,
    pub members: BTreeSet<Sub>,
}

impl State {
    pub fn new(id: PoolId, description: PoolDescription) -> Self {
        Self {
            id,
            description,
            deleted: false,
            shape: PageShape::default(),
            split_listing: SplitListingBehaviour::default(),
            overlooked_by_one: None,
            look_ups_fail: None,
            logo_failure: None,
            estimate: None,
            answers: 0,
            held: HeldAnswers::default(),
            messages: 0,
            users: HashMap::new(),
            names: HashMap::new(),
            aliases: HashMap::new(),
            order: BTreeMap::new(),
            echoes: Vec::new(),
            groups: BTreeMap::new(),
            providers: BTreeSet::new(),
            refused_creation: None,
            says: String::new(),
            fails_deliveries: false,
            refuses_unconfirmed_alias: false,
            denied_roles: BTreeSet::new(),
            quotas: BTreeMap::new(),
            jobs: Jobs::default(),
            serial: 0,
            known_fingerprint: None,
        }
    }

    /// A fingerprint of all that a call can read or change. What tests set before a search begins is not part of it.
    pub(super) fn fingerprint(&self) -> u64 {
        let users = self.users.iter().map(|(sub, Stored { record, place, memberships })| {
            Fingerprint::of(&(sub.as_str(), of_user(record), place, memberships))
        });
        let names = self.names.iter().map(|(name, sub)| Fingerprint::of(&(name, sub.as_str())));
        let aliases = self.aliases.iter().map(|(alias, sub)| Fingerprint::of(&(alias, sub.as_str())));
        let page = self.answers % self.shape.sizes.len().max(1);
        Fingerprint::default()
            .and(&(in_any_order(users), in_any_order(names), in_any_order(aliases), self.serial, page))
            .and(&(self.deleted, self.messages, &self.echoes))
            .shown(&(&self.order, &self.groups, &self.jobs, &self.overlooked_by_one))
            .shown(&(self.description.attributes.len(), &self.description.mfa, self.description.tag))
            .finish()
    }

    pub fn id(&self) -> &PoolId {
        &self.id
    }

    pub fn user_count(&self) -> usize {
        self.users.len()
    }

    pub fn user(&self, sub: &Sub) -> Option<User> {
        self.users.get(sub).map(|stored| User { sub: sub.clone(), record: stored.record.clone() })
    }

    /// All users, each once, in the order of the listing.
    pub fn users(&self) -> Vec<User> {
        let mut users: Vec<_> = self.users.iter().collect();
        users.sort_unstable_by_key(|(_, stored)| stored.place);
        users
            .into_iter()
            .map(|(sub, stored)| User { sub: sub.clone(), record: stored.record.clone() })
            .collect()
    }

    /// The user with that username or alias.
    pub fn find(&self, username: &Username) -> Option<&Sub> {
        let alias =
            || ALIASES.iter().find_map(|name| self.aliases.get(&(*name, self.fold(username.as_str()))));
        self.names.get(&self.name_key(username)).or_else(alias)
    }

    /// The user with that username.
    pub fn find_by_username(&self, username: &Username) -> Option<&Sub> {
        self.names.get(&self.name_key(username))
    }

    fn name_key(&self, username: &Username) -> String {
        self.fold(username.as_str())
    }

    /// The text by which Cognito compares a name.
    fn fold(&self, name: &str) -> String {
        if self.description.case_sensitive { name.to_owned() } else { name.to_lowercase() }
    }

    fn next_bytes(&mut self, what: &str) -> [u8; 16] {
        self.serial += 1;
        DigestBuilder::new(what).text(self.id.as_str()).number(self.serial).finish().into_bytes()
    }

    /// Adds a user under a new `sub`. If the name is taken, returns the `sub` of the existing user.
    pub fn insert(&mut self, mut record: UserRecord, now: Timestamp) -> Sub {
        if let Some(existing) = self.names.get(&self.name_key(&record.username)) {
            return existing.clone();
        }
        let bytes = self.next_bytes("sub");
        let sub = Sub::from_uuid_bytes(bytes);
        // A federated user has the name of the identity in every pool.
        if !self.description.username_attributes.is_empty() && !record.is_federated() {
            record.username = Username::new(sub.as_str());
        }
        record.created.get_or_insert(now);
        record.modified.get_or_insert(now);
        let place = Place::from_be_bytes(bytes);
        self.names.insert(self.name_key(&record.username), sub.clone());
        for alias in self.aliases_of(&record) {
            self.aliases.insert(alias, sub.clone());
        }
        self.order.insert(place, sub.clone());
        self.users.insert(sub.clone(), Stored { record, place, memberships: 0 });
        sub
    }

    /// Changes a user. The username stays.
    pub fn update(&mut self, sub: &Sub, now: Timestamp, change: impl FnOnce(&mut UserRecord)) {
        let Some(mut record) = self.users.get(sub).map(|stored| stored.record.clone()) else { return };
        let (name, before) = (record.username.clone(), self.aliases_of(&record));
        change(&mut record);
        record.username = name;
        record.modified = Some(now);
        before.iter().for_each(|alias| drop(self.aliases.remove(alias)));
        self.aliases.extend(self.aliases_of(&record).into_iter().map(|alias| (alias, sub.clone())));
        if let Some(stored) = self.users.get_mut(sub) {
            stored.record = record;
        }
        if self.shape.echo {
            let echo = Place::from_be_bytes(self.next_bytes("echo"));
            self.order.insert(echo, sub.clone());
            self.echoes.push(echo);
        }
    }

    pub fn remove(&mut self, sub: &Sub) {
        let Some(stored) = self.users.remove(sub) else { return };
        self.names.remove(&self.name_key(&stored.record.username));
        self.aliases_of(&stored.record).iter().for_each(|alias| drop(self.aliases.remove(alias)));
        self.order.remove(&stored.place);
        if stored.memberships > 0 {
            for group in self.groups.values_mut() {
                group.members.remove(sub);
            }
        }
    }

    /// Removes the repeated entries of the previous listing.
    pub fn forget_echoes(&mut self) {
        for echo in std::mem::take(&mut self.echoes) {
            self.order.remove(&echo);
        }
    }

    /// AdminCreateUser: makes Cognito's checks, and creates the user in FORCE_CHANGE_PASSWORD.
    pub fn create(&mut self, user: &NewUser, now: Timestamp) -> Result<User, Refusal> {
        let invalid = Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"));
        if let Some((_, refusal)) = self.refused_creation.as_ref().filter(|(name, _)| *name == user.username)
        {
            return Err(*refusal);
        }
        let mut attributes = user.attributes.clone();
        let (by_email, by_phone) =
            (looks_like_email(user.username.as_str()), looks_like_phone(user.username.as_str()));
        let has = |names: &[String], name: &str| names.iter().any(|listed| listed == name);
        let sign_in_by = &self.description.username_attributes;
        if !is_name(user.username.as_str()) {
            return invalid;
        } else if has(sign_in_by, "email") && by_email {
            attributes.insert("email".to_owned(), user.username.as_str().to_owned());
        } else if has(sign_in_by, "phone_number") && by_phone {
            attributes.insert("phone_number".to_owned(), user.username.as_str().to_owned());
        } else if !sign_in_by.is_empty() {
            return invalid;
        }
        let serve_as_names = &self.description.alias_attributes;
        if (has(serve_as_names, "email") && by_email) || (has(serve_as_names, "phone_number") && by_phone) {
            return invalid;
        }
        if self.refuses_alias_of(&UserStatus::ForceChangePassword, &attributes) {
            return invalid;
        }
        let declared = &self.description.attributes;
        let settable = |name: &String| name != "sub" && declared.contains_key(name);
        let required = |name: &str| name != "sub" && declared.get(name).is_some_and(|schema| schema.required);
        let lacks = |name: &String| required(name) && attributes.get(name).is_none_or(String::is_empty);
        if !attributes.keys().all(settable)
            || !attributes.iter().all(|value| self.accepts(value))
            || declared.keys().any(lacks)
        {
            return invalid;
        }
        if self.names.contains_key(&self.name_key(&user.username)) {
            return Err((PoolErrorKind::AlreadyExists, "UsernameExistsException"));
        }
        if !self.description.password_policy.accepts(user.temporary_password.reveal()) {
            return Err(BAD_PASSWORD);
        }
        let record = UserRecord {
            username: user.username.clone(),
            attributes,
            enabled: true,
            status: UserStatus::ForceChangePassword,
            mfa_options: Vec::new(),
            mfa: None,
            created: None,
            modified: None,
        };
        if self.aliases_of(&record).iter().any(|alias| self.aliases.contains_key(alias)) {
            return Err(if self.description.username_attributes.is_empty() {
                (PoolErrorKind::AliasTaken, "AliasExistsException")
            } else {
                (PoolErrorKind::AlreadyExists, "UsernameExistsException")
            });
        }
        let sub = self.insert(record.clone(), now);
        Ok(self.user(&sub).unwrap_or(User { sub, record }))
    }

    /// Sends a message to a user. The call has taken effect, even if that fails.
    /// Source: `CodeDeliveryFailureException`, AdminCreateUser, Amazon Cognito user pools API reference.
    pub fn send_message(&mut self) -> Result<(), Refusal> {
        if self.fails_deliveries {
            return Err((PoolErrorKind::Undelivered, "CodeDeliveryFailureException"));
        }
        self.messages += 1;
        Ok(())
    }

    /// AdminCreateUser with `MessageAction: RESEND`: only for a user that has not signed in yet.
    pub fn invite_again(&mut self, sub: &Sub, password: &str) -> Result<(), Refusal> {
        if self.users.get(sub).is_none_or(|user| user.record.status != UserStatus::ForceChangePassword) {
            return Err((PoolErrorKind::Refused, "UnsupportedUserStateException"));
        }
        if !self.description.password_policy.accepts(password) {
            return Err(BAD_PASSWORD);
        }
        self.send_message()
    }

    /// Whether the pool refuses these attributes because the user is not confirmed.
    fn refuses_alias_of(&self, status: &UserStatus, attributes: &BTreeMap<String, String>) -> bool {
        let is_alias = self.description.alias_attributes.iter().any(|name| name == "preferred_username");
        let is_confirmed = !matches!(status, UserStatus::Unconfirmed | UserStatus::ForceChangePassword);
        let has_value = attributes.get("preferred_username").is_some_and(|value| !value.is_empty());
        self.refuses_unconfirmed_alias && is_alias && has_value && !is_confirmed
    }

    /// Whether a declared attribute accepts a value. An empty value deletes the attribute.
    fn accepts(&self, (name, value): (&String, &String)) -> bool {
        let schema = self.description.attributes.get(name);
        value.is_empty()
            || value.chars().count() <= MAX_VALUE_CHARACTERS
                && has_form_of(name, value)
                && schema.is_some_and(|schema| schema.accepts(value))
    }

    /// AdminLinkProviderForUser: the provider must exist, and no user may have the identity.
    pub fn link(&mut self, sub: &Sub, identity: &Identity, now: Timestamp) -> Result<(), Refusal> {
        let linked = |record: &UserRecord| record.identities().unwrap_or_default();
        let taken = self.users.values().any(|stored| linked(&stored.record).contains(identity));
        let identities = self.users.get(sub).map(|stored| linked(&stored.record)).unwrap_or_default();
        if !self.providers.contains(&identity.provider_name)
            || taken
            || identities.len() >= MAX_IDENTITIES_PER_USER
        {
            return Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"));
        }
        let all = serde_json::to_string(&[identities, vec![identity.clone()]].concat());
        self.update(sub, now, |record| {
            drop(record.attributes.insert("identities".to_owned(), all.unwrap_or_default()))
        });
        Ok(())
    }

    /// AdminUpdateUserAttributes: makes Cognito's checks. If a changed address is one that the pool
    /// verifies and is not set to verified, Cognito sends a code.
    pub fn set_attributes(
        &mut self,
        sub: &Sub,
        new: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let settable = |name: &String| {
            name != "sub" && self.description.attributes.get(name).is_some_and(|schema| schema.mutable)
        };
        if !new.keys().all(settable) || !new.iter().all(|value| self.accepts(value)) {
            return Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"));
        }
        if self.users.get(sub).is_some_and(|stored| self.refuses_alias_of(&stored.record.status, new)) {
            return Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"));
        }
        let verified =
            |name: &String| new.get(&format!("{name}_verified")).is_some_and(|value| value == "true");
        let codes = self
            .description
            .auto_verified_attributes
            .iter()
            .filter(|name| new.contains_key(*name) && !verified(name));
        self.messages += codes.count() as u64;
        let Some(mut record) = self.users.get(sub).map(|stored| stored.record.clone()) else { return Ok(()) };
        record.attributes.extend(new.clone());
        if self
            .aliases_of(&record)
            .iter()
            .any(|alias| self.aliases.get(alias).is_some_and(|holder| holder != sub))
        {
            return Err((PoolErrorKind::AliasTaken, "AliasExistsException"));
        }
        self.update(sub, now, |stored| stored.attributes = record.attributes);
        Ok(())
    }

    /// Whether the role of a group can be passed. IAM decides before Cognito looks at the group.
    /// Source: "Granting a user permissions to pass a role to an AWS service", IAM user guide.
    pub fn check_role(&self, group: &GroupRecord) -> Result<(), Refusal> {
        if group.role_arn.as_ref().is_some_and(|role| self.denied_roles.contains(role)) {
            return Err((PoolErrorKind::AccessDenied, "AccessDeniedException"));
        }
        Ok(())
    }

    /// UpdateGroup: a precedence or a role that the call leaves out stays. The adapter always sends a description.
    pub fn update_group(&mut self, group: &GroupRecord, now: Timestamp) -> Result<(), Refusal> {
        self.check_role(group)?;
        let stored =
            self.groups.get_mut(&group.name).ok_or((PoolErrorKind::NotFound, "ResourceNotFoundException"))?;
        let before = stored.record.clone();
        stored.record = GroupRecord {
            name: before.name,
            description: group.description.clone(),
            precedence: group.precedence.or(before.precedence),
            role_arn: group.role_arn.clone().or(before.role_arn),
            created: before.created,
            modified: Some(now),
        };
        Ok(())
    }

    /// CreateGroup.
    pub fn create_group(&mut self, group: &GroupRecord, now: Timestamp) -> Result<(), Refusal> {
        if !is_name(group.name.as_str()) {
            return Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"));
        }
        if self.groups.contains_key(&group.name) {
            return Err((PoolErrorKind::AlreadyExists, "GroupExistsException"));
        }
        if self.groups.len() >= MAX_GROUPS {
            return Err((PoolErrorKind::Refused, "LimitExceededException"));
        }
        let record = GroupRecord { created: Some(now), modified: Some(now), ..group.clone() };
        self.groups.insert(group.name.clone(), Group { record, members: BTreeSet::new() });
        Ok(())
    }

    pub fn remove_group(&mut self, name: &GroupName) {
        for sub in self.groups.remove(name).into_iter().flat_map(|group| group.members) {
            if let Some(stored) = self.users.get_mut(&sub) {
                stored.memberships -= 1;
            }
        }
    }

    /// AdminAddUserToGroup: adding a member again changes nothing.
    pub fn join(&mut self, sub: &Sub, name: &GroupName) -> Result<(), Refusal> {
        let group =
            self.groups.get_mut(name).ok_or((PoolErrorKind::NotFound, "ResourceNotFoundException"))?;
        let user = self.users.get_mut(sub).ok_or((PoolErrorKind::UserNotFound, "UserNotFoundException"))?;
        if group.members.contains(sub) {
            return Ok(());
        }
        if user.memberships >= MAX_GROUPS_PER_USER {
            return Err((PoolErrorKind::Refused, "LimitExceededException"));
        }
        user.memberships += 1;
        group.members.insert(sub.clone());
        Ok(())
    }

    /// AdminRemoveUserFromGroup.
    pub fn leave(&mut self, sub: &Sub, name: &GroupName) {
        if self.groups.get_mut(name).is_some_and(|group| group.members.remove(sub))
            && let Some(user) = self.users.get_mut(sub)
        {
            user.memberships -= 1;
        }
    }

    /// AdminSetUserPassword, permanent: checks the policy and confirms the user.
    pub fn set_password(&mut self, sub: &Sub, password: &str, now: Timestamp) -> Result<(), Refusal> {
        if !self.description.password_policy.accepts(password) {
            return Err(BAD_PASSWORD);
        }
        self.update(sub, now, |record| record.status = UserStatus::Confirmed);
        Ok(())
    }

    /// The aliases of a user: the other names under which the user signs in. No two users may share one.
    ///
    /// In pools that sign in by an address, these are the addresses. In pools with aliases, these are the
    /// verified addresses and the preferred username. A federated user has none.
    fn aliases_of(&self, record: &UserRecord) -> Vec<(&'static str, String)> {
        if record.is_federated() {
            return Vec::new();
        }
        let among = |names: &[String], name: &str| names.iter().any(|listed| listed == name);
        let verified = |name: &str| match name {
            "preferred_username" => true,
            name => record.attributes.get(&format!("{name}_verified")).is_some_and(|value| value == "true"),
        };
        let serves = |name: &&str| {
            among(&self.description.username_attributes, name)
                || (among(&self.description.alias_attributes, name) && verified(name))
        };
        let filled = |name| {
            record
                .attributes
                .get(name)
                .filter(|value| !value.is_empty())
                .map(|value| (name, self.fold(value)))
        };
        ALIASES.into_iter().filter(serves).filter_map(filled).collect()
    }
}

const ALIASES: [&str; 3] = ["email", "phone_number", "preferred_username"];

/// Whether Cognito accepts the text as the name of a user or group: `[\p{L}\p{M}\p{S}\p{N}\p{P}]+`, 1 to
/// 128 characters. Of the characters outside the pattern, this refuses white space, control characters
/// and the common format characters.
fn is_name(text: &str) -> bool {
    let is_format = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let is_accepted = |c: char| !(c.is_whitespace() || c.is_control() || is_format(c));
    (1..=MAX_NAME_CHARACTERS).contains(&text.chars().count()) && text.chars().all(is_accepted)
}

/// Whether Cognito accepts the form of a value. AWS does not document which control characters it
/// refuses `[?]`.
fn has_form_of(attribute: &str, value: &str) -> bool {
    match attribute {
        "email" => looks_like_email(value),
        "phone_number" => looks_like_phone(value),
        _ => value.chars().all(|c| !c.is_ascii_control() || c == '\t' || c == '\n' || c == '\r'),
    }
}

fn looks_like_email(text: &str) -> bool {
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    let (name, domain) = text.split_once('@').unwrap_or_default();
    !name.is_empty() && !domain.is_empty() && !domain.contains('@') && !text.contains(is_blank)
}

fn looks_like_phone(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

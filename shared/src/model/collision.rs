//! Collisions: users of a snapshot that the target cannot tell apart. The target compares names that the
//! source does not compare, or ignores their case.

use serde::{Deserialize, Serialize};

use super::{
    Digest, DigestBuilder, PREFERRED_USERNAME, Place, PoolDescription, Reason, Sub, TargetPool,
    TargetSettings, UserRecord, Username,
};

/// A kind of name that only one user of a pool can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UniqueName {
    Username,
    Email,
    PhoneNumber,
    PreferredUsername,
}

impl UniqueName {
    const OF_ATTRIBUTES: [Self; 3] = [Self::Email, Self::PhoneNumber, Self::PreferredUsername];

    /// The name of the attribute. Empty for the username.
    fn attribute(self) -> &'static str {
        match self {
            Self::Username => "",
            Self::Email => "email",
            Self::PhoneNumber => "phone_number",
            Self::PreferredUsername => PREFERRED_USERNAME,
        }
    }

    /// The kinds of names that differ among users of the source, and may be equal in the target. Two
    /// spellings of a name become one if only the target ignores case. An address becomes a name if only
    /// users of the target sign in with it, or if the restore `makes_natives` of federated users: their
    /// addresses are no names in the source.
    pub fn that_may_collide(
        source: &PoolDescription,
        target: &PoolDescription,
        makes_natives: bool,
    ) -> Vec<Self> {
        let has = |names: &[String], kind: Self| names.iter().any(|name| name == kind.attribute());
        let is_unique = |pool: &PoolDescription, kind: Self| {
            has(&pool.alias_attributes, kind) || has(&pool.username_attributes, kind)
        };
        let loses_case = source.case_sensitive && !target.case_sensitive;
        let usernames = (loses_case && target.username_attributes.is_empty()).then_some(Self::Username);
        let of_attributes = Self::OF_ATTRIBUTES.into_iter().filter(|&kind| {
            let has_case = kind != Self::PhoneNumber;
            is_unique(target, kind) && (makes_natives || !is_unique(source, kind) || (loses_case && has_case))
        });
        usernames.into_iter().chain(of_attributes).collect()
    }
}

/// What a target allows for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NameRule {
    /// A username has one spelling. If native users have it in several, none of them gets it.
    OneSpelling,
    /// A name has one user: a native one before a federated one, then the first in the snapshot.
    OneUser,
}

/// A name that a user would have in the target, under one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameInTarget {
    pub rule: NameRule,
    /// Stands for the rule, the kind of the name, and the name as the target compares it.
    pub key: Digest,
    /// Stands for the name as it is spelled.
    pub spelling: Digest,
    /// Whether the restore creates the user under this name.
    pub is_sign_in_name: bool,
    /// Whether the user is federated, so that the restore makes a native user of it.
    pub is_federated: bool,
}

impl NameRule {
    /// The rules that names of these kinds have in a target, in the order in which the search applies them:
    /// a user without a username claims no other name.
    pub fn of_kinds(kinds: &[UniqueName], settings: &TargetSettings) -> Vec<Self> {
        let are_sign_in_names = !settings.username_attributes.is_empty();
        let has_usernames = are_sign_in_names || kinds.contains(&UniqueName::Username);
        let has_attributes = kinds.iter().any(|kind| *kind != UniqueName::Username);
        let rules = [has_usernames.then_some(Self::OneSpelling), has_attributes.then_some(Self::OneUser)];
        rules.into_iter().flatten().collect()
    }
}

impl NameInTarget {
    /// The names of these kinds that a user would have, if the restore creates it as `username`. Only a
    /// verified address is a name, unless the user is created under it.
    pub fn of_user(
        record: &UserRecord,
        username: &Username,
        kinds: &[UniqueName],
        settings: &TargetSettings,
    ) -> Vec<Self> {
        let signs_in_by_username = settings.username_attributes.is_empty();
        let is_federated = record.is_federated();
        let names = |&kind: &UniqueName| {
            let (text, is_sign_in_name) = match kind {
                UniqueName::Username if signs_in_by_username => (username.as_str(), true),
                UniqueName::Username => return None,
                kind => {
                    let value = record.attributes.get(kind.attribute()).filter(|value| !value.is_empty())?;
                    (value.as_str(), !signs_in_by_username && value == username.as_str())
                }
            };
            let is_name = match kind {
                UniqueName::Email | UniqueName::PhoneNumber => {
                    is_sign_in_name || record.has_verified(kind.attribute())
                }
                UniqueName::Username | UniqueName::PreferredUsername => true,
            };
            let compared = if settings.case_sensitive { text.to_owned() } else { text.to_lowercase() };
            let name = move |rule| {
                let domain = match rule {
                    NameRule::OneSpelling => "username",
                    NameRule::OneUser => "unique name",
                };
                let key = DigestBuilder::new(domain).text(kind.attribute()).text(&compared).finish();
                let spelling = DigestBuilder::new("spelling").text(text).finish();
                Self { rule, key, spelling, is_sign_in_name, is_federated }
            };
            let has_one_spelling = is_sign_in_name && !is_federated;
            let has_one_user = kind != UniqueName::Username;
            let rules = [
                has_one_spelling.then_some(NameRule::OneSpelling),
                has_one_user.then_some(NameRule::OneUser),
            ];
            is_name.then(|| rules.into_iter().flatten().map(name))
        };
        kinds.iter().filter_map(names).flatten().collect()
    }

    /// The first bytes of the key. Names with equal hashes may be equal.
    pub fn hash(&self) -> u64 {
        let bytes = self.key.into_bytes();
        bytes.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }
}

/// The user that gets a name, and whether others have the name, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NameClaim {
    pub rule: NameRule,
    pub sub: Sub,
    pub place: Place,
    pub spelling: Digest,
    pub is_sign_in_name: bool,
    #[serde(default)]
    pub is_federated: bool,
    /// Whether the target takes the users of the name for one.
    #[serde(default)]
    pub collides: bool,
}

impl NameClaim {
    pub fn new(sub: Sub, place: Place, name: NameInTarget) -> Self {
        let NameInTarget { rule, spelling, is_sign_in_name, is_federated, .. } = name;
        Self { rule, sub, place, spelling, is_sign_in_name, is_federated, collides: false }
    }

    /// Adds a claim of the same name. A second claim of the same user changes nothing.
    pub fn add(&mut self, other: &Self) {
        if self.sub == other.sub {
            return;
        }
        let collides = match self.rule {
            NameRule::OneSpelling => self.spelling != other.spelling,
            NameRule::OneUser => true,
        };
        self.collides |= collides;
        if (other.is_federated, other.place) < (self.is_federated, self.place) {
            *self = Self { collides: self.collides, ..other.clone() };
        }
    }

    /// Why a user that has the name cannot be restored with it.
    fn refuses(&self, sub: &Sub, name: NameInTarget) -> Option<Collision> {
        match self.rule {
            _ if !self.collides => None,
            NameRule::OneSpelling => Some(Collision::Username),
            NameRule::OneUser if self.sub == *sub => None,
            NameRule::OneUser if self.is_sign_in_name && name.is_sign_in_name => Some(Collision::SignInName),
            NameRule::OneUser => Some(Collision::Alias),
        }
    }
}

/// Why a user is not restored: another user of the snapshot has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Collision {
    /// The usernames differ by case, and the target ignores it. All these users are left out.
    Username,
    /// Another user is created under the same address.
    SignInName,
    /// Another user gets the alias.
    Alias,
}

impl Collision {
    pub fn reason(self) -> Reason {
        match self {
            Self::Username => Reason::UsernameCollides,
            Self::SignInName | Self::Alias => Reason::AliasTaken,
        }
    }

    /// Whether the user is left out if the target `has` a user for it. A user that was found by its sign-in
    /// name is the one that the other user of the snapshot is.
    pub fn leaves_out(self, has: bool, pool: TargetPool) -> bool {
        match self {
            Self::Username => true,
            Self::SignInName => !has || !pool.has_snapshot_subs(),
            Self::Alias => !has,
        }
    }
}

/// Why a user with these names is not restored. `claim` finds the claim of a name.
pub fn collision_of<'a>(
    sub: &Sub,
    names: &[NameInTarget],
    claim: impl Fn(&Digest) -> Option<&'a NameClaim>,
) -> Option<Collision> {
    names.iter().filter_map(|name| claim(&name.key)?.refuses(sub, *name)).min()
}

/// How far the search for collisions is. It applies one rule after the other, and takes the names in slices. For
/// each slice it reads all pages of users once, and once more if hashes are equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollisionCheckpoint {
    /// Raised at every checkpoint, so only one of two invocations continues from each.
    pub step: u64,
    pub stage: CollisionStage,
    /// The rules that are left. The first is under work.
    pub rules: Vec<NameRule>,
    /// The slice under work, from 0. The slices of all rules are counted together.
    pub slice: u64,
    /// The slices of each rule.
    pub slices: u64,
    /// The next page, from 1.
    pub next_page: u64,
    /// Stands for the hashes that several names of the slice have. None in the first stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubts: Option<Digest>,
    /// Whether any usernames have several spellings.
    #[serde(default)]
    pub usernames_collide: bool,
    /// Whether any names collide.
    pub found: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CollisionStage {
    /// Collects the hashes of the names.
    Hashes,
    /// Compares the names whose hashes are equal.
    Names,
    Done,
}

impl CollisionCheckpoint {
    pub fn new(rules: Vec<NameRule>, slices: u64) -> Self {
        let stage = if rules.is_empty() { CollisionStage::Done } else { CollisionStage::Hashes };
        Self {
            step: 0,
            stage,
            rules,
            slice: 0,
            slices: slices.max(1),
            next_page: 1,
            doubts: None,
            usernames_collide: false,
            found: false,
        }
    }

    /// The rule under work.
    pub fn rule(&self) -> Option<NameRule> {
        self.rules.first().copied()
    }

    /// Whether the slice under work has a name.
    pub fn has(&self, name: &NameInTarget) -> bool {
        self.rule() == Some(name.rule) && name.hash() % self.slices == self.slice % self.slices
    }

    /// Notes a claim in the table.
    pub fn note(&mut self, claim: &NameClaim) {
        self.found |= claim.collides;
        self.usernames_collide |= claim.collides && claim.rule == NameRule::OneSpelling;
    }

    /// Moves to the second stage of a slice.
    pub fn compare_names(&mut self, doubts: Digest) {
        (self.stage, self.next_page, self.doubts) = (CollisionStage::Names, 1, Some(doubts));
    }

    /// Moves to the next slice or the next rule, or ends the search.
    pub fn end_slice(&mut self) {
        self.slice += 1;
        (self.next_page, self.doubts) = (1, None);
        if self.slice.is_multiple_of(self.slices) && !self.rules.is_empty() {
            self.rules.remove(0);
        }
        self.stage = if self.rules.is_empty() { CollisionStage::Done } else { CollisionStage::Hashes };
    }
}

/// Hashes of names in one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredHashes {
    #[serde(rename = "h", with = "super::binary::bytes")]
    packed: Vec<u8>,
}

impl StoredHashes {
    /// The most hashes in an item: 360 KB.
    pub const MAX: usize = 45_000;

    pub fn pack(hashes: &[u64]) -> Self {
        Self { packed: hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect() }
    }

    pub fn unpack(&self) -> impl Iterator<Item = u64> {
        self.packed
            .chunks_exact(8)
            .map(|bytes| bytes.iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn pool(sign_in_by: &[&str], aliases: &[&str], case_sensitive: bool) -> PoolDescription {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        PoolDescription {
            username_attributes: owned(sign_in_by),
            alias_attributes: owned(aliases),
            case_sensitive,
            ..PoolDescription::with_defaults(&[])
        }
    }

    fn user(username: &str, attributes: &[(&str, &str)]) -> UserRecord {
        UserRecord::confirmed(username, attributes)
    }

    #[test]
    fn only_names_that_the_source_does_not_tell_apart_like_the_target_may_collide() {
        use UniqueName::{Email, PhoneNumber, PreferredUsername, Username};
        let all = ["email", "phone_number", "preferred_username"];
        for (source, target, kinds) in [
            (pool(&[], &[], false), pool(&[], &[], false), vec![]),
            (pool(&[], &[], true), pool(&[], &[], true), vec![]),
            (pool(&[], &[], true), pool(&[], &[], false), vec![Username]),
            (pool(&[], &[], false), pool(&[], &all, false), vec![Email, PhoneNumber, PreferredUsername]),
            (pool(&[], &all, false), pool(&[], &all, false), vec![]),
            (pool(&[], &all, true), pool(&[], &all, false), vec![Username, Email, PreferredUsername]),
            (pool(&["email"], &[], true), pool(&["email"], &[], false), vec![Email]),
            (pool(&["email"], &[], false), pool(&["email", "phone_number"], &[], false), vec![PhoneNumber]),
        ] {
            assert_eq!(UniqueName::that_may_collide(&source, &target, false), kinds, "{source:?} {target:?}");
        }
        let (aliases, by_email) = (pool(&[], &all, false), pool(&["email"], &[], false));
        assert_eq!(
            UniqueName::that_may_collide(&aliases, &aliases, true),
            [Email, PhoneNumber, PreferredUsername]
        );
        assert_eq!(UniqueName::that_may_collide(&by_email, &by_email, true), [Email]);
        assert_eq!(UniqueName::that_may_collide(&pool(&[], &[], false), &pool(&[], &[], false), true), []);
    }

    /// The reasons of users, found as an import finds them.
    fn collisions(users: &[UserRecord], source: &PoolDescription, target: &PoolDescription) -> Vec<String> {
        let kinds = UniqueName::that_may_collide(source, target, true);
        let settings = TargetSettings::of(target);
        let names = |record: &UserRecord| {
            let username = settings.sign_in_name(record).unwrap();
            NameInTarget::of_user(record, &username, &kinds, &settings)
        };
        let sub = |number: usize| Sub::new(format!("sub-{number}"));
        let mut claims: HashMap<Digest, NameClaim> = HashMap::new();
        for rule in NameRule::of_kinds(&kinds, &settings) {
            let before = claims.clone();
            for (number, user) in users.iter().enumerate() {
                let names = names(user);
                if collision_of(&sub(number), &names, |key| before.get(key)).is_some() {
                    continue;
                }
                for name in names.into_iter().filter(|name| name.rule == rule) {
                    let claim = NameClaim::new(sub(number), Place { page: 1, place: number as u8 }, name);
                    claims.entry(name.key).and_modify(|other| other.add(&claim)).or_insert(claim);
                }
            }
        }
        let reason = |(number, user): (usize, &UserRecord)| {
            let collision = collision_of(&sub(number), &names(user), |key| claims.get(key));
            collision.map(|collision| collision.reason().code().to_string()).unwrap_or_default()
        };
        users.iter().enumerate().map(reason).collect()
    }

    #[test]
    fn all_users_of_a_colliding_username_are_left_out_and_the_first_user_of_an_alias_stays() {
        let email = |address| [("email", address), ("email_verified", "true")];
        let users = [
            user("Anna", &email("x@example.com")),
            user("anna", &email("a@example.com")),
            user("bert", &email("X@Example.com")),
            user("ANNA", &[]),
            user("carl", &[("email", "x@example.com")]),
            user("dora", &email("x@example.com")),
        ];
        let (source, target) = (pool(&[], &[], true), pool(&[], &["email"], false));
        let taken = "aliasTaken".to_owned();
        let collides = "usernameCollides".to_owned();
        let none = String::new;
        assert_eq!(
            collisions(&users, &source, &target),
            [collides.clone(), collides.clone(), none(), collides, none(), taken.clone()],
            "a user that is left out claims no alias"
        );
        let same_case = pool(&[], &["email"], true);
        let spelled_alike = [none(), none(), none(), none(), none(), taken.clone()];
        assert_eq!(collisions(&users, &source, &same_case), spelled_alike);
        let addresses = [
            user("1", &email("x@example.com")),
            user("2", &email("X@example.com")),
            user("3", &[("email", "y@example.com")]),
        ];
        let by_email = |case_sensitive| pool(&["email"], &[], case_sensitive);
        assert_eq!(
            collisions(&addresses, &by_email(true), &by_email(false)),
            ["usernameCollides", "usernameCollides", ""]
        );
        let phone = [("phone_number", "+1"), ("phone_number_verified", "true")];
        let phones: Vec<_> = [1, 2]
            .map(|number| {
                let address = format!("{number}@example.com");
                user("x", &[&[("email", address.as_str())][..], &phone].concat())
            })
            .into();
        let either = pool(&["email", "phone_number"], &[], false);
        assert_eq!(collisions(&phones, &by_email(false), &either), vec![none(), taken]);
    }

    #[test]
    fn claims_may_come_in_any_order_and_twice() {
        let name = |rule, spelling: &str, is_federated| NameInTarget {
            rule,
            key: Digest::default(),
            spelling: DigestBuilder::new("x").text(spelling).finish(),
            is_sign_in_name: true,
            is_federated,
        };
        let claim = |rule, page, spelling, is_federated| {
            let sub = Sub::new(format!("sub-{page}"));
            NameClaim::new(sub, Place { page, place: 0 }, name(rule, spelling, is_federated))
        };
        for (rule, spelling, collides) in [
            (NameRule::OneSpelling, "a", false),
            (NameRule::OneSpelling, "A", true),
            (NameRule::OneUser, "a", true),
        ] {
            let all = [
                claim(rule, 1, "a", true),
                claim(rule, 2, "a", false),
                claim(rule, 3, spelling, false),
                claim(rule, 2, "a", false),
            ];
            for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
                let mut first = all[order[0]].clone();
                order.iter().for_each(|&at| first.add(&all[at]));
                let native = ("sub-2", collides);
                assert_eq!((first.sub.as_str(), first.collides), native, "{rule:?} {order:?}");
            }
        }
        let mut same = claim(NameRule::OneUser, 4, "a", false);
        same.add(&claim(NameRule::OneUser, 4, "a", false));
        assert!(!same.collides, "a user that is listed twice is one user");
    }

    #[test]
    fn a_native_user_wins_over_federated_ones_whose_spelling_may_differ() {
        let federated = |id: &str, address| {
            let identities = format!(r#"[{{"userId":"{id}","providerName":"Google","primary":true}}]"#);
            let attributes =
                [("email", address), ("email_verified", "true"), ("identities", identities.as_str())];
            user(&format!("Google_{id}"), &attributes)
        };
        let native = user("x", &[("email", "A@example.com"), ("email_verified", "true")]);
        let users = [federated("1", "a@example.com"), native, federated("2", "A@Example.com")];
        let by_email = pool(&["email"], &[], false);
        assert_eq!(collisions(&users, &by_email, &by_email), ["aliasTaken", "", "aliasTaken"]);
        let names = |record: &UserRecord, username: &str, target: &PoolDescription| {
            let kinds = UniqueName::that_may_collide(target, target, true);
            let username = Username::new(username);
            NameInTarget::of_user(record, &username, &kinds, &TargetSettings::of(target)).len()
        };
        let alias = pool(&[], &["email"], false);
        assert_eq!(names(&users[0], "restored-1", &alias), 1, "its address is an alias");
        assert_eq!(names(&users[1], "A@example.com", &by_email), 2, "under both rules");
    }

    #[test]
    fn a_user_that_the_target_has_under_an_own_name_does_not_lose_it() {
        use TargetPool::{Other, Own};
        for (collision, has, pool, is_left_out) in [
            (Collision::Username, true, Own, true),
            (Collision::SignInName, true, Own, false),
            (Collision::SignInName, true, Other, true),
            (Collision::SignInName, false, Own, true),
            (Collision::Alias, true, Other, false),
            (Collision::Alias, false, Other, true),
        ] {
            assert_eq!(collision.leaves_out(has, pool), is_left_out, "{collision:?} {has} {pool:?}");
        }
    }

    #[test]
    fn every_hash_is_in_one_slice_and_survives_an_item() {
        let hashes = [0, 1, u64::MAX, 0x0102_0304_0506_0708];
        let stored = StoredHashes::pack(&hashes);
        let item: serde_dynamo::Item = serde_dynamo::to_item(&stored).unwrap();
        let read: StoredHashes = serde_dynamo::from_item(item).unwrap();
        assert_eq!(read.unpack().collect::<Vec<_>>(), hashes);
        const { assert!(StoredHashes::MAX * 8 < 400_000) };
        let name = |rule, number: u64| NameInTarget {
            rule,
            key: DigestBuilder::new("x").number(number).finish(),
            spelling: Digest::default(),
            is_sign_in_name: true,
            is_federated: false,
        };
        for (rules, names) in [
            (vec![], vec![]),
            (vec![NameRule::OneUser], (0..9).map(|number| name(NameRule::OneUser, number)).collect()),
            (
                vec![NameRule::OneSpelling, NameRule::OneUser],
                [NameRule::OneUser, NameRule::OneSpelling].map(|rule| name(rule, 1)).to_vec(),
            ),
        ] {
            let mut slice = CollisionCheckpoint::new(rules, 3);
            let mut seen = Vec::new();
            while slice.stage != CollisionStage::Done {
                seen.extend(names.iter().filter(|name| slice.has(name)).map(|name| name.rule));
                slice.compare_names(Digest::default());
                slice.end_slice();
            }
            assert_eq!(seen.len(), names.len(), "{names:?}");
            assert!(seen.is_sorted_by_key(|rule| *rule == NameRule::OneUser), "usernames come first");
        }
    }
}

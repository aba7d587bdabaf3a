//! Populations: the users and groups that a source pool may have.

use proptest::prelude::*;
use shared::model::{GroupName, GroupRecord, PoolDescription, UserRecord, UserStatus, Username};
use shared_memory::MemoryPool;

/// The identity provider of both pools.
pub const PROVIDER: &str = "Google";

/// The users and groups of a pool.
#[derive(Debug, Clone)]
pub struct Population {
    pub people: Vec<Person>,
    pub groups: usize,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub name: u8,
    pub attributes: u8,
    pub enabled: bool,
    pub status: u8,
    /// The groups of the person, one bit for each of the first eight.
    pub groups: u8,
    pub kind: Kind,
}

/// Why a person cannot be restored in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Native,
    Federated,
    Linked,
    WithSmsCodes,
}

/// A population that can be restored in full.
pub fn restorable(most: usize) -> impl Strategy<Value = Population> {
    population(most, Just(Kind::Native))
}

/// A population with users that no restore can bring back in full.
pub fn any_kind(most: usize) -> impl Strategy<Value = Population> {
    population(
        most,
        prop_oneof![12 => Just(Kind::Native), 1 => Just(Kind::Federated), 1 => Just(Kind::Linked), 1 => Just(Kind::WithSmsCodes)],
    )
}

fn population(most: usize, kind: impl Strategy<Value = Kind>) -> impl Strategy<Value = Population> {
    let person = (any::<u8>(), any::<u8>(), prop::bool::weighted(0.8), 0u8..4, any::<u8>(), kind).prop_map(
        |(name, attributes, enabled, status, groups, kind)| Person {
            name,
            attributes,
            enabled,
            status,
            groups,
            kind,
        },
    );
    (prop::collection::vec(person, 0..=most), 0usize..6)
        .prop_map(|(people, groups)| Population { people, groups })
}

/// A population of this number of plain users and groups.
pub fn plain(people: usize, groups: usize) -> Population {
    let person = |n: usize| Person {
        name: n as u8,
        attributes: n as u8,
        enabled: !n.is_multiple_of(5),
        status: 0,
        groups: (n % 8) as u8,
        kind: Kind::Native,
    };
    Population { people: (0..people).map(person).collect(), groups }
}

pub fn username(number: usize, style: u8) -> Username {
    Username::new(match style % 6 {
        0 => format!("anna{number}"),
        1 => format!("Бората-{number}"),
        2 => format!("a#b/c|{number}"),
        3 => format!("MiXeD.{number}"),
        4 => format!("😀_{number}"),
        _ => format!("{number:x>128}"),
    })
}

pub fn group_name(number: usize) -> GroupName {
    GroupName::new(match number % 4 {
        0 => format!("admins{number}"),
        1 => format!("group#{number}/|x"),
        2 => format!("группа-{number}"),
        _ => "users".to_owned() + &"-".repeat(number),
    })
}

pub fn group(number: usize) -> GroupRecord {
    GroupRecord {
        name: group_name(number),
        description: number.is_multiple_of(2).then(|| format!("Gruppe für {number} \"quoted\"")),
        precedence: (!number.is_multiple_of(3)).then_some(number as i32),
        role_arn: number.is_multiple_of(3).then(|| format!("arn:aws:iam::123456789012:role/group-{number}")),
        created: None,
        modified: None,
    }
}

impl Person {
    pub fn record(&self, number: usize) -> UserRecord {
        let optional = [
            (1, "email", format!("person{number}@example.com")),
            (1, "email_verified", (!number.is_multiple_of(3)).to_string()),
            (2, "phone_number", format!("+4930{number:06}")),
            (2, "phone_number_verified", "true".to_owned()),
            (4, "name", format!("Jürgen 王 {number}")),
            (8, "custom:note", format!("line one\nline two, with \"quotes\" and \\ {number} 😀")),
            (16, "custom:shoe_size", (30 + number % 20).to_string()),
            (32, "preferred_username", format!("p{number}")),
        ];
        let optional = optional.into_iter().filter(|(bit, _, _)| self.attributes & bit != 0);
        let mut attributes: std::collections::BTreeMap<_, _> =
            optional.map(|(_, name, value)| (name.to_owned(), value)).collect();
        let native = [
            UserStatus::Confirmed,
            UserStatus::Unconfirmed,
            UserStatus::ForceChangePassword,
            UserStatus::ResetRequired,
        ];
        let mut status = native[usize::from(self.status) % native.len()].clone();
        let mut mfa_options = Vec::new();
        let identity = |primary: bool| {
            format!(r#"[{{"userId":"{number}","providerName":"{PROVIDER}","primary":{primary}}}]"#)
        };
        match self.kind {
            Kind::Native => {}
            Kind::Federated => {
                status = UserStatus::ExternalProvider;
                drop(attributes.insert("identities".to_owned(), identity(true)));
            }
            Kind::Linked => {
                drop(attributes.insert("identities".to_owned(), identity(false)));
            }
            Kind::WithSmsCodes => mfa_options.push("phone_number".to_owned()),
        }
        let username = username(number, self.name);
        UserRecord {
            username,
            attributes,
            enabled: self.enabled,
            status,
            mfa_options,
            mfa: None,
            created: None,
            modified: None,
        }
    }
}

/// The custom attributes that large users need.
pub fn long_attributes() -> Vec<String> {
    (0..50).map(|number| format!("text-{number:02}")).collect()
}

/// Makes a user larger by so many attributes of 2,048 characters of four bytes: 8 KB each, at most 60. With 50 of them
/// its item exceeds DynamoDB's limit.
pub fn grow(record: &mut UserRecord, attributes: usize) {
    let standard = [
        "address",
        "family_name",
        "given_name",
        "gender",
        "locale",
        "middle_name",
        "nickname",
        "picture",
        "profile",
        "zoneinfo",
    ];
    let custom = long_attributes().into_iter().map(|name| format!("custom:{name}"));
    let names = custom.chain(standard.map(str::to_owned));
    for (number, name) in names.take(attributes).enumerate() {
        let letter = char::from_u32(0x1F9D1 + number as u32).unwrap_or('🧑');
        record.attributes.insert(name, letter.to_string().repeat(2_048));
    }
}

/// Declares the attributes of large users.
pub fn declare_long_attributes(pool: &MemoryPool) {
    let names: Vec<String> =
        ["note", "shoe_size"].map(str::to_owned).into_iter().chain(long_attributes()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    pool.configure(|description| {
        description.attributes = PoolDescription::with_defaults(&names).attributes;
    });
}

impl Population {
    /// Puts the population into a pool.
    pub fn fill(&self, pool: &MemoryPool) {
        (0..self.groups).for_each(|number| pool.put_group(group(number)));
        for (number, person) in self.people.iter().enumerate() {
            let sub = pool.put_user(person.record(number));
            for group in (0..self.groups).filter(|group| u32::from(person.groups) & (1 << group) != 0) {
                pool.join(&sub, &group_name(group));
            }
        }
    }
}

//! Users by number. Every user is computed from its number when the service needs it, and never stored.
//!
//! A `sub` is a UUID that begins with the user's position in the listing. A bijection scrambles the user's
//! number into the position. So the position leads back to the user, and the listing is in the order of the
//! `sub`s. All prefixes have about the same number of users.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::model::{GroupName, GroupRecord, Sub, User, UserRecord, UserStatus, Username};

/// One user in this many is disabled.
pub const DISABLED_ONE_IN: u32 = 20;
/// Bytes of the attributes of one user, with their names. A pool measured with other tools had this size.
pub const ATTRIBUTE_BYTES: usize = 594;
/// When every user was created: 2025-10-09, in seconds since 1970.
const CREATED: i64 = 1_760_000_000;
const DAY: i64 = 86_400;
/// The bits of a UUID that mark it as random. Source: RFC 9562, section 5.4.
const VERSION_BITS: u128 = 0xF000 << 64 | 0xC000 << 48;
const VERSION_4: u128 = 0x4000 << 64 | 0x8000 << 48;
/// The text of the custom attribute `note`, cut to the length that a user needs.
const NOTE: &str = "Prefers letters to calls. Works in the office on the third floor, on the left of the lift. Asks for \
     a window seat on every train. Brings a cake on Fridays. Reads every notice and answers within a day. Keeps a copy \
     of each letter. Has a key to the archive and returns it in the evening. Takes a holiday in June and another one \
     in the second week of October.";

/// The number of the day on which a user last changed, from 1. A user who never changed has version 0.
/// A pool of the bench changes on a few days only.
pub type Version = u8;

/// How large the users of a pool are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum People {
    /// [`ATTRIBUTE_BYTES`] of attributes.
    #[default]
    Ordinary,
    /// Some 60 KB: 29 more custom attributes of 2,048 letters.
    Large,
    /// Some 400 KB, the largest that Cognito allows in custom attributes: 50 of 2,048 characters of four bytes. Their
    /// items exceed DynamoDB's limit.
    Largest,
}

impl People {
    /// The custom attributes of every user, without `custom:`.
    pub fn custom_attributes(self) -> Vec<String> {
        let more = match self {
            Self::Ordinary => 0,
            Self::Large => 29,
            Self::Largest => 48,
        };
        let named = ["department", "note"].map(str::to_owned);
        named.into_iter().chain((0..more).map(|number| format!("text-{number:02}"))).collect()
    }

    /// The values of custom attributes that replace or complete those of an ordinary user.
    fn long_values(self) -> impl Iterator<Item = (String, String)> {
        let (letter, begins_with) = match self {
            Self::Ordinary => ("", "-"),
            Self::Large => ("x", "text-"),
            Self::Largest => ("\u{1F9D1}", ""),
        };
        let names = self.custom_attributes().into_iter().filter(move |name| name.starts_with(begins_with));
        names.map(|name| (format!("custom:{name}"), letter.repeat(2_048)))
    }

    /// The name in tables, after the number of users. Empty for ordinary users.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "",
            Self::Large => " of 60 KB",
            Self::Largest => " of 400 KB",
        }
    }

    /// The size of a user record by DynamoDB's rules, in whole read units of 4 KB.
    pub fn record_bytes(self) -> usize {
        match self {
            Self::Ordinary => 1,
            Self::Large => 60 * 1024,
            Self::Largest => 400 * 1024,
        }
    }
}

/// The users, groups and memberships of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Population {
    /// At most 2^28.
    pub users: u32,
    /// If there are groups, each user is a member of one.
    pub groups: u32,
    /// Populations with different seeds have different `sub`s.
    pub seed: u64,
    pub people: People,
}

impl Population {
    /// The bits of a position: `users ≤ 2^bits`. For large pools also `2^bits ≤ 2 × users`.
    fn bits(&self) -> u32 {
        (u32::BITS - self.users.leading_zeros()).clamp(16, 28)
    }

    /// How many positions the listing has. Some of them have no user.
    pub fn positions(&self) -> u32 {
        1 << self.bits()
    }

    /// The position of user `number`: the first bits of the user's `sub`.
    fn position(&self, number: u32) -> u32 {
        let (bits, mask) = (self.bits(), self.positions() - 1);
        let mut position = number ^ (self.seed as u32 & mask);
        for odd in [0x9E37_79B1_u32, 0x85EB_CA6B] {
            position = position.wrapping_mul(odd) & mask;
            position ^= position >> (bits / 2 + 1);
        }
        position
    }

    /// The user at a position, if there is one.
    pub fn user_at(&self, position: u32) -> Option<u32> {
        let (bits, mask) = (self.bits(), self.positions() - 1);
        let mut number = position & mask;
        for odd in [0x85EB_CA6B_u32, 0x9E37_79B1] {
            // An exclusive or with a shift by more than half of the bits is its own inverse.
            number ^= number >> (bits / 2 + 1);
            number = number.wrapping_mul(inverse(odd)) & mask;
        }
        let number = number ^ (self.seed as u32 & mask);
        (number < self.users).then_some(number)
    }

    /// The `sub` of user `number`.
    pub fn sub(&self, number: u32) -> Sub {
        let tail = |salt: u64| u128::from(mix(mix(self.seed ^ salt) ^ u64::from(number)));
        let tail = tail(0) << 64 | tail(u64::MAX);
        let bits = self.bits();
        let id = u128::from(self.position(number)) << (u128::BITS - bits) | tail >> bits;
        Sub::from_uuid_bytes((id & !VERSION_BITS | VERSION_4).to_be_bytes())
    }

    /// The user with this `sub`, if there is one.
    pub fn number_with_sub(&self, sub: &str) -> Option<u32> {
        let first: u32 = u32::from_str_radix(sub.get(..8)?, 16).ok()?;
        let number = self.user_at(first >> (u32::BITS - self.bits()))?;
        (self.sub(number).as_str() == sub).then_some(number)
    }

    /// The positions of the users whose `sub` begins with `prefix`, a string of hexadecimal digits.
    pub fn positions_with_prefix(&self, prefix: &str) -> std::ops::Range<u32> {
        let digits: String = prefix.chars().filter(|&digit| digit != '-').take(8).collect();
        let Ok(first) = u64::from_str_radix(&digits, 16) else { return 0..self.positions() };
        let width = 4 * digits.len() as u32;
        let position = |first: u64| ((first << 32 >> width) >> (u32::BITS - self.bits())) as u32;
        position(first)..position(first + 1)
    }

    /// The username of user `number`, which [`Self::number_with_username`] reads.
    pub fn username(number: u32) -> Username {
        Username::new(format!("person-{number:08}"))
    }

    /// The user with this username, if there is one.
    pub fn number_with_username(&self, username: &str) -> Option<u32> {
        username.strip_prefix("person-")?.parse().ok().filter(|&number| number < self.users)
    }

    /// Whether user `number` is disabled: 1 in [`DISABLED_ONE_IN`] is.
    pub fn is_disabled(number: u32) -> bool {
        number % DISABLED_ONE_IN == 7
    }

    /// User `number` as a listing shows it.
    pub fn user(&self, number: u32, version: Version) -> User {
        User { sub: self.sub(number), record: self.record(number, version) }
    }

    /// The record of user `number` in this version.
    pub fn record(&self, number: u32, version: Version) -> UserRecord {
        let given = ["Anna", "Bert", "Clara", "Dmitri", "Elena", "Farid", "Grace", "Hiro"];
        let family = ["Alder", "Birch", "Cedar", "Doyle", "Ekman", "Fuchs", "Garcia", "Hansen"];
        let random = mix(u64::from(number));
        let pick = |names: &[&'static str; 8], shift: u32| names[(random >> shift) as usize % 8];
        let (given, family) = (pick(&given, 0), pick(&family, 8));
        let updated_at = Self::updated_at(version);
        let pairs = [
            ("address", format!("{} Station Road {}", random % 400 + 100, 10_000 + random % 80_000)),
            ("birthdate", format!("19{:02}-{:02}-{:02}", 50 + random % 50, 1 + random % 12, 1 + random % 28)),
            ("custom:department", format!("department {:03}", random % 900 + 100)),
            ("email", format!("person.{number:08}@example.com")),
            ("email_verified", "true".to_owned()),
            ("family_name", family.to_owned()),
            ("given_name", given.to_owned()),
            ("locale", "en-GB".to_owned()),
            ("name", format!("{given} {family}")),
            ("phone_number", format!("+4915{:09}", random % 1_000_000_000)),
            ("phone_number_verified", "true".to_owned()),
            ("updated_at", updated_at.to_string()),
            ("zoneinfo", "Europe/Berlin".to_owned()),
        ];
        let mut attributes: BTreeMap<String, String> =
            pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let note = "custom:note";
        let bytes: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        let room = ATTRIBUTE_BYTES.saturating_sub(bytes + note.len()).min(NOTE.len());
        // Import jobs trim white space, so a value that ends with it cannot be restored by a job.
        let mut text = NOTE[..room].to_owned();
        if text.ends_with(' ') {
            text.replace_range(room - 1.., ".");
        }
        attributes.insert(note.to_owned(), text);
        attributes.extend(self.people.long_values());
        let timestamp = |seconds| Timestamp::from_second(seconds).ok();
        UserRecord {
            username: Self::username(number),
            attributes,
            enabled: !Self::is_disabled(number),
            status: UserStatus::Confirmed,
            mfa_options: Vec::new(),
            mfa: None,
            created: timestamp(CREATED),
            modified: timestamp(updated_at),
        }
    }

    /// The attribute `updated_at` of a user in this version: seconds since 1970.
    fn updated_at(version: Version) -> i64 {
        CREATED + DAY * i64::from(version)
    }

    /// The version of a user with this `updated_at`.
    pub fn version_of(updated_at: &str) -> Option<Version> {
        ((updated_at.parse::<i64>().ok()? - CREATED) / DAY).try_into().ok()
    }

    /// The record of group `number`.
    pub fn group(number: u32) -> GroupRecord {
        GroupRecord {
            name: GroupName::new(format!("group-{number:05}")),
            description: Some(format!("Users on list number {number:05}")),
            precedence: Some(number as i32),
            role_arn: None,
            created: Timestamp::from_second(CREATED).ok(),
            modified: Timestamp::from_second(CREATED).ok(),
        }
    }

    /// The number of the group with this name, if there is one.
    pub fn group_with_name(&self, name: &str) -> Option<u32> {
        name.strip_prefix("group-")?.parse().ok().filter(|&number| number < self.groups)
    }

    /// The members of a group, without the first `skip`.
    pub fn members(&self, group: u32, skip: u32) -> impl Iterator<Item = u32> {
        let step = self.groups.max(1);
        let first = u64::from(group) + u64::from(skip) * u64::from(step);
        (first..u64::from(self.users)).step_by(step as usize).map(|number| number as u32)
    }
}

/// How the users of a pool changed, day by day.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// For each day so far, the share of users that changed on it: 0 to 1.
    days: Vec<f64>,
}

impl History {
    /// Adds a day on which a share of the users changes: 0 to 1.
    pub fn add_day(&mut self, share: f64) {
        self.days.push(share);
    }

    /// The version of user `number` now.
    pub fn version(&self, number: u32) -> Version {
        let changed = |(day, share): (usize, &f64)| {
            let draw = (mix(u64::from(number) << 8 | day as u64) >> 11) as f64 / (1u64 << 53) as f64;
            (draw < *share).then_some(day as Version + 1)
        };
        self.days.iter().enumerate().rev().find_map(changed).unwrap_or(0)
    }
}

/// A hash: the result looks random, and is always the same for the same number.
/// Source: SplitMix64, Steele, Lea and Flood, OOPSLA 2014.
pub fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// The inverse of an odd number modulo 2^32, by Newton's iteration.
const fn inverse(odd: u32) -> u32 {
    let mut inverse = odd;
    let mut round = 0;
    while round < 4 {
        inverse = inverse.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_sub_leads_back_to_its_user_and_sorts_by_position() {
        for users in [1, 59, 70_000, 10_000_000] {
            let population = Population { users, groups: 0, seed: 7, people: People::Ordinary };
            for number in (0..users).step_by((users as usize / 500).max(1)) {
                let sub = population.sub(number);
                assert_eq!(population.number_with_sub(sub.as_str()), Some(number));
                assert_eq!(population.user_at(population.position(number)), Some(number));
                assert!(
                    population
                        .positions_with_prefix(&sub.as_str()[..3])
                        .contains(&population.position(number))
                );
            }
            let other = Population { seed: 8, ..population };
            assert_eq!(other.number_with_sub(population.sub(0).as_str()), None);
        }
    }

    #[test]
    fn every_user_has_a_position_and_all_prefixes_have_about_as_many_users() {
        let population = Population { users: 100_000, groups: 0, seed: 1, people: People::Ordinary };
        let listed: Vec<u32> =
            (0..population.positions()).filter_map(|position| population.user_at(position)).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>().len(), 100_000);
        let subs: Vec<Sub> = listed.iter().take(5_000).map(|&number| population.sub(number)).collect();
        assert!(subs.is_sorted());
        for digit in "0123456789abcdef".chars() {
            let positions = population.positions_with_prefix(&digit.to_string());
            let share = positions.filter(|&position| population.user_at(position).is_some()).count();
            assert!((5_500..7_000).contains(&share), "{digit}: {share}");
        }
    }

    #[test]
    fn a_users_attributes_have_the_stated_size_and_change_with_the_version() {
        let population = Population { users: 1_000, groups: 0, seed: 1, people: People::Ordinary };
        for number in 0..1_000 {
            let record = population.record(number, 0);
            let bytes: usize = record.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert_eq!(bytes, ATTRIBUTE_BYTES);
            assert_eq!(population.number_with_username(record.username.as_str()), Some(number));
        }
        let changed = population.record(3, 2);
        assert_ne!(changed.digest(), population.record(3, 0).digest());
        assert_eq!(Population::version_of(&changed.attributes["updated_at"]), Some(2));
    }

    #[test]
    fn each_day_changes_its_share_of_the_users() {
        let mut history = History::default();
        assert_eq!(history.version(5), 0);
        history.add_day(0.0);
        history.add_day(0.01);
        let changed = (0..100_000).filter(|&number| history.version(number) == 2).count();
        assert!((900..1_100).contains(&changed), "{changed}");
        history.add_day(1.0);
        assert_eq!(history.version(5), 3);
    }

    #[test]
    fn every_user_is_a_member_of_one_group() {
        let population = Population { users: 100, groups: 7, seed: 1, people: People::Ordinary };
        let all: Vec<u32> = (0..7).flat_map(|group| population.members(group, 0)).collect();
        assert_eq!(all.len(), 100);
        assert_eq!(population.members(3, 2).next(), Some(17));
        assert_eq!(population.group_with_name("group-00007"), None);
    }
}

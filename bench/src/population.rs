//! People by number: every user is worked out from its number when it is asked for, and none is kept.
//!
//! A `sub` is a UUID that begins with the user's place in the listing: a number scrambled by a bijection, so that the place leads back to
//! the user, that users are spread evenly over all prefixes, and that the order of the listing is that of the `sub`s.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shared::model::{GroupName, GroupRecord, Sub, User, UserRecord, UserStatus, Username};

/// One of this many users is disabled.
pub const DISABLED_ONE_OF: u32 = 20;
/// Bytes of attributes, names included, of a user: as in a pool that was measured with other tools.
pub const ATTRIBUTE_BYTES: usize = 594;
/// When every user was created: 2025-10-09, seconds since 1970.
const CREATED: i64 = 1_760_000_000;
const DAY: i64 = 86_400;
/// The bits of a UUID that say that it is a random one. Source: RFC 9562, section 5.4.
const VERSION_BITS: u128 = 0xF000 << 64 | 0xC000 << 48;
const VERSION_4: u128 = 0x4000 << 64 | 0x8000 << 48;
/// What custom notes are filled up with.
const FILLER: &str = "Prefers letters to calls, and the third door on the left to the lift, which has been out of order since the spring of the year \
     before; asks for the window seat, brings a cake on Fridays, and reads every notice down to the names of those who signed it. Writes back within the day, and keeps a copy of whatever is sent out.";

/// The content of a user after so many changes. A pool of the bench changes on a few days only.
pub type Version = u8;

/// Users, groups and memberships of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Population {
    /// How many users there are; at most 2^28.
    pub users: u32,
    /// How many groups there are. Each user is a member of one, if there are any.
    pub groups: u32,
    /// Another seed, other `sub`s.
    pub seed: u64,
}

impl Population {
    /// Bits of a place: twice the users at most, so that about every second place is somebody's.
    fn bits(&self) -> u32 {
        (u32::BITS - self.users.leading_zeros()).clamp(16, 28)
    }

    /// How many places there are; somebody's or nobody's.
    pub fn places(&self) -> u32 {
        1 << self.bits()
    }

    /// The place of user `number`: the first bits of its `sub`.
    fn place(&self, number: u32) -> u32 {
        let (bits, mask) = (self.bits(), self.places() - 1);
        let mut place = number ^ (self.seed as u32 & mask);
        for odd in [0x9E37_79B1_u32, 0x85EB_CA6B] {
            place = place.wrapping_mul(odd) & mask;
            place ^= place >> (bits / 2 + 1);
        }
        place
    }

    /// Who has a place, if anybody.
    pub fn at(&self, place: u32) -> Option<u32> {
        let (bits, mask) = (self.bits(), self.places() - 1);
        let mut number = place & mask;
        for odd in [0x85EB_CA6B_u32, 0x9E37_79B1] {
            // Shifted by more than half of its bits, a number undoes its own exclusive or.
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
        let id = u128::from(self.place(number)) << (u128::BITS - bits) | tail >> bits;
        Sub::from_uuid_bytes((id & !VERSION_BITS | VERSION_4).to_be_bytes())
    }

    /// Whose `sub` it is, if it is one of this population.
    pub fn number_of(&self, sub: &str) -> Option<u32> {
        let first: u32 = u32::from_str_radix(sub.get(..8)?, 16).ok()?;
        let number = self.at(first >> (u32::BITS - self.bits()))?;
        (self.sub(number).as_str() == sub).then_some(number)
    }

    /// The places of the users whose `sub` begins with `prefix`, hexadecimal digits.
    pub fn places_of(&self, prefix: &str) -> std::ops::Range<u32> {
        let digits: String = prefix.chars().filter(|&digit| digit != '-').take(8).collect();
        let Ok(first) = u64::from_str_radix(&digits, 16) else { return 0..self.places() };
        let width = 4 * digits.len() as u32;
        let place = |first: u64| ((first << 32 >> width) >> (u32::BITS - self.bits())) as u32;
        place(first)..place(first + 1)
    }

    /// The username of user `number`.
    pub fn username(number: u32) -> Username {
        Username::new(format!("person-{number:08}"))
    }

    /// Whose username it is.
    pub fn number_named(&self, username: &str) -> Option<u32> {
        username.strip_prefix("person-")?.parse().ok().filter(|&number| number < self.users)
    }

    /// Whether a user may not sign in.
    pub fn is_disabled(number: u32) -> bool {
        number % DISABLED_ONE_OF == 7
    }

    /// User `number` as a listing shows it.
    pub fn user(&self, number: u32, version: Version) -> User {
        User { sub: self.sub(number), record: self.record(number, version) }
    }

    /// The content of user `number` after `version` changes.
    pub fn record(&self, number: u32, version: Version) -> UserRecord {
        let given = ["Anna", "Bert", "Clara", "Dmitri", "Elena", "Farid", "Grace", "Hiro"];
        let family = ["Alder", "Birch", "Cedar", "Doyle", "Ekman", "Fuchs", "Garcia", "Hansen"];
        let random = mix(u64::from(number));
        let pick = |names: &[&'static str; 8], shift: u32| names[(random >> shift) as usize % 8];
        let (given, family) = (pick(&given, 0), pick(&family, 8));
        let since = Self::changed(version);
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
            ("updated_at", since.to_string()),
            ("zoneinfo", "Europe/Berlin".to_owned()),
        ];
        let mut attributes: BTreeMap<String, String> = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let note = "custom:note";
        let bytes: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        let room = ATTRIBUTE_BYTES.saturating_sub(bytes + note.len()).min(FILLER.len());
        attributes.insert(note.to_owned(), FILLER[..room].to_owned());
        let timestamp = |seconds| Timestamp::from_second(seconds).ok();
        UserRecord {
            username: Self::username(number),
            attributes,
            enabled: !Self::is_disabled(number),
            status: UserStatus::Confirmed,
            mfa_options: Vec::new(),
            mfa: None,
            created: timestamp(CREATED),
            modified: timestamp(since),
        }
    }

    /// When a user changed for the `version`-th time, seconds since 1970: its attribute `updated_at`.
    fn changed(version: Version) -> i64 {
        CREATED + DAY * i64::from(version)
    }

    /// Which version of a user has this `updated_at`.
    pub fn version_of(updated_at: &str) -> Option<Version> {
        ((updated_at.parse::<i64>().ok()? - CREATED) / DAY).try_into().ok()
    }

    /// Group `number`.
    pub fn group(number: u32) -> GroupRecord {
        GroupRecord {
            name: GroupName::new(format!("group-{number:05}")),
            description: Some(format!("Those whom list {number} names")),
            precedence: Some(number as i32),
            role_arn: None,
            created: Timestamp::from_second(CREATED).ok(),
            modified: Timestamp::from_second(CREATED).ok(),
        }
    }

    /// Which group it is.
    pub fn group_named(&self, name: &str) -> Option<u32> {
        name.strip_prefix("group-")?.parse().ok().filter(|&number| number < self.groups)
    }

    /// The members of group `number` after the first `skip`.
    pub fn members(&self, group: u32, skip: u32) -> impl Iterator<Item = u32> {
        let step = self.groups.max(1);
        let first = u64::from(group) + u64::from(skip) * u64::from(step);
        (first..u64::from(self.users)).step_by(step as usize).map(|number| number as u32)
    }
}

/// What happened to the users of a pool, day by day.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The share of users that changed on each day so far, 0 to 1.
    days: Vec<f64>,
}

impl History {
    /// Lets a day pass on which a share of the users changes, 0 to 1.
    pub fn pass_day(&mut self, share: f64) {
        self.days.push(share);
    }

    /// The version of user `number` now: the last day on which it changed, from 1; 0 where it never did.
    pub fn version(&self, number: u32) -> Version {
        let changed = |(day, share): (usize, &f64)| {
            let draw = (mix(u64::from(number) << 8 | day as u64) >> 11) as f64 / (1u64 << 53) as f64;
            (draw < *share).then_some(day as Version + 1)
        };
        self.days.iter().enumerate().rev().find_map(changed).unwrap_or(0)
    }
}

/// A number that looks random and is always the same. Source: SplitMix64, Steele, Lea and Flood, OOPSLA 2014.
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
    fn a_sub_leads_back_to_its_user_and_sorts_by_place() {
        for users in [1, 59, 70_000, 10_000_000] {
            let people = Population { users, groups: 0, seed: 7 };
            for number in (0..users).step_by((users as usize / 500).max(1)) {
                let sub = people.sub(number);
                assert_eq!(people.number_of(sub.as_str()), Some(number));
                assert_eq!(people.at(people.place(number)), Some(number));
                assert!(people.places_of(&sub.as_str()[..3]).contains(&people.place(number)));
            }
            let other = Population { seed: 8, ..people };
            assert_eq!(other.number_of(people.sub(0).as_str()), None);
        }
    }

    #[test]
    fn every_user_has_a_place_of_its_own_and_prefixes_share_them_out() {
        let people = Population { users: 100_000, groups: 0, seed: 1 };
        let listed: Vec<u32> = (0..people.places()).filter_map(|place| people.at(place)).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>().len(), 100_000);
        let subs: Vec<Sub> = listed.iter().take(5_000).map(|&number| people.sub(number)).collect();
        assert!(subs.is_sorted());
        for digit in "0123456789abcdef".chars() {
            let places = people.places_of(&digit.to_string());
            let share = places.filter(|&place| people.at(place).is_some()).count();
            assert!((5_500..7_000).contains(&share), "{digit}: {share}");
        }
    }

    #[test]
    fn users_have_the_size_they_are_said_to_have_and_change_with_their_version() {
        let people = Population { users: 1_000, groups: 0, seed: 1 };
        for number in 0..1_000 {
            let record = people.record(number, 0);
            let bytes: usize = record.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert_eq!(bytes, ATTRIBUTE_BYTES);
            assert_eq!(people.number_named(record.username.as_str()), Some(number));
        }
        let changed = people.record(3, 2);
        assert_ne!(changed.digest(), people.record(3, 0).digest());
        assert_eq!(Population::version_of(&changed.attributes["updated_at"]), Some(2));
    }

    #[test]
    fn a_share_of_the_users_changes_in_a_day() {
        let mut history = History::default();
        assert_eq!(history.version(5), 0);
        history.pass_day(0.0);
        history.pass_day(0.01);
        let changed = (0..100_000).filter(|&number| history.version(number) == 2).count();
        assert!((900..1_100).contains(&changed), "{changed}");
        history.pass_day(1.0);
        assert_eq!(history.version(5), 3);
    }

    #[test]
    fn every_user_is_a_member_of_one_group() {
        let people = Population { users: 100, groups: 7, seed: 1 };
        let all: Vec<u32> = (0..7).flat_map(|group| people.members(group, 0)).collect();
        assert_eq!(all.len(), 100);
        assert_eq!(people.members(3, 2).next(), Some(17));
        assert_eq!(people.group_named("group-00007"), None);
    }
}

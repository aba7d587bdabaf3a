//! The users and groups of a population.

use super::rng::Rng;
use super::{Group, Population, User};

const GIVEN_NAMES: [&str; 24] = [
    "Zoë",
    "Jürgen",
    "Siobhán",
    "Łukasz",
    "Nguyễn",
    "Мария",
    "Дмитрий",
    "Ελένη",
    "Νίκος",
    "محمد",
    "فاطمة",
    "דוד",
    "明美",
    "太郎",
    "小龙",
    "李娜",
    "민준",
    "서연",
    "अर्जुन",
    "प्रिया",
    "สมชาย",
    "ნინო",
    "Anne-Marie",
    "D'Arcy",
];
const FAMILY_NAMES: [&str; 20] = [
    "Müller",
    "O'Brien",
    "Åkesson",
    "Žižek",
    "Ñandú",
    "Иванова",
    "Παπαδόπουλος",
    "العربي",
    "כהן",
    "佐藤",
    "王",
    "김",
    "शर्मा",
    "ใจดี",
    "ბერიძე",
    "van der Berg",
    "Smith, Jr.",
    "\"Ace\" Lee",
    "Back\\slash",
    "İstanbullu",
];
/// Punctuation for usernames. Each of these characters is a separator in some storage format.
const PUNCTUATION: [&str; 12] = [".", "-", "_", "#", "/", "|", "+", ":", "~", "%", "&", "'"];
const STEMS: [&str; 12] =
    ["user", "josé", "müller", "мария", "ελένη", "محمد", "太郎", "王小明", "민준", "अर्जुन", "ნინო", "O'Neill"];
const NOTES: [&str; 8] = [
    "plain",
    "comma, comma, comma",
    "a \"quoted\" word and 'another'",
    "back\\slash \\, \\\\ \\n",
    "first line\nsecond line\r\nthird",
    "tab\there",
    "emoji 👩‍👩‍👧‍👦 and combining e\u{301}",
    "{\"json\": [1, 2, \"#\"]}",
];
const LOCALES: [&str; 6] = ["en-GB", "de-DE", "ja-JP", "ar-EG", "hi-IN", "pt-BR"];
const TIME_ZONES: [&str; 4] = ["Europe/Berlin", "Asia/Tokyo", "America/Sao_Paulo", "Africa/Cairo"];
const PLANS: [&str; 4] = ["free", "team", "enterprise", "großkunde"];

/// Generates a population of `users` users and ten groups. The same `seed` gives the same users. The groups
/// are always the same.
pub fn generate(users: usize, seed: u64) -> Population {
    let groups = groups();
    let mut rng = Rng::new(seed);
    let users = (0..users).map(|number| user(number, &groups, &mut rng)).collect();
    Population { users, groups }
}

/// How large the users of a population of large users are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LargeUsers {
    /// Some 60 KB: 29 attributes of 2,048 letters.
    Of60Kilobytes,
    /// Some 400 KB: 50 attributes of 2,048 characters of four bytes, the largest that Cognito allows.
    Largest,
}

impl LargeUsers {
    /// The number of long custom attributes that a pool for large users has: `text00` and so on.
    pub(super) const ATTRIBUTES: usize = 50;

    fn attributes(self) -> Vec<(String, String)> {
        let (count, letter) = match self {
            Self::Of60Kilobytes => (29, "x"),
            Self::Largest => (Self::ATTRIBUTES, "\u{1F9D1}"),
        };
        (0..count).map(|number| (format!("custom:text{number:02}"), letter.repeat(2_048))).collect()
    }
}

/// Generates `users` large users in one group, for [`create_pool_for_large_users`](super::create_pool_for_large_users).
pub fn generate_large(users: usize, size: LargeUsers) -> Population {
    let groups: Vec<Group> = groups().into_iter().take(1).collect();
    let user = |number: usize| User {
        username: format!("user{number:06}"),
        attributes: size.attributes(),
        enabled: true,
        confirmed: true,
        groups: groups.iter().map(|group| group.name.clone()).collect(),
    };
    Population { users: (0..users).map(user).collect(), groups }
}

fn groups() -> Vec<Group> {
    let role = |name: &str| Some(format!("arn:aws:iam::123456789012:role/{name}"));
    let group = |name: &str, description: Option<&str>, precedence, role_arn| Group {
        name: name.to_owned(),
        description: description.map(str::to_owned),
        precedence,
        role_arn,
    };
    vec![
        group("admins", Some("May do everything, \"really\""), Some(1), role("admins")),
        group("readers", None, None, None),
        group("Bücher-Freunde", Some("Liest, leiht und streitet über Bücher"), Some(10), None),
        group("редакторы", Some("Пишут и правят"), Some(20), role("editors")),
        group("管理者", Some("承認する人"), Some(5), None),
        group("محررون", None, Some(30), None),
        group("a/b#c|d", Some("Punctuation, that\nbreaks keys"), None, None),
        group("R&D:eu-west+1", None, Some(2_147_483_647), role("path/research")),
        group("👍🏽", Some("One symbol of several code points"), Some(7), None),
        // The last group stays empty.
        group("nobody", Some("Stays empty"), Some(99), None),
    ]
}

fn user(number: usize, groups: &[Group], rng: &mut Rng) -> User {
    let mut attributes = Vec::new();
    let mut set = |name: &str, value: String| attributes.push((name.to_owned(), value));

    let (given, family) = (rng.pick(&GIVEN_NAMES), rng.pick(&FAMILY_NAMES));
    if rng.chance(95) {
        set(
            "email",
            format!("person.{number}+{}@example.{}", rng.below(1_000), rng.pick(&["com", "org", "net"])),
        );
        set("email_verified", rng.chance(80).to_string());
    }
    if rng.chance(50) {
        set("phone_number", format!("+49151{:08}", number * 37 % 100_000_000));
        set("phone_number_verified", rng.chance(60).to_string());
    }
    if rng.chance(90) {
        set("name", format!("{given} {family}"));
        set("given_name", given.to_owned());
        set("family_name", family.to_owned());
    }
    if rng.chance(20) {
        set(
            "birthdate",
            format!("19{:02}-{:02}-{:02}", rng.below(100), 1 + rng.below(12), 1 + rng.below(28)),
        );
        set("address", format!("{} street,\n\"Flat\" {}\\{}", family, rng.below(99), rng.below(9)));
    }
    if rng.chance(40) {
        set("locale", rng.pick(&LOCALES).to_owned());
        set("zoneinfo", rng.pick(&TIME_ZONES).to_owned());
    }
    if rng.chance(10) {
        set("preferred_username", format!("preferred-{number}"));
        set("website", format!("https://example.com/~{number}?q=a,b&c=%20"));
    }
    set("custom:tenant", format!("tenant-{}", number % 7));
    if rng.chance(70) {
        set("custom:plan", rng.pick(&PLANS).to_owned());
        set("custom:score", (rng.below(2_000_000) as i64 - 1_000_000).to_string());
    }
    if rng.chance(50) {
        set("custom:newsletter", rng.chance(50).to_string());
    }
    if rng.chance(60) {
        set("custom:notes", rng.pick(&NOTES).to_owned());
    }
    if rng.chance(1) {
        // The longest possible value: 2,048 characters of three bytes each.
        set("custom:biography", "長い".repeat(1_024));
    }
    User {
        username: username(number, rng),
        attributes,
        enabled: !rng.chance(8),
        confirmed: !rng.chance(3),
        groups: memberships(groups, rng),
    }
}

/// Half of the usernames have a common form. The others have any script and any punctuation. The number makes
/// each username unique.
fn username(number: usize, rng: &mut Rng) -> String {
    match rng.below(4) {
        0 | 1 => format!("user{number:06}"),
        2 => format!("{}{}{number}", rng.pick(&STEMS), rng.pick(&PUNCTUATION)),
        _ => format!("{}{}{}{number}", rng.pick(&PUNCTUATION), rng.pick(&STEMS), rng.pick(&PUNCTUATION)),
    }
}

/// Chooses the groups of a user: half of the users are in no group, some in one, two or four groups.
fn memberships(groups: &[Group], rng: &mut Rng) -> Vec<String> {
    let nonempty = groups.len() - 1;
    let count = match rng.below(10) {
        0..=4 => 0,
        5..=7 => 1,
        8 => 2,
        _ => 4,
    };
    // Consecutive groups, so that no group comes twice.
    let first = rng.below(nonempty);
    (0..count).map(|step| groups[(first + step) % nonempty].name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_population() {
        assert_eq!(generate(300, 7), generate(300, 7));
        assert_ne!(generate(300, 7), generate(300, 8));
    }

    #[test]
    fn generated_usernames_are_unique_and_valid() {
        let population = generate(5_000, 1);
        let names: HashSet<&str> = population.users.iter().map(|user| user.username.as_str()).collect();
        assert_eq!(names.len(), population.users.len());
        for name in names {
            assert!(
                (1..=128).contains(&name.chars().count()) && !name.contains(char::is_whitespace),
                "{name}"
            );
        }
    }

    #[test]
    fn generated_attribute_values_are_within_the_limit() {
        for user in generate(5_000, 1).users {
            for (name, value) in &user.attributes {
                assert!(!value.is_empty() && value.chars().count() <= 2_048, "{name}");
            }
        }
    }

    #[test]
    fn a_small_population_has_users_of_every_kind() {
        let population = generate(200, 1);
        let has = |is: &dyn Fn(&User) -> bool| population.users.iter().any(is);
        assert!(has(&|user| !user.enabled) && has(&|user| !user.confirmed));
        assert!(has(&|user| user.groups.len() > 1) && has(&|user| user.groups.is_empty()));
        assert!(has(&|user| user.attributes.iter().any(|(_, value)| value.contains('\n'))));
        assert!(has(&|user| user.username.contains('#')));
        let nonempty: HashSet<&String> = population.users.iter().flat_map(|user| &user.groups).collect();
        assert_eq!(nonempty.len(), population.groups.len() - 1, "exactly one group is empty");
        for user in &population.users {
            let distinct: HashSet<&String> = user.groups.iter().collect();
            assert_eq!(distinct.len(), user.groups.len());
        }
    }
}

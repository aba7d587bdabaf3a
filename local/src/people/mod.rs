//! A pool full of varied people, the same for the same seed.
//!
//! [`population`] invents them, [`create_pool`] makes a pool that can hold them, [`Population::fill`] puts them there. The
//! people are chosen to be awkward: every script, punctuation that separates things elsewhere, values with commas, quotes,
//! backslashes and line breaks, immutable attributes, long values, disabled and unconfirmed users, groups nobody is in.

mod fill;
mod invent;
mod pool;
mod rng;

pub use fill::Progress;
pub use invent::population;
pub use pool::{SignIn, create_pool, create_pool_for, create_pool_for_jobs};

/// People and the groups they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Population {
    /// The people, each with a username of its own.
    pub people: Vec<Person>,
    /// The groups, each with a name of its own. Some are empty.
    pub groups: Vec<Group>,
}

/// One user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The username, as Cognito allows it: any script, any punctuation, no white space.
    pub username: String,
    /// Standard and custom attributes, by name.
    pub attributes: Vec<(String, String)>,
    /// Whether the user can sign in.
    pub enabled: bool,
    /// Whether the user ever set a password. If not, the status is `FORCE_CHANGE_PASSWORD`.
    pub confirmed: bool,
    /// The names of the groups.
    pub groups: Vec<String>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name, in any script.
    pub name: String,
    /// A description, where there is one.
    pub description: Option<String>,
    /// The precedence, where there is one; 0 is the strongest.
    pub precedence: Option<i32>,
    /// The role of the group's members, where there is one.
    pub role_arn: Option<String>,
}

impl Population {
    /// The same people, each with what they sign in with: an address as the username, where that is wanted, and none that somebody else has.
    #[must_use]
    pub fn signing_in_with(mut self, sign_in: SignIn) -> Self {
        for (number, person) in self.people.iter_mut().enumerate() {
            let address = match sign_in {
                SignIn::Username | SignIn::Alias => continue,
                SignIn::Email => "email",
                SignIn::EmailOrPhone if number % 2 == 0 => "email",
                SignIn::Phone | SignIn::EmailOrPhone => "phone_number",
            };
            let invented = match address {
                "email" => format!("person.{number}@example.com"),
                _ => format!("+4930{number:08}"),
            };
            if sign_in == SignIn::EmailOrPhone && address == "phone_number" {
                person.attributes.retain(|(name, _)| !name.starts_with("email"));
            }
            let there = person.attributes.iter().find(|(name, _)| name == address).map(|(_, value)| value.clone());
            person.username = there.unwrap_or_else(|| {
                person.attributes.push((address.to_owned(), invented.clone()));
                invented
            });
        }
        self
    }

    /// How many memberships there are.
    pub fn memberships(&self) -> usize {
        self.people.iter().map(|person| person.groups.len()).sum()
    }
}

//! Populations: varied users and groups for a pool. The same seed gives the same population.
//!
//! [`generate`] makes a population, [`create_pool`] creates a pool with the attributes that it needs, and
//! [`Population::fill`] creates the users and groups in that pool.
//!
//! The values are difficult on purpose. They have many scripts, punctuation that other formats use as
//! separators, commas, quotes, backslashes and line breaks. Some attributes are immutable or long, some
//! users are disabled or unconfirmed, and one group is empty.

mod fill;
mod generate;
mod pool;
mod rng;

pub use fill::FillProgress;
pub use generate::{LargeUsers, generate, generate_large};
pub use pool::{SignIn, create_pool, create_pool_for, create_pool_for_jobs, create_pool_for_large_users};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Population {
    /// The users. Their usernames are unique.
    pub users: Vec<User>,
    /// The groups. Their names are unique.
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// A username in any script, with any punctuation, without white space.
    pub username: String,
    /// The names and values of standard and custom attributes.
    pub attributes: Vec<(String, String)>,
    pub enabled: bool,
    /// Whether the user has a permanent password. If not, the status is `FORCE_CHANGE_PASSWORD`.
    pub confirmed: bool,
    /// The names of the user's groups.
    pub groups: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// A name in any script.
    pub name: String,
    /// The description, if the group has one.
    pub description: Option<String>,
    /// The precedence, if the group has one. 0 is the highest.
    pub precedence: Option<i32>,
    /// The IAM role of the members, if the group has one.
    pub role_arn: Option<String>,
}

impl Population {
    /// Changes the users so that they fit into a pool with this sign-in option. If users sign in with an
    /// e-mail address or phone number, each user gets a unique one, and it becomes the username.
    #[must_use]
    pub fn with_sign_in(mut self, sign_in: SignIn) -> Self {
        for (number, user) in self.users.iter_mut().enumerate() {
            let attribute = match sign_in {
                SignIn::Username | SignIn::Alias => continue,
                SignIn::Email => "email",
                SignIn::EmailOrPhone if number % 2 == 0 => "email",
                SignIn::Phone | SignIn::EmailOrPhone => "phone_number",
            };
            let default = match attribute {
                "email" => format!("person.{number}@example.com"),
                _ => format!("+4930{number:08}"),
            };
            if sign_in == SignIn::EmailOrPhone && attribute == "phone_number" {
                user.attributes.retain(|(name, _)| !name.starts_with("email"));
            }
            let existing =
                user.attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| value.clone());
            user.username = existing.unwrap_or_else(|| {
                user.attributes.push((attribute.to_owned(), default.clone()));
                default
            });
        }
        self
    }

    /// The number of memberships.
    pub fn memberships(&self) -> usize {
        self.users.iter().map(|user| user.groups.len()).sum()
    }
}

//! How users sign in after a restore, in words.

use shared::format::plural;
use shared::model::{Note, Passwords, Totals};

/// How `users`, the users that a restore created, sign in.
pub fn after_restore(users: &str, totals: &Totals, passwords: Passwords) -> String {
    let cannot = totals.notes.get(&Note::CannotResetPassword).copied().unwrap_or_default();
    let how = match passwords {
        Passwords::Temporary => {
            "with the temporary password of their invitation. Users without an address cannot sign in."
                .to_owned()
        }
        Passwords::Random if cannot == 0 => "after \"forgot password\".".to_owned(),
        Passwords::Random if cannot >= totals.users.created => {
            return format!(
                "No restore brings back passwords, and {users} cannot reset their passwords without an administrator. {ADVICE}"
            );
        }
        Passwords::Random => {
            format!(
                "after \"forgot password\". {} cannot reset the password alone. {ADVICE}",
                plural(cannot, "user", "users")
            )
        }
    };
    format!("No restore brings back passwords: {users} sign in {how}")
}

/// What to do about users that cannot reset their password.
const ADVICE: &str = "Remove the causes that the summary names, or set passwords with `aws cognito-idp admin-set-user-password`.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_that_cannot_reset_the_password_are_not_told_to_reset_it() {
        let words = |created, cannot| {
            let mut totals = Totals::default();
            totals.users.created = created;
            if cannot > 0 {
                totals.notes.insert(Note::CannotResetPassword, cannot);
            }
            after_restore("users", &totals, Passwords::Random)
        };
        assert_eq!(words(5, 0), "No restore brings back passwords: users sign in after \"forgot password\".");
        assert!(
            words(5, 1).contains(
                "sign in after \"forgot password\". 1 user cannot reset the password alone. Remove"
            )
        );
        let none = words(5, 5);
        assert!(
            none.contains("and users cannot reset their passwords without an administrator.")
                && !none.contains("forgot password"),
            "{none}"
        );
    }
}

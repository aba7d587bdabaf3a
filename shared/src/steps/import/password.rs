//! Passwords nobody knows: random, set once, kept nowhere.

use crate::pool::Password;
use crate::{Error, ErrorKind, Result};

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &[u8] = b"0123456789";
/// Some of the special characters that Cognito counts as such.
/// Source: "Adding user pool password requirements", Amazon Cognito developer guide.
const SYMBOLS: &[u8] = b"^$*.[]{}()?-!@#%&/,><':;|_~`+=";
/// Characters of a password, where the policy asks for no more: about 200 bits.
const LENGTH: usize = 32;

/// A random password that satisfies any policy of at least `minimum_length` characters: it has every class of character.
pub fn random(minimum_length: u32) -> Result<Password> {
    let length = LENGTH.max(minimum_length as usize);
    let all: Vec<u8> = [LOWER, UPPER, DIGITS, SYMBOLS].concat();
    let mut characters = Vec::with_capacity(length);
    for class in [LOWER, UPPER, DIGITS, SYMBOLS] {
        characters.push(pick(class)?);
    }
    while characters.len() < length {
        characters.push(pick(&all)?);
    }
    // Fisher-Yates, so that nobody knows which place holds which class.
    for last in (1..characters.len()).rev() {
        characters.swap(last, below(last as u32 + 1)? as usize);
    }
    Ok(Password::new(characters.into_iter().map(char::from).collect()))
}

fn pick(from: &[u8]) -> Result<u8> {
    below(from.len() as u32).map(|at| from[at as usize])
}

/// A uniform random number below `bound`, by rejection.
fn below(bound: u32) -> Result<u32> {
    let limit = u32::MAX - u32::MAX % bound;
    loop {
        let random = getrandom::u32().map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("The system's random source failed: {error}."),
                "No password was set; start the import again with the same input.",
            )
        })?;
        if random < limit {
            return Ok(random % bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_every_class_and_the_length_asked_for() {
        let mut seen = std::collections::HashSet::new();
        for minimum in [6, 8, 32, 99] {
            for _ in 0..50 {
                let password = random(minimum).unwrap();
                let text = password.reveal().to_owned();
                assert_eq!(text.len(), LENGTH.max(minimum as usize));
                for class in [LOWER, UPPER, DIGITS, SYMBOLS] {
                    assert!(text.bytes().any(|b| class.contains(&b)));
                }
                assert!(seen.insert(text));
            }
        }
        assert_eq!(format!("{:?}", random(8).unwrap()), "Password(…)");
    }
}

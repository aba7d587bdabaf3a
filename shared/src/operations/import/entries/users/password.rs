//! Random passwords. The restore sets each of them once, and neither stores nor logs it.

use crate::ports::pool::Password;
use crate::{Error, ErrorKind, Guidance, Result};

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &[u8] = b"0123456789";
/// Some of the special characters of Cognito. Source: "Adding user pool password requirements",
/// Amazon Cognito developer guide.
const SYMBOLS: &[u8] = b"^$*.[]{}()?-!@#%&/,><':;|_~`+=";
/// Characters of a password, unless the policy asks for more: about 200 bits.
const LENGTH: usize = 32;

/// A random password that satisfies any policy with a minimum of `minimum_length` characters (at
/// most 256). It has every class of characters.
pub fn random(minimum_length: u32) -> Result<Password> {
    let length = LENGTH.max(minimum_length as usize);
    let all: Vec<u8> = [LOWER, UPPER, DIGITS, SYMBOLS].concat();
    let mut randomness = Randomness::default();
    let mut characters = Vec::with_capacity(length);
    for class in [LOWER, UPPER, DIGITS, SYMBOLS] {
        characters.push(randomness.pick(class)?);
    }
    while characters.len() < length {
        characters.push(randomness.pick(&all)?);
    }
    // Fisher-Yates, so that no place is known to hold a class.
    for last in (1..characters.len()).rev() {
        characters.swap(last, randomness.below(last + 1)?);
    }
    Ok(Password::new(characters.into_iter().map(char::from).collect()))
}

/// Random bytes of the system. It asks for many bytes at once, because a restore makes two
/// passwords a user.
#[derive(Default)]
struct Randomness(Vec<u8>);

impl Randomness {
    /// About as many bytes as a password takes.
    const AT_ONCE: usize = 128;

    fn pick(&mut self, from: &[u8]) -> Result<u8> {
        self.below(from.len()).map(|at| from[at])
    }

    /// A uniform random number below `bound` (at most 256), by rejection.
    fn below(&mut self, bound: usize) -> Result<usize> {
        let limit = 256 - 256 % bound;
        loop {
            let random = usize::from(self.byte()?);
            if random < limit {
                return Ok(random % bound);
            }
        }
    }

    fn byte(&mut self) -> Result<u8> {
        if self.0.is_empty() {
            self.0.resize(Self::AT_ONCE, 0);
            getrandom::fill(&mut self.0).map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    format!("The system's random source failed: {error}."),
                    Guidance::SameInputAgain,
                )
            })?;
        }
        Ok(self.0.pop().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_every_class_of_characters_and_the_minimum_length() {
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

    #[test]
    fn random_numbers_below_a_bound_are_uniform() {
        let mut randomness = Randomness::default();
        for bound in [1, 2, 93, 256] {
            let mut counts = vec![0_u32; bound];
            (0..bound * 1_000).for_each(|_| counts[randomness.below(bound).unwrap()] += 1);
            // The mean is 1,000. The bounds are 10 standard deviations away.
            assert!(counts.iter().all(|count| (680..=1_320).contains(count)), "{bound}: {counts:?}");
        }
    }
}

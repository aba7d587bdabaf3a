//! Content digests: the first 128 bits of SHA-256 (FIPS 180-4; truncation as in NIST SP 800-107).
//!
//! 128 bits keep a page entry at 33 bytes. A digest is compared only with digests of the same user.
//! By accident, 2 of about 2^64 contents have the same digest. Digests detect damage. They do not
//! stop an attacker who may write to the table.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Error, ErrorKind};

/// A content digest of 16 bytes. As text, it is 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest([u8; 16]);

impl Digest {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub fn into_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Parses 32 lower-case hexadecimal digits. The error does not show the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = || Error::new(ErrorKind::SnapshotDamaged, "A digest is not 32 hexadecimal digits.", "");
        let text_bytes: &[u8; 32] = text.as_bytes().try_into().map_err(|_| bad())?;
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(text_bytes.chunks_exact(2)) {
            let nibble = |digit: u8| match digit {
                b'0'..=b'9' => Ok(digit - b'0'),
                b'a'..=b'f' => Ok(digit - b'a' + 10),
                _ => Err(bad()),
            };
            *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Digests a sequence of fields. The length goes before each field, so no two sequences have the same
/// bytes.
pub struct DigestBuilder(Sha256);

impl DigestBuilder {
    /// Starts a digest. `domain` separates digests of different kinds of things.
    pub fn new(domain: &str) -> Self {
        Self(Sha256::new()).text(domain)
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    pub fn digest(self, digest: Digest) -> Self {
        self.bytes(&digest.0)
    }

    /// Adds the JSON of a value. Struct fields keep the order of their declaration and map keys are sorted
    /// (`BTreeMap`), so equal values have equal JSON.
    pub fn json(self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.bytes(&bytes),
            // Plain data with text keys always serialises. If that ever changes, the error's text keeps
            // digests distinct. A digest shows nothing of it.
            Err(error) => self.text(&error.to_string()),
        }
    }

    pub fn finish(self) -> Digest {
        let full: [u8; 32] = self.0.finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&full[..16]);
        Digest(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        let digest = DigestBuilder::new("test").text("x").finish();
        assert_eq!(Digest::parse(&digest.to_string()), Ok(digest));
        for bad in ["", "zz", &"g".repeat(32), &"A".repeat(32), &"é".repeat(16)] {
            let error = Digest::parse(bad).unwrap_err();
            assert!(bad.is_empty() || !error.message().contains(bad), "{bad}: {error}");
        }
    }

    #[test]
    fn fields_do_not_run_together() {
        let digest = |parts: &[&str]| {
            parts.iter().fold(DigestBuilder::new("t"), |builder, part| builder.text(part)).finish()
        };
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["ab"]), digest(&["a", "b"]));
        assert_ne!(DigestBuilder::new("a").finish(), DigestBuilder::new("b").finish());
    }
}

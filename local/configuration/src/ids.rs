//! The ids and secrets that Cognito chooses. They follow from the account, the Region and the number of ids
//! before, so that a test always sees the same ones.

use std::collections::BTreeSet;

/// Draws ids.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    state: u64,
    /// All secrets that were generated.
    secrets: BTreeSet<String>,
}

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Ids {
    pub fn new(account: &str, region: &str) -> Self {
        Self { state: hash(&format!("{account} {region}")), secrets: BTreeSet::new() }
    }

    /// 26 characters: CreateUserPoolClient, API reference.
    pub fn client(&mut self) -> String {
        self.text(LOWER, 26)
    }

    /// 52 lower-case letters and digits, as AWS's own secrets.
    pub fn secret(&mut self) -> String {
        self.text(LOWER, 52)
    }

    /// Remembers that a secret was generated for a client.
    pub fn remember_secret(&mut self, secret: &str) {
        self.secrets.insert(secret.to_owned());
    }

    /// Whether a secret was generated for a client.
    pub fn has_generated(&self, secret: &str) -> bool {
        self.secrets.contains(secret)
    }

    pub fn pool(&mut self, region: &str) -> String {
        format!("{region}_{}", self.text(MIXED, 9))
    }

    pub fn lower(&mut self, length: usize) -> String {
        self.text(LOWER, length)
    }

    /// A UUID of version 4.
    pub fn uuid(&mut self) -> String {
        let (a, b) = (self.draw(), self.draw());
        let third = a & 0xfff;
        let fourth = 0x8000 | b >> 48 & 0x3fff;
        format!(
            "{:08x}-{:04x}-4{third:03x}-{fourth:04x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            b & 0xffff_ffff_ffff
        )
    }

    fn text(&mut self, letters: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(letters[(self.draw() % letters.len() as u64) as usize])).collect()
    }

    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

/// FNV-1a, which stays the same in every build.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_cognito_and_never_repeat() {
        let mut ids = Ids::new("123456789012", "eu-central-1");
        let (client, secret, uuid) = (ids.client(), ids.secret(), ids.uuid());
        assert_eq!((client.len(), secret.len(), uuid.len()), (26, 52, 36));
        assert_eq!(&uuid[14..15], "4");
        assert_ne!(client, ids.client());
        assert!(ids.pool("eu-central-1").starts_with("eu-central-1_"));
    }
}

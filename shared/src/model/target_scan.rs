//! The users that a target has before a restore writes to it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder, ListingPosition, Sub, UserRecord, Username};

/// How far a target scan or a member scan has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListingCheckpoint {
    /// Counts the checkpoints.
    pub step: u64,
    /// Pages of the snapshot whose `sub`s are in the table. Only the target scan of the own pool
    /// writes them, before it lists.
    #[serde(default)]
    pub noted: u64,
    /// Calls of a member scan so far.
    #[serde(default)]
    pub listed: u64,
    /// Where the listing stands.
    pub position: ListingPosition,
}

/// A user of the target, as the scan shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScannedUser {
    pub sub: Sub,
    pub username: Username,
    /// The digest of what a restore keeps: see [`UserRecord::kept_digest`](super::UserRecord::kept_digest).
    pub content: Digest,
    /// The attributes whose values the restore would leave out of it. The digest is without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Whether Cognito made the user at a federated sign-in.
    #[serde(default)]
    pub is_federated: bool,
    /// What tells how it differs from a user of the snapshot. None unless the restore updates users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<ScannedValues>,
}

/// The hashes of a user's comparable attributes, 8 bytes each: 4 of the name, and 4 of the name with the value.
/// By accident, 1 in 2^32 values that differ looks equal. Then a plan counts one user wrongly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScannedValues {
    #[serde(rename = "h", with = "super::binary::bytes")]
    packed: Vec<u8>,
    #[serde(rename = "e")]
    enabled: bool,
}

type ShortHash = [u8; 4];

impl ScannedValues {
    pub fn of(user: &UserRecord) -> Self {
        let attributes = user.comparable_attributes();
        let packed = attributes.into_iter().flat_map(|(name, value)| [hash(&[name]), hash(&[name, value])]);
        Self { packed: packed.flatten().collect(), enabled: user.enabled }
    }

    /// A user that differs from `wanted` as the scanned user does. Values that differ, and names of
    /// attributes that are neither in `wanted` nor in `others`, are replaced.
    pub fn user_beside<'a>(
        &self,
        wanted: &'a UserRecord,
        others: impl IntoIterator<Item = &'a str>,
    ) -> UserRecord {
        let mut values: HashMap<ShortHash, ShortHash> =
            self.packed.chunks_exact(8).map(|pair| (short(pair), short(&pair[4..]))).collect();
        let wanted_values = wanted.comparable_attributes();
        let addresses = ["email", "email_verified", "phone_number", "phone_number_verified"];
        let others = others.into_iter().chain(addresses);
        let mut attributes = BTreeMap::new();
        for name in wanted_values.keys().copied().chain(others) {
            let Some(value) = values.remove(&hash(&[name])) else { continue };
            let same = wanted_values.get(name).filter(|wanted| hash(&[name, wanted]) == value);
            let other = if name.ends_with("_verified") { "true" } else { "another value" };
            attributes.insert(name.to_owned(), (*same.unwrap_or(&other)).to_owned());
        }
        attributes.extend((0..values.len()).map(|number| (format!("another-{number}"), "?".to_owned())));
        UserRecord { attributes, enabled: self.enabled, ..wanted.clone() }
    }
}

fn hash(texts: &[&str]) -> ShortHash {
    let digest = texts.iter().fold(DigestBuilder::new("scanned"), |digest, text| digest.text(text));
    short(&digest.finish().into_bytes())
}

/// The first four bytes.
fn short(bytes: &[u8]) -> ShortHash {
    let mut short = ShortHash::default();
    short.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(attributes: &[(&str, &str)], enabled: bool) -> UserRecord {
        UserRecord { enabled, ..UserRecord::confirmed("anna", attributes) }
    }

    #[test]
    fn hashes_of_values_tell_which_attributes_differ() {
        let wanted = user(&[("email", "a@x"), ("name", "Anna"), ("locale", "de")], true);
        let present =
            user(&[("email", "b@x"), ("email_verified", "true"), ("name", "Anna"), ("custom:x", "1")], false);
        let values = ScannedValues::of(&present);
        let item: serde_dynamo::Item = serde_dynamo::to_item(&values).unwrap();
        assert_eq!(serde_dynamo::from_item::<_, ScannedValues>(item).unwrap(), values);
        let beside = values.user_beside(&wanted, []);
        let unlike = |other: &UserRecord| wanted.fields_unlike(other, None);
        assert_eq!(unlike(&beside), ["another-0", "email", "email_verified", "locale", "enabled"]);
        let named = values.user_beside(&wanted, ["custom:x"]);
        assert_eq!(unlike(&named), unlike(&present));
        assert_eq!(ScannedValues::of(&wanted).user_beside(&wanted, []), wanted);
    }
}

//! Secrets of a configuration: how they are named, encrypted, linked and put back.
//!
//! KMS encrypts each secret by itself, with the pool, the object and the member as encryption context. The list of the
//! configuration links each to its record by its MAC. The MAC is made by KMS, too, so a secret that can be guessed
//! cannot be confirmed from the table. A plain digest of it is stored nowhere.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::difference::document::SecretMac;
use super::members::sorted;
use crate::model::{Digest, DigestBuilder, PoolId};
use crate::{Error, ErrorKind};

/// The JSON text of a secret value. It is overwritten in memory when it is dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

impl SecretText {
    /// The most bytes that one call of KMS encrypts (Encrypt, AWS KMS API reference).
    pub const MAX_DIRECT: usize = 4096;
    /// The most bytes of a stored secret. In base64 it fits into one item of the table.
    pub const MAX: usize = 240 * 1024;

    /// The text of a value. Equal values have equal texts.
    pub fn of(value: &Value) -> Self {
        Self(Zeroizing::new(sorted(value.clone()).to_string()))
    }

    /// The text in decrypted bytes. None if they hold no JSON.
    pub fn parse(bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        let text = Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned());
        serde_json::from_str::<Value>(&text).is_ok().then_some(Self(text))
    }

    /// The text, for the one place that encrypts it.
    pub fn reveal(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The value, for the one place that prints it.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }

    /// The SHA-256 of the text: the message of its MAC.
    pub fn sha256(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(Sha256::digest(self.reveal()).into())
    }
}

/// The ARN of a multi-Region key of KMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyArn(String);

impl KeyArn {
    /// Reads `arn:aws:kms:eu-west-1:123456789012:key/mrk-…`.
    ///
    /// # Errors
    /// `InvalidInput` if it is no such ARN.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.split(':').collect();
        let is_made_of = |part: &str, others: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        };
        let is_arn = match parts[..] {
            ["arn", partition, "kms", region, account, key] => {
                is_made_of(partition, "-")
                    && is_made_of(region, "-")
                    && account.len() == 12
                    && account.bytes().all(|digit| digit.is_ascii_digit())
                    && key.strip_prefix("key/mrk-").is_some_and(|id| is_made_of(id, "") && id.len() <= 64)
            }
            _ => false,
        };
        if is_arn {
            return Ok(Self(text.to_owned()));
        }
        let guidance = "Give the ARN of a multi-Region key, such as arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd. \
                        An alias, and a key of one Region, are refused.";
        Err(Error::new(ErrorKind::InvalidInput, "The text is no ARN of a multi-Region key of KMS.", guidance))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, number: usize) -> &str {
        self.0.split(':').nth(number).unwrap_or_default()
    }

    pub fn region(&self) -> &str {
        self.part(3)
    }

    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// The id, which all replicas of a multi-Region key share: `mrk-…`.
    pub fn id(&self) -> &str {
        self.part(5).strip_prefix("key/").unwrap_or_default()
    }

    /// Another key of the same account and Region.
    fn sibling(&self, id: &str) -> Option<Self> {
        let (prefix, _) = self.0.rsplit_once('/')?;
        Self::parse(&format!("{prefix}/{id}")).ok()
    }

    /// The replica of the key in another Region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self(format!("arn:{}:kms:{region}:{}:key/{}", self.part(1), self.account(), self.id()))
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<KeyArn> for String {
    fn from(arn: KeyArn) -> Self {
        arn.0
    }
}

impl TryFrom<String> for KeyArn {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).map_err(|_| "no ARN of a key")
    }
}

/// The keys for the secrets of configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationKeys {
    /// A symmetric key, which encrypts.
    pub encryption: KeyArn,
    /// An HMAC key, which tells a change.
    pub mac: KeyArn,
}

impl ConfigurationKeys {
    /// Both keys, or none. `names` says what the caller calls them.
    ///
    /// # Errors
    /// `InvalidConfiguration` if only one is set. `InvalidInput` if one is no ARN of a key.
    pub fn read(
        encryption: Option<&str>,
        mac: Option<&str>,
        [encryption_name, mac_name]: [&str; 2],
    ) -> Result<Option<Self>, Error> {
        let parse = |name: &str, text: &str| {
            KeyArn::parse(text).map_err(|error| {
                let what = format!("{name} is no ARN of a multi-Region key of KMS.");
                Error::new(error.kind(), what, error.guidance().clone())
            })
        };
        let lacks = |name: &str, other: &str| {
            let what = format!("{other} is set, and {name} is not.");
            let guidance = format!("Set both, or neither. Without {name}, no secret can be kept.");
            Err(Error::new(ErrorKind::InvalidConfiguration, what, guidance.as_str()))
        };
        match (encryption, mac) {
            (None, None) => Ok(None),
            (Some(_), None) => lacks(mac_name, encryption_name),
            (None, Some(_)) => lacks(encryption_name, mac_name),
            (Some(encryption), Some(mac)) => {
                let encryption = parse(encryption_name, encryption)?;
                Ok(Some(Self { encryption, mac: parse(mac_name, mac)? }))
            }
        }
    }
}

/// What a ciphertext is bound to. KMS decrypts it for nothing else, and writes these texts to CloudTrail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretContext {
    pool: PoolId,
    object: String,
    member: String,
}

impl SecretContext {
    pub fn new(pool: &PoolId, object: &str, member: &str) -> Self {
        Self { pool: pool.clone(), object: object.to_owned(), member: member.to_owned() }
    }

    /// The names and values of the encryption context.
    pub fn pairs(&self) -> [(&'static str, &str); 3] {
        [("pool", self.pool.as_str()), ("object", &self.object), ("member", &self.member)]
    }

    /// The same as the associated data of AES-GCM. The length goes before each value.
    pub fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        for (name, value) in self.pairs() {
            for text in [name, value] {
                data.extend((text.len() as u64).to_be_bytes());
                data.extend(text.as_bytes());
            }
        }
        data
    }
}

/// A secret of an object, as the list of the configuration links it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedSecret {
    /// The path of the member, as in [`Field::path`](super::Field::path).
    pub member: String,
    /// Where it belongs in the document of the object: a JSON pointer.
    pub place: String,
    /// The MAC of its value, in base64.
    pub mac: String,
    /// The id of the key that made the MAC.
    pub mac_key: String,
    /// The name of its record.
    pub record: Digest,
}

impl CapturedSecret {
    pub fn to_mac(&self) -> SecretMac {
        SecretMac { mac: self.mac.clone(), key: Some(self.mac_key.clone()) }
    }
}

/// An encrypted secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedSecret {
    /// The key of KMS.
    pub key: KeyArn,
    /// In base64: by KMS, or by AES-256-GCM with the data key of the envelope.
    pub ciphertext: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Envelope>,
}

/// The data key of a value that is too large for KMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The data key, encrypted by KMS, in base64.
    pub data_key: String,
    /// The nonce of AES-GCM, in base64.
    pub nonce: String,
}

/// The record of a secret.
///
/// Its name follows from the object, the member, the keys and the MAC. So an unchanged secret has one record, although
/// each encryption gives another ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRecord {
    object: String,
    member: String,
    /// The id of the key with which the export encrypted. A copy keeps it, and encrypts with another.
    key: String,
    mac_key: String,
    mac: String,
    /// None if a copy left the secret out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<SealedSecret>,
    /// The MAC with the key of the account to which the snapshot was copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copied_mac: Option<CopiedMac>,
    /// The digest of all of this, which shows damage without a key.
    check: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CopiedMac {
    mac: String,
    key: String,
}

impl SecretRecord {
    /// The link to the record of a secret, and the record, which holds nothing yet.
    pub fn link(
        (object, member, place): (&str, &str, &str),
        keys: &ConfigurationKeys,
        mac: &[u8],
    ) -> (CapturedSecret, Self) {
        let record = Self {
            object: object.to_owned(),
            member: member.to_owned(),
            key: keys.encryption.id().to_owned(),
            mac_key: keys.mac.id().to_owned(),
            mac: STANDARD.encode(mac),
            sealed: None,
            copied_mac: None,
            check: Digest::default(),
        };
        let link = CapturedSecret {
            member: record.member.clone(),
            place: place.to_owned(),
            mac: record.mac.clone(),
            mac_key: record.mac_key.clone(),
            record: record.name(),
        };
        (link, record)
    }

    /// The record with this ciphertext.
    #[must_use]
    pub fn sealed_as(self, sealed: SealedSecret) -> Self {
        Self { sealed: Some(sealed), ..self }.checked()
    }

    /// The record at the destination of a copy: encrypted again, with the MAC of the destination's key.
    #[must_use]
    pub fn copied_as(self, sealed: SealedSecret, mac_key: &KeyArn, mac: &[u8]) -> Self {
        let copied_mac = CopiedMac { mac: STANDARD.encode(mac), key: mac_key.id().to_owned() };
        Self { sealed: Some(sealed), copied_mac: Some(copied_mac), ..self }.checked()
    }

    /// The record at the destination of a copy that leaves the secret out.
    #[must_use]
    pub fn left_out(self) -> Self {
        Self { sealed: None, copied_mac: None, ..self }.checked()
    }

    fn checked(mut self) -> Self {
        self.check = self.checksum();
        self
    }

    fn checksum(&self) -> Digest {
        let Self { object, member, key, mac_key, mac, sealed, copied_mac, check: _ } = self;
        let named = (object, member, key, mac_key, mac);
        DigestBuilder::new("record of a secret").json(&(named, sealed, copied_mac)).finish()
    }

    /// The name of the record.
    pub fn name(&self) -> Digest {
        let Self { object, member, key, mac_key, mac, .. } = self;
        let parts = [object, member, key, mac_key, mac];
        parts.into_iter().fold(DigestBuilder::new("secret"), |digest, part| digest.text(part)).finish()
    }

    /// The name of the record in a stored text. None if the text is altered.
    pub fn name_in(json: &str) -> Option<Digest> {
        let record: Self = serde_json::from_str(json).ok()?;
        (record.check == record.checksum()).then(|| record.name())
    }

    /// The ciphertext. None if a copy left the secret out.
    pub fn sealed(&self) -> Option<&SealedSecret> {
        self.sealed.as_ref()
    }

    /// The bytes of its text in the table.
    pub fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(0, |text| text.len())
    }

    /// The keys that encrypted the secret and made its MAC, in this Region. A deployment has both in one account. None if a
    /// copy left the secret out.
    pub fn keys(&self, region: &str) -> Option<ConfigurationKeys> {
        let encryption = self.sealed()?.key.in_region(region);
        let mac = encryption.sibling(&self.to_mac().key?)?;
        Some(ConfigurationKeys { encryption, mac })
    }

    /// What the ciphertext is bound to. A copy keeps the pool.
    pub fn context(&self, pool: &PoolId) -> SecretContext {
        SecretContext::new(pool, &self.object, &self.member)
    }

    /// The MAC to compare: that of the account in which the record is.
    pub fn to_mac(&self) -> SecretMac {
        match &self.copied_mac {
            Some(CopiedMac { mac, key }) => SecretMac { mac: mac.clone(), key: Some(key.clone()) },
            None => SecretMac { mac: self.mac.clone(), key: Some(self.mac_key.clone()) },
        }
    }
}

/// Whether a client certainly has a secret. Cognito shows no secret that was supplied by hand or replaced. But only a
/// client with a secret can have `client_credentials`, or pass the data of user contexts on
/// (`EnablePropagateAdditionalUserContextData`, UserPoolClientType, API reference).
pub fn shows_secret(client: &Value) -> bool {
    let is_text = |member: &str| client[member].as_str().is_some_and(|text| !text.is_empty());
    let flows = client["AllowedOAuthFlows"].as_array();
    let needs_secret = flows.is_some_and(|flows| flows.iter().any(|flow| flow == "client_credentials"));
    let passes_context = client["EnablePropagateAdditionalUserContextData"] == true;
    is_text("ClientSecret") || is_text("ClientSecretArn") || needs_secret || passes_context
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1a";
    const MAC_KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/mrk-2b";

    fn keys() -> ConfigurationKeys {
        ConfigurationKeys::read(Some(KEY), Some(MAC_KEY), ["A", "B"]).unwrap().unwrap()
    }

    fn record(ciphertext: &str) -> SecretRecord {
        let (_, record) = SecretRecord::link(("clients/1", "ClientSecret", "/ClientSecret"), &keys(), b"mac");
        let key = keys().encryption;
        record.sealed_as(SealedSecret { key, ciphertext: ciphertext.to_owned(), envelope: None })
    }

    #[test]
    fn a_secret_is_never_shown() {
        let text = SecretText::of(&json!({"b": "planted", "a": 1}));
        assert_eq!(format!("{text:?}"), "SecretText(…)");
        assert_eq!(text.reveal(), br#"{"a":1,"b":"planted"}"#);
        assert_eq!(text.to_value(), json!({"a": 1, "b": "planted"}));
        assert_eq!(SecretText::parse(Zeroizing::new(text.reveal().to_vec())), Some(text));
        assert_eq!(SecretText::parse(Zeroizing::new(b"planted".to_vec())), None);
    }

    #[test]
    fn only_arns_of_multi_region_keys_are_keys() {
        let key = KeyArn::parse(KEY).unwrap();
        assert_eq!((key.region(), key.account(), key.id()), ("eu-west-1", "123456789012", "mrk-1a"));
        assert_eq!(key.in_region("us-east-1").as_str(), "arn:aws:kms:us-east-1:123456789012:key/mrk-1a");
        for wrong in [
            "",
            "mrk-1a",
            "arn:aws:kms:eu-west-1:123456789012:alias/x",
            "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-west-1:12345678901:key/mrk-1a",
            "arn:aws:kms::123456789012:key/mrk-1a",
            "arn:aws:kms:eu-west-1:123456789012:key/mrk-",
            "arn:aws:kms:eu-west-1:123456789012:key/mrk-1a:x",
        ] {
            assert_eq!(KeyArn::parse(wrong).unwrap_err().kind(), ErrorKind::InvalidInput, "{wrong}");
        }
    }

    #[test]
    fn one_key_alone_is_an_error_that_names_the_other() {
        let read = |encryption, mac| ConfigurationKeys::read(encryption, mac, ["ONE", "OTHER"]);
        assert_eq!(read(None, None), Ok(None));
        for (encryption, mac, missing) in [(Some(KEY), None, "OTHER is not"), (None, Some(KEY), "ONE is not")]
        {
            let error = read(encryption, mac).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfiguration);
            assert!(error.message().contains(missing), "{error}");
        }
        let error = read(Some(KEY), Some("planted")).unwrap_err();
        assert!(error.message().starts_with("OTHER is no ARN") && !error.message().contains("planted"));
    }

    #[test]
    fn two_ciphertexts_of_one_secret_have_one_name() {
        let [one, other] = [record("AAAA"), record("BBBB")];
        assert_eq!(one.name(), other.name());
        let link = |object: &str, member: &str, keys: &ConfigurationKeys, mac: &[u8]| {
            SecretRecord::link((object, member, "/x"), keys, mac).0.record
        };
        let other_keys = ConfigurationKeys { encryption: KeyArn::parse(MAC_KEY).unwrap(), ..keys() };
        let names = [
            link("clients/1", "ClientSecret", &keys(), b"mac"),
            link("clients/2", "ClientSecret", &keys(), b"mac"),
            link("clients/1", "New", &keys(), b"mac"),
            link("clients/1", "ClientSecret", &keys(), b"other"),
            link("clients/1", "ClientSecret", &other_keys, b"mac"),
        ];
        assert_eq!(names[0], one.name());
        assert_eq!(std::collections::BTreeSet::from(names).len(), 5);
    }

    #[test]
    fn an_altered_record_has_no_name() {
        let stored = |record: &SecretRecord| serde_json::to_string(record).unwrap();
        let whole = record("AAAA");
        assert_eq!(SecretRecord::name_in(&stored(&whole)), Some(whole.name()));
        assert_eq!(SecretRecord::name_in(&stored(&whole.clone().left_out())), Some(whole.name()));
        assert_eq!(SecretRecord::name_in(&stored(&whole).replace("AAAA", "AAAB")), None);
        assert_eq!(SecretRecord::name_in("{}"), None);
    }

    #[test]
    fn a_copied_record_keeps_its_name_and_compares_by_its_new_mac() {
        let whole = record("AAAA");
        let key = KeyArn::parse(MAC_KEY).unwrap();
        let sealed = SealedSecret { key: key.clone(), ciphertext: "BBBB".to_owned(), envelope: None };
        let copied = whole.clone().copied_as(sealed, &key, b"other");
        assert_eq!(copied.name(), whole.name());
        assert_ne!(copied.to_mac(), whole.to_mac());
        assert_eq!(SecretRecord::name_in(&serde_json::to_string(&copied).unwrap()), Some(whole.name()));
    }

    #[test]
    fn associated_data_do_not_run_together() {
        let pool = PoolId::parse("eu-west-1_A").unwrap();
        let data = |object: &str, member: &str| SecretContext::new(&pool, object, member).associated_data();
        assert_ne!(data("ab", "c"), data("a", "bc"));
    }
}

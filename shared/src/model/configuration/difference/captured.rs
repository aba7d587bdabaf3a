//! A capture as a configuration to compare.

use std::collections::BTreeMap;

use super::document::{Configuration, DocumentError, SecretPlaceholder, Uncaptured};
use super::normal::ASSET;
use crate::model::configuration::{self, CapturedList, CapturedObject, assets_in, put_at};

impl Configuration {
    /// The configuration of a capture, as its list and its objects have it.
    ///
    /// The detail of what is not compared is then the name of the
    /// [reason](configuration::NotCapturedReason).
    ///
    /// # Errors
    ///
    /// [`DocumentError::Twice`] if two objects have one name.
    pub fn of_capture(
        list: &CapturedList,
        objects: impl IntoIterator<Item = CapturedObject>,
    ) -> Result<Self, DocumentError> {
        let mut captured = Self::default();
        let secrets: BTreeMap<_, _> =
            list.entries().iter().map(|entry| (&entry.name, &entry.secrets)).collect();
        for CapturedObject { name, mut document } in objects {
            // The digests stand for bytes.
            assets_in(name.kind, &mut document).for_each(|digest| digest.insert_str(0, ASSET));
            for secret in secrets.get(&name).into_iter().copied().flatten() {
                let placeholder = SecretPlaceholder { mac: Some(secret.to_mac()) };
                put_at(&mut document, &secret.place, placeholder.to_value());
            }
            captured.insert(name, document)?;
        }
        for lacking in list.not_captured() {
            let reason = lacking.reason.as_str();
            match Uncaptured::of(&lacking.object) {
                Some(object) => captured.set_not_captured(object, lacking.member.as_deref(), reason),
                None => captured.set_unknown_not_captured(lacking.object.to_string(), reason),
            }
        }
        let without_secrets = list.entries().iter().filter(|entry| entry.secrets_left_out > 0);
        captured.left_out = without_secrets.map(|entry| entry.name.clone()).collect();
        let unknown = list.unknown().iter();
        captured.unknown_objects = unknown.map(|entry| (entry.name.clone(), entry.digest)).collect();
        Ok(captured)
    }
}

impl Uncaptured {
    /// None for a kind that this version does not know.
    fn of(object: &configuration::Uncaptured) -> Option<Self> {
        match object {
            configuration::Uncaptured::All(kind) => Some(Self { kind: *kind, id: None }),
            configuration::Uncaptured::One(name) => {
                Some(Self { kind: name.kind, id: (!name.kind.is_single()).then(|| name.id.clone()) })
            }
            configuration::Uncaptured::Other(_) => None,
        }
    }
}

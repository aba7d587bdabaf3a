//! A capture as a configuration to compare.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{Configuration, DocumentError, SecretPlaceholder, Uncaptured};
use super::normal::ASSET;
use crate::model::ErrorCode;
use crate::model::configuration::{
    self, CapturedList, CapturedObject, CapturedSecret, NotCapturedReason, assets_in, put_at,
};

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
        Self::of_objects(list, objects, |object, secrets| {
            // The digests stand for bytes.
            assets_in(object.name.kind, &mut object.document).for_each(|digest| digest.insert_str(0, ASSET));
            for secret in secrets {
                let placeholder = SecretPlaceholder { mac: Some(secret.to_mac()) };
                put_at(&mut object.document, &secret.place, placeholder.to_value());
            }
        })
    }

    /// The configuration of a pool at this moment, as [`Self::of_capture`] has it. It can lack MACs that KMS did not make.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Twice`] if two objects have one name.
    pub fn of_live(
        list: &CapturedList,
        objects: impl IntoIterator<Item = CapturedObject>,
    ) -> Result<Self, DocumentError> {
        let mut live = Self::of_capture(list, objects)?;
        for lacking in list.not_captured() {
            if let (NotCapturedReason::NotEncrypted, configuration::Uncaptured::One(name), Some(member)) =
                (&lacking.reason, &lacking.object, &lacking.member)
            {
                let code = lacking.code.as_ref().map_or("", ErrorCode::as_str);
                live.set_without_mac(name.clone(), member, code);
            }
        }
        Ok(live)
    }

    /// As [`Self::of_capture`], with the secrets that the objects have in clear, and the bytes of their assets.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Twice`] if two objects have one name.
    pub fn of_revealed(
        list: &CapturedList,
        objects: impl IntoIterator<Item = CapturedObject>,
    ) -> Result<Self, DocumentError> {
        Self::of_objects(list, objects, |object, secrets| {
            for secret in secrets {
                if object.document.pointer(&secret.place).is_none_or(Value::is_null) {
                    let placeholder = SecretPlaceholder { mac: Some(secret.to_mac()) };
                    put_at(&mut object.document, &secret.place, placeholder.to_value());
                }
            }
        })
    }

    /// The configuration of a pool at this moment, with objects as Cognito answers them. `list` is what a capture of it
    /// lacks. Nothing is hidden in these answers, and what the tier or the add-ons of the pool do not have is absent.
    ///
    /// # Errors
    ///
    /// [`DocumentError::Twice`] if two objects have one name.
    pub fn of_answers(
        list: &CapturedList,
        objects: impl IntoIterator<Item = CapturedObject>,
    ) -> Result<Self, DocumentError> {
        let mut answered = Self::of_objects(list, objects, |_, _| ())?;
        let is_shown = |reason: &str| {
            let absence = [NotCapturedReason::Tier, NotCapturedReason::AddOnOff];
            absence.iter().any(|absence| absence.as_str() == reason)
        };
        answered.left_out.clear();
        answered.not_captured.retain(|_, reason| !is_shown(reason));
        // A capture that is stored may lack a secret that the answer shows.
        let is_hidden = |reason: &str| {
            let hidden = [
                NotCapturedReason::UnknownMember,
                NotCapturedReason::NotEncrypted,
                NotCapturedReason::TooLarge,
            ];
            hidden.iter().any(|hidden| hidden.as_str() == reason)
        };
        for members in answered.lacking_members.values_mut() {
            members.retain(|_, lacking| !is_hidden(&lacking.detail));
        }
        Ok(answered)
    }

    fn of_objects(
        list: &CapturedList,
        objects: impl IntoIterator<Item = CapturedObject>,
        prepare: impl Fn(&mut CapturedObject, &[CapturedSecret]),
    ) -> Result<Self, DocumentError> {
        let mut captured = Self::default();
        let secrets: BTreeMap<_, _> =
            list.entries().iter().map(|entry| (&entry.name, &entry.secrets)).collect();
        for mut object in objects {
            let of_object = secrets.get(&object.name).map_or(&[][..], |secrets| secrets);
            prepare(&mut object, of_object);
            captured.insert(object.name, object.document)?;
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

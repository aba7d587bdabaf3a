//! Why a creation leaves something out, in words.

use shared::model::configuration::rebuild::{LeftOut, LeftReason};

/// The reason, for a reader.
pub fn words(left: &LeftOut) -> &'static str {
    match left.reason {
        LeftReason::Bound => {
            "its value belongs to the old account or Region. Add the value, which `pool show` prints, to the map"
        }
        LeftReason::Tier => "the tier of the user pool forbids it",
        LeftReason::SecretMissing if left.field.is_some() => {
            "the client gets a new one, because the map has none, and the command has none from the snapshot"
        }
        LeftReason::SecretMissing => {
            "the map has no secret for it, and the command has none from the snapshot"
        }
        LeftReason::DomainHeld => "the map does not name it. Add it under `domains`",
        LeftReason::NoDomain => "it needs a domain, and the new user pool gets none",
        LeftReason::NotCaptured => "the snapshot does not have it",
        LeftReason::MadeByItself => "AWS creates it, or the client registers itself",
        LeftReason::NotRestorable => "this command does not create it",
        LeftReason::NamesLeftOut => "it needs what is left out",
        LeftReason::NamesMissing => "the snapshot does not have what it names",
        LeftReason::Ended => "AWS has ended the service",
        LeftReason::NewInEachPool => "every user pool gets a new one",
        LeftReason::Unknown => "this version does not know it",
    }
}

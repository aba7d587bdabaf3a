//! The gaps that the capture itself has.

use super::super::{Gap, GapReason};
use super::Builder;
use crate::model::configuration::not_captured::shown_member;
use crate::model::configuration::{NotCapturedReason, ObjectKind, Uncaptured, is_secret};

impl Builder<'_> {
    /// Adds what the capture does not have, and what this version does not know.
    pub(super) fn add_gaps_of_capture(&mut self) {
        let list = self.list;
        for lacking in list.not_captured() {
            let is_secret = lacking.member.as_deref().is_some_and(|member| match &lacking.object {
                Uncaptured::One(name) => is_secret(name.kind, member),
                _ => false,
            });
            // Every pool gets its own certificate. The parameters name the secrets.
            let is_certificate = lacking.object.kind() == Some(ObjectKind::SigningCertificate);
            if lacking.reason.is_absence() || is_secret || is_certificate {
                continue;
            }
            let reason = match lacking.reason {
                NotCapturedReason::UnknownMember => GapReason::Unknown,
                _ => GapReason::NotCaptured,
            };
            let object = lacking.object.to_string();
            self.gaps.insert(Gap { object, member: lacking.shown_member(), reason });
        }
        for entry in list.unknown() {
            self.gaps.insert(Gap { object: entry.name.clone(), member: None, reason: GapReason::Unknown });
        }
        for entry in list.entries() {
            for secret in entry.secrets.iter().filter(|secret| !is_secret(entry.name.kind, &secret.member)) {
                self.gap(&entry.name, Some(&shown_member(&secret.member)), GapReason::Unknown);
            }
        }
    }
}

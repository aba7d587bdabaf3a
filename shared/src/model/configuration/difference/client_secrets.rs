//! Which lists of the secrets of a client can be compared, and how.

use serde_json::Value;

use super::content::has_published_secret;
use super::matching::Pair;
use super::output::{ComparedObject, NotComparedReason, Side};
use super::{Differ, ObjectKind, ObjectName};

impl<'a> Differ<'a> {
    /// The client to which an object belongs, on one side.
    fn client(&self, pair: &Pair<'_>, side: Side) -> Option<&'a Value> {
        let on_other_side = || Some(self.clients.partner_of(side.other(), pair.id(side.other())?));
        let id = pair.id(side).or_else(on_other_side)?;
        self.side(side).objects.get(&ObjectName::of(ObjectKind::Client, id))
    }

    /// Whether a client shows a secret although the list of its secrets is empty. Then the number of its
    /// secrets is not known, and the pair is not compared.
    pub(super) fn lacks_secrets(&mut self, pair: &Pair<'_>, object: &ComparedObject) -> bool {
        let lacks_secrets = |side: &Side| {
            let name = pair.id(*side).map(|id| ObjectName::of(ObjectKind::ClientSecrets, id));
            let list = name.and_then(|name| self.side(*side).objects.get(&name));
            let is_empty = list.is_none_or(|list| list["ClientSecrets"].as_array().is_none_or(Vec::is_empty));
            is_empty && self.client(pair, *side).is_some_and(shows_secret)
        };
        let sides: Vec<_> = Side::BOTH.into_iter().filter(lacks_secrets).collect();
        for side in &sides {
            self.object_not_compared(object, *side, NotComparedReason::NotReadable, None);
        }
        !sides.is_empty()
    }

    /// Whether the ids of the secrets change only if the owner changes a secret. Another client has other
    /// ids. AWS Secrets Manager replaces a published secret by itself.
    pub(super) fn has_lasting_secrets(&self, pair: &Pair<'_>) -> bool {
        let is_published = |side: &Side| self.client(pair, *side).is_some_and(has_published_secret);
        pair.old == pair.new && !Side::BOTH.iter().any(is_published)
    }
}

/// Whether the client certainly has a secret. Cognito does not show every secret.
pub(super) fn shows_secret(client: &Value) -> bool {
    !client["ClientSecret"].is_null() || has_published_secret(client)
}

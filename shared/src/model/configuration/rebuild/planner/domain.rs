//! Domains.

use serde_json::Value;

use super::super::super::path::remove;
use super::super::super::{CapturedObject, ObjectKind};
use super::super::LeftReason;
use super::super::domains::is_custom;
use super::Planner;

impl Planner<'_> {
    pub(super) fn prepare_domain(
        &mut self,
        object: &CapturedObject,
        document: &mut Value,
        label: &str,
    ) -> bool {
        let Some(new) = self.rewrites.domains.get(&object.name.id) else { return false };
        document["Domain"] = new.as_str().into();
        let is_custom = is_custom(new);
        if !is_custom {
            remove(document, "CustomDomainConfig");
        }
        if remove(document, "Routing") {
            self.leave(label, Some("Routing"), LeftReason::NotRestorable);
        }
        self.rewrite(ObjectKind::Domain, document, label);
        if is_custom && document["CustomDomainConfig"].is_null() {
            self.leave(label, None, LeftReason::NamesLeftOut);
            return false;
        }
        true
    }
}

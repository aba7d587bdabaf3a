//! The steps of a rebuild, in their order.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::super::difference::document::POOL_WIDE;
use super::super::{CapturedList, CapturedObject, ObjectKind, ObjectName, Tier, operations_of};
use super::planner::Planner;
use super::{DomainProblem, Home, LeftOut, SuppliedMap};
use crate::model::Operation;

/// The order in which the objects of a pool are made: an object comes after those that it names.
const ORDER: [ObjectKind; 13] = [
    ObjectKind::UserPool,
    ObjectKind::ResourceServer,
    ObjectKind::IdentityProvider,
    ObjectKind::Client,
    ObjectKind::Domain,
    ObjectKind::Mfa,
    ObjectKind::UiCustomization,
    ObjectKind::Branding,
    ObjectKind::Terms,
    ObjectKind::RiskConfiguration,
    ObjectKind::LogDelivery,
    ObjectKind::CimdPolicy,
    ObjectKind::Sessions,
];

/// The operations with which a creation writes to a pool that exists, by the table of operations. `CreateUserPool` is not
/// among them.
pub fn creation_writes() -> Vec<Operation> {
    let mut writes = Vec::new();
    for operations in ORDER.iter().flat_map(|kind| operations_of(*kind)) {
        // A client gets a name that Cognito knows later, a login style its next assets, and the pool its registration.
        let is_changed =
            matches!(operations.kind, ObjectKind::UserPool | ObjectKind::Client | ObjectKind::Branding);
        let update = operations.update.as_ref().filter(|_| is_changed || operations.create.is_none());
        let writing = operations.create.iter().chain(update).chain(operations.others);
        writes.extend(writing.filter_map(|operation| Operation::named(operation.name)));
    }
    writes.retain(|operation| *operation != Operation::CreateUserPool);
    writes
}

/// One object to make.
#[derive(Clone, PartialEq)]
pub struct Step {
    /// Its name in the snapshot.
    pub name: ObjectName,
    /// The member that this step sets, if the object is made without it by an earlier step. None if the step makes the
    /// object.
    pub part: Option<&'static str>,
    /// The words for a reader: a client by its name.
    pub label: String,
    /// What the new pool gets, with the ids of the old pool. It can hold secrets, so it is never shown.
    pub(super) document: Value,
    /// Whether the client gets a new secret.
    pub generates_secret: bool,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Step {
    /// The document, for the code that makes the request of it.
    pub fn reveal(&self) -> &Value {
        &self.document
    }

    /// What tells the step from all others.
    pub fn key(&self) -> String {
        match self.part {
            Some(part) => format!("{} {part}", self.name),
            None => self.name.to_string(),
        }
    }

    /// Whether the step makes the user pool itself.
    pub fn makes_pool(&self) -> bool {
        self.name.kind == ObjectKind::UserPool && self.part.is_none()
    }
}

/// What a rebuild does.
#[derive(Debug, Clone, PartialEq)]
pub struct RebuildPlan {
    pub steps: Vec<Step>,
    pub left_out: Vec<LeftOut>,
    /// `LambdaConfig`, for the end.
    pub triggers: Value,
    /// Whether deletion protection is switched on at the end.
    pub is_protected: bool,
    pub tier: Option<Tier>,
    /// The ARN of the web ACL of the old pool. None if the new pool cannot have it: it is of another account or Region.
    pub web_acl: Option<String>,
}

impl RebuildPlan {
    /// The labels of the clients, by their ids in the snapshot.
    pub fn client_labels(&self) -> BTreeMap<String, String> {
        let clients = self.steps.iter().filter(|step| step.name.kind == ObjectKind::Client);
        clients.map(|step| (step.name.id.clone(), step.label.clone())).collect()
    }
}

/// Why a rebuild cannot begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanRefusal {
    /// The capture lacks the pool itself.
    NoUserPool,
    /// The map names an object that the snapshot does not have.
    UnknownInMap { name: String },
    /// The map has a secret for an object that takes none.
    TakesNoSecret { name: String },
    /// Several clients have the name in the map.
    AmbiguousInMap { name: String },
    /// The map has two secrets for one client.
    TwiceInMap { name: String },
    /// No client can have a secret of this length.
    SecretLength { name: String },
    /// The new pool cannot have the domain to which the map leads.
    Domain { domain: String, problem: DomainProblem },
}

/// Plans a rebuild. The bytes of assets must be in the objects.
///
/// # Errors
/// If the rebuild cannot begin.
pub fn plan(
    list: &CapturedList,
    objects: &[CapturedObject],
    map: &SuppliedMap,
    to: &Home,
) -> Result<RebuildPlan, PlanRefusal> {
    let user_pool = objects.iter().find(|object| object.name.kind == ObjectKind::UserPool);
    let user_pool = user_pool.ok_or(PlanRefusal::NoUserPool)?;
    let mut planner = Planner::new(list, objects, &user_pool.document, map, to)?;
    for kind in ORDER {
        let mut of_kind: Vec<_> = objects.iter().filter(|object| object.name.kind == kind).collect();
        // The object of the pool comes first: those of clients may need it.
        of_kind.sort_by_key(|object| (object.name.id != POOL_WIDE, &object.name));
        if kind == ObjectKind::Client {
            // These clients need the scopes that Cognito makes for the registration.
            let (registrars, others): (Vec<_>, Vec<_>) =
                of_kind.into_iter().partition(|client| planner.registers_others(client));
            others.into_iter().for_each(|client| planner.add(client));
            planner.add_registration();
            of_kind = registrars;
        }
        for object in of_kind {
            planner.add(object);
        }
    }
    planner.leave_the_rest(objects);
    Ok(planner.finished())
}

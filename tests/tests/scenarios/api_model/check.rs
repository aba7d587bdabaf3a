//! What the table of fields and the table of operations say otherwise than the model.

use std::collections::BTreeSet;

use shared::model::configuration::{
    Comparison, Field, Found, KeyValue, Nature, ObjectKind, Omission, Operation, Operations, Service, Write,
    fields_of, operations_of,
};
use shared::operations::apply::{ENDED_RECOVERIES, JOBS_AT_WORK};

use super::model::{Model, Node};

/// A difference between table and model that is right.
pub struct Exception {
    pub kind: ObjectKind,
    pub path: &'static str,
    pub difference: Difference,
    /// Why it is right. A reader of the list needs it, and the code does not.
    #[allow(dead_code, reason = "documents the exception")]
    pub reason: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The answer has a member without a row. The path `*` stands for all of them.
    NotCaptured,
    /// The shape of the answer has the member, and the answer never does.
    NotAnswered,
    /// Requests take the member, and its row says otherwise.
    NotWritten,
    /// The request that changes the object does not need the member, and its row says so.
    Refused,
}

pub const EXCEPTIONS: [Exception; 5] = [
    Exception {
        kind: ObjectKind::ClientSecrets,
        path: "ClientSecrets[].ClientSecretValue",
        difference: Difference::NotAnswered,
        reason: "only the answer to a new secret has a value",
    },
    Exception {
        kind: ObjectKind::Domain,
        path: "CustomDomainConfig.CertificateArn",
        difference: Difference::Refused,
        reason: "the model cannot say that only custom domains need it",
    },
    Exception {
        kind: ObjectKind::Branding,
        path: "Assets[].ResourceId",
        difference: Difference::NotWritten,
        reason: "it belongs to one pool, and an asset is found by its category and color mode",
    },
    Exception {
        kind: ObjectKind::Terms,
        path: "TermsName",
        difference: Difference::NotWritten,
        reason: "the name of a document says what it is, so a restore never changes it",
    },
    Exception {
        kind: ObjectKind::WebAcl,
        path: "*",
        difference: Difference::NotCaptured,
        reason: "the rules of the list belong to AWS WAF, and the pool has only the association",
    },
];

/// The models of both services.
pub struct Models {
    pub cognito: Model,
    pub waf: Model,
}

impl Models {
    fn of(&self, operation: &Operation) -> &Model {
        match operation.service {
            Service::Cognito => &self.cognito,
            Service::Waf => &self.waf,
        }
    }

    fn nodes(&self, operation: &Operation) -> Vec<Node> {
        let model = self.of(operation);
        let shape =
            model.shape_of(operation.name, "output").and_then(|shape| model.object(shape, operation.answer));
        let is_token = |node: &Node| operation.paging.is_some_and(|paging| paging.token == node.path);
        shape
            .map(|shape| model.nodes(shape))
            .unwrap_or_default()
            .into_iter()
            .filter(|node| !is_token(node))
            .collect()
    }

    /// The nodes of a request without the members that find the object.
    fn request(&self, operation: Option<&Operation>) -> Vec<Node> {
        let Some(operation) = operation else { return vec![] };
        let model = self.of(operation);
        let shape = model.shape_of(operation.name, "input");
        let nodes = shape.map(|shape| model.nodes(shape)).unwrap_or_default();
        let is_key = |node: &Node| operation.keys.iter().any(|key| key.member == node.path);
        nodes.into_iter().filter(|node| !is_key(node)).collect()
    }

    /// Whether the request needs the top-level member of a path.
    fn requires(&self, operation: &Operation, path: &str) -> bool {
        let model = self.of(operation);
        let top = path.split(['.', '[']).next().unwrap_or_default();
        model.shape_of(operation.name, "input").is_some_and(|shape| model.required(shape).contains(&top))
    }
}

/// The complaints about the rows of a kind, each with the exception that would allow it.
pub fn fields(models: &Models, kind: ObjectKind) -> Vec<(Option<(Difference, String)>, String)> {
    let all: Vec<&Operations> = operations_of(kind).collect();
    let gather =
        |nodes: &dyn Fn(&Operations) -> Vec<Node>| all.iter().flat_map(|one| nodes(one)).collect::<Vec<_>>();
    let read = gather(&|one| match (&one.read, &one.found) {
        (Some(read), _) => models.nodes(read),
        (None, Found::Listed(listing)) => models.nodes(listing),
        (None, _) => vec![],
    });
    let created = gather(&|one| models.request(one.create.as_ref()));
    let updated = gather(&|one| models.request(one.update.as_ref()));
    let has_create = all.iter().any(|one| one.create.is_some());
    let rows = fields_of(kind);
    let mut complaints = vec![];

    for leaf in read.iter().filter(|node| node.is_leaf) {
        if !rows.iter().any(|row| leads_to(&leaf.path, row.path)) {
            let allowed = Some((Difference::NotCaptured, leaf.path.clone()));
            complaints.push((allowed, format!("{kind}: the answer has {}, the table has no row", leaf.path)));
        }
    }
    for leaf in created.iter().chain(&updated).filter(|node| node.is_leaf) {
        if !rows.iter().any(|row| leads_to(&leaf.path, row.request_path())) {
            complaints.push((None, format!("{kind}: a request has {}, the table has no row", leaf.path)));
        }
    }
    for row in rows {
        let mut complain = |difference: Option<Difference>, what: String| {
            let allowed = difference.map(|difference| (difference, row.path.to_owned()));
            complaints.push((allowed, format!("{kind} {}: {what}", row.path)));
        };
        let found = find(&read, row.path);
        // The model says only that the map takes any key. Which keys Cognito answers is in the developer
        // guide.
        let is_detail = !row.providers.is_empty();
        if found.is_some() != (row.readable || is_detail) {
            complain(
                Some(Difference::NotAnswered),
                format!("readable is {}, and the answer says otherwise", row.readable),
            );
        }
        if found.is_some_and(|node| {
            node.is_leaf == matches!(row.comparison, Comparison::Keyed(_) | Comparison::Issued(_))
        }) {
            complain(None, "a row of a list of objects, or of a single value, is none".to_owned());
        }
        let [in_create, in_update] =
            [&created, &updated].map(|nodes| find(nodes, row.request_path()).is_some());
        let write = match (has_create, in_create, in_update) {
            (true, true, true) | (false, _, true) => Write::Always,
            (true, true, false) => Write::OnlyCreate,
            (true, false, true) => Write::OnlyUpdate,
            (_, _, false) => Write::Never,
        };
        let is_computed_detail = is_detail && row.nature == Nature::Derived;
        if write != row.write && !is_computed_detail {
            complain(
                Some(Difference::NotWritten),
                format!("the row says {:?}, the requests say {write:?}", row.write),
            );
        }
        let update = all.iter().filter_map(|one| one.update.as_ref());
        let is_required = row.write != Write::Never
            && in_update
            && update.into_iter().any(|update| models.requires(update, row.request_path()));
        if is_required != (row.omission == Omission::Refused) {
            complain(
                Some(Difference::Refused),
                format!("the row says {:?}; needed by an update: {is_required}", row.omission),
            );
        }
    }
    if let Some(row) = first_out_of_order(rows, &read) {
        complaints.push((None, format!("{kind} {}: not in the order of the API", row.path)));
    }
    complaints
}

fn first_out_of_order<'a>(rows: &'a [Field], nodes: &[Node]) -> Option<&'a Field> {
    let place = |row: &Field| nodes.iter().position(|node| leads_to(&node.path, row.path));
    let readable: Vec<_> = rows.iter().filter(|row| row.readable).collect();
    readable.windows(2).find(|pair| place(pair[0]) > place(pair[1])).map(|pair| pair[1])
}

fn find<'a>(nodes: &'a [Node], path: &str) -> Option<&'a Node> {
    nodes.iter().find(|node| leads_to(&node.path, path))
}

/// Whether the path of a row is this path of the model. The row may name a key of a map.
fn leads_to(model: &str, row: &str) -> bool {
    let [model, row] = [model, row].map(|path| path.split('.').collect::<Vec<_>>());
    model.len() == row.len() && model.iter().zip(&row).all(|(model, row)| model == row || *model == "*")
}

/// The complaints about the operations of one kind.
pub fn operations(models: &Models, operations: &Operations) -> Vec<String> {
    let mut complaints = vec![];
    for operation in operations.all() {
        let model = models.of(operation);
        let name = operation.name;
        if !model.has(name) {
            complaints.push(format!("{name}: unknown to the model"));
            continue;
        }
        let members =
            |side: &str| model.shape_of(name, side).map(|shape| model.members(shape)).unwrap_or_default();
        let [input, output] = ["input", "output"].map(members);
        let has = |members: &[(&str, &str)], wanted: &str| members.iter().any(|(name, _)| *name == wanted);
        for key in operation.keys {
            if !has(&input, key.member) {
                complaints.push(format!("{name}: the request has no {}", key.member));
            }
            if key.value == KeyValue::Member
                && let Found::Listed(listing) = &operations.found
                && !models.nodes(listing).iter().any(|node| node.path == key.member)
            {
                complaints.push(format!("{name}: {} does not name {}", listing.name, key.member));
            }
        }
        if !operation.answer.is_empty() && !has(&output, operation.answer) {
            complaints.push(format!("{name}: the answer has no {}", operation.answer));
        }
        let is_write =
            [&operations.create, &operations.update].into_iter().flatten().any(|one| one == operation);
        let required = model.shape_of(name, "input").map(|shape| model.required(shape)).unwrap_or_default();
        for member in required {
            let is_key = operation.keys.iter().any(|key| key.member == member);
            if !is_key && !is_write && !operations.others.contains(operation) {
                complaints.push(format!("{name}: the request needs {member}"));
            }
        }
        complaints.extend(paging(model, operation, &input, &output));
        let known: BTreeSet<_> = operation.unavailable.iter().copied().collect();
        let errors: BTreeSet<_> =
            model.errors(name).into_iter().filter(|error| UNAVAILABLE.contains(error)).collect();
        if known != errors {
            complaints.push(format!("{name}: unavailable is {known:?}, the model says {errors:?}"));
        }
    }
    complaints
}

/// The errors that an operation names as "the pool cannot have it".
const UNAVAILABLE: [&str; 4] = [
    "FeatureUnavailableInTierException",
    "TierChangeNotAllowedException",
    "UserPoolAddOnNotEnabledException",
    "OperationNotEnabledException",
];

fn paging(
    model: &Model,
    operation: &Operation,
    input: &[(&str, &str)],
    output: &[(&str, &str)],
) -> Vec<String> {
    let name = operation.name;
    let shape = |members: &[(&str, &str)], wanted: &str| {
        members.iter().find(|(name, _)| *name == wanted).map(|(_, shape)| (*shape).to_owned())
    };
    let Some(paging) = operation.paging else {
        let has_token = shape(output, "NextToken").is_some();
        return has_token.then(|| format!("{name}: the answer has pages")).into_iter().collect();
    };
    let mut complaints = vec![];
    if shape(input, paging.token).is_none() || shape(output, paging.token).is_none() {
        complaints.push(format!("{name}: no {} in request or answer", paging.token));
    }
    let limit = paging.limit.map(|(member, limit)| (shape(input, member), Some(u64::from(limit))));
    let is_right = match limit {
        Some((shape, limit)) => shape.is_some_and(|shape| model.max(&shape) == limit),
        None => shape(input, "MaxResults").is_none(),
    };
    if !is_right {
        complaints.push(format!("{name}: the limit of a page is another one than {:?}", paging.limit));
    }
    complaints
}

/// The states of recoveries and of import jobs in which the pool can be changed, or cannot. The code has the other ones.
const OTHER_STATES: [(&str, &[&str]); 2] = [
    (
        "RestoreStatusType",
        &[
            "PREVIEW_GENERATING",
            "PREVIEW_GENERATED",
            "RESTORING",
            "TEMPORARY_INTERNAL_ERROR_SEE_SUPPORT_CASE",
            "AWS_ABORTED",
        ],
    ),
    ("UserImportJobStatusType", &["Created", "Expired", "Stopped", "Failed", "Succeeded"]),
];

/// The complaints about the states of what works on a pool. A new state must be looked at.
pub fn states(models: &Models) -> Vec<String> {
    let in_code: [&[&str]; 2] = [&ENDED_RECOVERIES, &JOBS_AT_WORK];
    let mut complaints = vec![];
    for ((shape, others), in_code) in OTHER_STATES.iter().zip(in_code) {
        let known: BTreeSet<_> = others.iter().chain(in_code).copied().collect();
        let model: BTreeSet<_> = models.cognito.values(shape).into_iter().collect();
        complaints.extend(known.difference(&model).map(|state| format!("{shape}: the model has no {state}")));
        complaints.extend(model.difference(&known).map(|state| format!("{shape}: {state} is new")));
    }
    complaints
}

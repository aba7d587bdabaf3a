//! The writes of a roll back, in an order in which Cognito takes each: what is named comes before what names it, and
//! goes after it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::difference::document::{Configuration, POOL_WIDE};
use super::super::{ObjectKind, ObjectName, Tier};
use super::planner::{common, fit};
use super::{Act, Action, ApplyStep, PlannedWrite};

/// A step, with what its object is and becomes.
pub(super) struct Draft {
    pub step: ApplyStep,
    pub live: Option<Value>,
    pub target: Option<Value>,
}

/// A write of a step: when it is sent, what it does, and what the object becomes.
type RankedWrite = (Rank, Act, Value);

/// When a write is sent. Writes of one rank follow the order of their steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Attributes,
    /// Servers with all scopes, old and new.
    Widen,
    NewProvider,
    FactorsFirst,
    Pool,
    Factors,
    NewClient,
    Client,
    Provider,
    Domain,
    Look,
    Branding,
    Risk,
    Logs,
    Terms,
    Policy,
    Sessions,
    SessionsOfClient,
    /// What is deleted: first what names something else.
    DeletePolicy,
    DeleteOfClient,
    DeleteClient,
    DeleteProvider,
    /// Servers without the scopes that have to go.
    Narrow,
    DeleteServer,
    DeleteDomain,
    /// A lower tier comes last, because features have to be off before.
    LowerTier,
}

/// The steps in the order of their first writes, and the writes.
pub(super) fn ordered(
    drafts: Vec<Draft>,
    live: &Configuration,
    target: &Configuration,
    hidden: &BTreeSet<ObjectKind>,
) -> (Vec<ApplyStep>, Vec<PlannedWrite>) {
    let [live_pool, target_pool] =
        [live, target].map(|side| side.single(ObjectKind::UserPool).cloned().unwrap_or_default());
    let tiers = [&live_pool, &target_pool].map(|pool| pool["UserPoolTier"].as_str().and_then(Tier::parse));
    let order = Order { live, live_pool, target_pool, highest: tiers.into_iter().flatten().max() };
    let mut drafts: Vec<(Draft, Vec<RankedWrite>)> = drafts
        .into_iter()
        .map(|mut draft| {
            let writes = order.writes(&mut draft);
            (draft, writes)
        })
        .collect();
    drafts.sort_by_key(|(_, writes)| writes.first().map(|(rank, ..)| *rank));
    let mut writes: Vec<(Rank, PlannedWrite)> = Vec::new();
    let mut steps = Vec::new();
    for (step, (draft, of_step)) in drafts.into_iter().enumerate() {
        let name = draft.step.name.clone();
        let is_hidden = draft.live.is_none() && hidden.contains(&name.kind);
        for (rank, act, document) in of_step {
            let tier = if rank == Rank::LowerTier { tiers[1] } else { order.highest };
            writes.push((
                rank,
                PlannedWrite {
                    step,
                    name: name.clone(),
                    act,
                    document,
                    seen: draft.live.clone(),
                    is_hidden,
                    tier,
                    needs: BTreeSet::new(),
                },
            ));
        }
        steps.push(draft.step);
    }
    writes.sort_by_key(|(rank, write)| (*rank, write.name.id != POOL_WIDE, write.step));
    let needs: Vec<_> = writes.iter().map(|(rank, write)| order.needs(*rank, write, &writes)).collect();
    let writes = writes.into_iter().zip(needs).map(|((_, write), needs)| PlannedWrite { needs, ..write });
    let writes = writes.collect();
    (steps, writes)
}

struct Order<'a> {
    live: &'a Configuration,
    live_pool: Value,
    target_pool: Value,
    /// The higher one of the old and the new tier.
    highest: Option<Tier>,
}

impl Order<'_> {
    /// The writes of a step. Sets its action to the one that the writes carry out.
    fn writes(&self, draft: &mut Draft) -> Vec<RankedWrite> {
        let kind = draft.step.name.kind;
        let live = draft.live.clone().unwrap_or_default();
        let target = draft.target.clone().unwrap_or_default();
        match (draft.step.action, kind) {
            (Action::AddAttributes, _) => {
                vec![(Rank::Attributes, Act::AddAttributes, self.new_attributes(&target))]
            }
            (Action::Delete, ObjectKind::UiCustomization | ObjectKind::RiskConfiguration) => {
                vec![(Rank::DeleteOfClient, Act::Clear, live)]
            }
            (Action::Delete, _) => vec![(deletion(kind), Act::Delete, live)],
            (
                Action::Create,
                ObjectKind::UiCustomization | ObjectKind::RiskConfiguration | ObjectKind::Sessions,
            ) => {
                vec![(rank(&draft.step.name), Act::Update, target)]
            }
            (Action::Create, ObjectKind::ResourceServer) => vec![(Rank::Widen, Act::Create, target)],
            (Action::Create, ObjectKind::IdentityProvider) => vec![(Rank::NewProvider, Act::Create, target)],
            (Action::Create, ObjectKind::Client) => vec![(Rank::NewClient, Act::Create, target)],
            (Action::Create, _) => vec![(rank(&draft.step.name), Act::Create, target)],
            (_, ObjectKind::UserPool) => self.pool(&draft.step, target),
            (_, ObjectKind::Mfa) => self.factors(target),
            (_, ObjectKind::ResourceServer) => server(&live, target),
            (_, ObjectKind::UiCustomization)
                if live["ImageUrl"].is_string() && target["ImageUrl"].is_null() =>
            {
                draft.step.action = Action::Replace;
                vec![(Rank::Look, Act::Clear, live), (Rank::Look, Act::Update, target)]
            }
            (_, ObjectKind::Branding) if loses(&live, &target) => {
                draft.step.action = Action::Replace;
                vec![(Rank::Branding, Act::Delete, live), (Rank::Branding, Act::Create, target)]
            }
            _ => vec![(rank(&draft.step.name), Act::Update, target)],
        }
    }

    /// The steps that must not fail before a write.
    fn needs(&self, rank: Rank, write: &PlannedWrite, writes: &[(Rank, PlannedWrite)]) -> BTreeSet<usize> {
        let (name, document) = (&write.name, &write.document);
        let owner = match name.kind {
            ObjectKind::Client => None,
            // Its name does not have its client.
            ObjectKind::CimdPolicy => document["ClientId"].as_str(),
            _ => name.client(),
        };
        let needs = |other_rank: Rank, other: &PlannedWrite| {
            let is_client = [Rank::Client, Rank::DeleteClient].contains(&other_rank);
            let seen = other.seen.as_ref().unwrap_or(&Value::Null);
            match rank {
                Rank::Pool => other_rank == Rank::FactorsFirst,
                Rank::LowerTier => [Rank::FactorsFirst, Rank::Factors].contains(&other_rank),
                Rank::Factors => other_rank == Rank::Pool && !fit(&self.live_pool, document),
                Rank::NewClient | Rank::Client => match other_rank {
                    Rank::NewProvider => names_provider(document, &other.name.id),
                    Rank::Widen => {
                        scopes_of_server(document, &other.name.id).any(|scope| !has_scope(seen, scope))
                    }
                    _ => false,
                },
                Rank::DeleteProvider => is_client && names_provider(seen, &name.id),
                Rank::DeleteServer => is_client && scopes_of_server(seen, &name.id).next().is_some(),
                Rank::Narrow => {
                    is_client && scopes_of_server(seen, &name.id).any(|scope| !has_scope(document, scope))
                }
                _ => other_rank == Rank::NewClient && owner == Some(&*other.name.id),
            }
        };
        let needed = writes.iter().filter(|(rank, other)| other.step != write.step && needs(*rank, other));
        needed.map(|(_, other)| other.step).collect()
    }

    /// The pool with only the attributes that it lacks.
    fn new_attributes(&self, target: &Value) -> Value {
        let known = self.live_pool["SchemaAttributes"].as_array();
        let is_known = |attribute: &Value| {
            known.is_some_and(|known| known.iter().any(|known| known["Name"] == attribute["Name"]))
        };
        let wanted = target["SchemaAttributes"].as_array().into_iter().flatten();
        let lacking: Vec<Value> = wanted.filter(|attribute| !is_known(attribute)).cloned().collect();
        serde_json::json!({"SchemaAttributes": lacking})
    }

    /// The pool. A lower tier is a write of its own.
    fn pool(&self, step: &ApplyStep, target: Value) -> Vec<RankedWrite> {
        let tier = |pool: &Value| pool["UserPoolTier"].as_str().and_then(Tier::parse);
        let is_lower = tier(&target) < tier(&self.live_pool);
        if !is_lower {
            return vec![(Rank::Pool, Act::Update, target)];
        }
        let mut before = target.clone();
        before["UserPoolTier"] = self.live_pool["UserPoolTier"].clone();
        let last = (Rank::LowerTier, Act::Update, target);
        let has_more = step.differences.iter().any(|found| found.field.as_deref() != Some("UserPoolTier"));
        if has_more { vec![(Rank::Pool, Act::Update, before), last] } else { vec![last] }
    }

    /// The factors. The pool comes first if it takes the old factors beside its new settings.
    fn factors(&self, target: Value) -> Vec<RankedWrite> {
        let mfa = ObjectName::single(ObjectKind::Mfa);
        let old = self.live.object(&mfa).cloned().unwrap_or_default();
        if fit(&self.target_pool, &old) {
            return vec![(Rank::Factors, Act::Update, target)];
        }
        if fit(&self.live_pool, &target) {
            return vec![(Rank::FactorsFirst, Act::Update, target)];
        }
        let between = common(&old, &target);
        let between = between.filter(|mfa| fit(&self.live_pool, mfa) && fit(&self.target_pool, mfa));
        let last = (Rank::Factors, Act::Update, target);
        match between {
            Some(between) => vec![(Rank::FactorsFirst, Act::Update, between), last],
            None => vec![last],
        }
    }
}

/// Whether a client names a provider.
fn names_provider(client: &Value, provider: &str) -> bool {
    let names = client["SupportedIdentityProviders"].as_array();
    names.into_iter().flatten().any(|name| name == provider)
}

/// The scopes of a server that a client names, without the name of the server.
fn scopes_of_server<'a>(client: &'a Value, server: &'a str) -> impl Iterator<Item = &'a str> {
    let scopes = client["AllowedOAuthScopes"].as_array().into_iter().flatten();
    scopes.filter_map(move |scope| {
        let (of, scope) = scope.as_str()?.rsplit_once('/')?;
        (of == server).then_some(scope)
    })
}

/// Whether a server has a scope.
fn has_scope(server: &Value, scope: &str) -> bool {
    let scopes = server["Scopes"].as_array();
    scopes.into_iter().flatten().any(|known| known["ScopeName"] == scope)
}

fn rank(name: &ObjectName) -> Rank {
    match name.kind {
        ObjectKind::Client => Rank::Client,
        ObjectKind::IdentityProvider => Rank::Provider,
        ObjectKind::Domain => Rank::Domain,
        ObjectKind::UiCustomization => Rank::Look,
        ObjectKind::Branding => Rank::Branding,
        ObjectKind::RiskConfiguration => Rank::Risk,
        ObjectKind::LogDelivery => Rank::Logs,
        ObjectKind::Terms => Rank::Terms,
        ObjectKind::CimdPolicy => Rank::Policy,
        ObjectKind::Sessions if name.id == POOL_WIDE => Rank::Sessions,
        ObjectKind::Sessions => Rank::SessionsOfClient,
        ObjectKind::Mfa => Rank::Factors,
        _ => Rank::Pool,
    }
}

fn deletion(kind: ObjectKind) -> Rank {
    match kind {
        ObjectKind::CimdPolicy => Rank::DeletePolicy,
        ObjectKind::Client => Rank::DeleteClient,
        ObjectKind::IdentityProvider => Rank::DeleteProvider,
        ObjectKind::ResourceServer => Rank::DeleteServer,
        ObjectKind::Domain => Rank::DeleteDomain,
        _ => Rank::DeleteOfClient,
    }
}

/// A server gets its new scopes before the clients change, and loses others after them.
fn server(live: &Value, target: Value) -> Vec<RankedWrite> {
    let scopes = |server: &Value| server["Scopes"].as_array().cloned().unwrap_or_default();
    let (old, new) = (scopes(live), scopes(&target));
    let is_in =
        |scopes: &[Value], scope: &Value| scopes.iter().any(|known| known["ScopeName"] == scope["ScopeName"]);
    let removed: Vec<Value> = old.iter().filter(|scope| !is_in(&new, scope)).cloned().collect();
    if removed.is_empty() {
        return vec![(Rank::Widen, Act::Update, target)];
    }
    let narrow = (Rank::Narrow, Act::Update, target.clone());
    if new.iter().all(|scope| is_in(&old, scope)) {
        return vec![narrow];
    }
    let mut wide = target;
    wide["Scopes"] = new.into_iter().chain(removed).collect();
    vec![(Rank::Widen, Act::Update, wide), narrow]
}

/// Whether an update cannot make the new style of the old one: an update merges settings and assets, and removes none.
fn loses(live: &Value, target: &Value) -> bool {
    if target["UseCognitoProvidedValues"] == true {
        return false;
    }
    let key = |asset: &Value| (asset["Category"].clone(), asset["ColorMode"].clone());
    let new: Vec<_> = target["Assets"].as_array().into_iter().flatten().map(key).collect();
    let mut old = live["Assets"].as_array().into_iter().flatten().map(key);
    old.any(|asset| !new.contains(&asset)) || loses_member(&live["Settings"], &target["Settings"])
}

fn loses_member(live: &Value, target: &Value) -> bool {
    match (live, target) {
        (Value::Null, _) => false,
        (Value::Object(live), Value::Object(target)) => {
            live.iter().any(|(name, value)| target.get(name).is_none_or(|new| loses_member(value, new)))
        }
        (Value::Object(_), _) => true,
        (_, new) => new.is_null(),
    }
}

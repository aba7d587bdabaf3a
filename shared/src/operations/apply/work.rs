//! The writes of a roll back, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio::time::sleep;

use super::idle::at_work;
use super::reading::read;
use super::{AfterReason, Applied, WatchApply};
use crate::model::configuration::apply::{
    Act, Action, ApplyPlan, PlannedWrite, differing_fields, is_same_object,
};
use crate::model::configuration::{ObjectKind, ObjectName};
use crate::model::object_name;
use crate::operations::refusals::pool_not_found;
use crate::operations::sending::{
    ATTEMPTS, Failed, MAX_READS, RefusedWrite, WAIT, asset_batches, clients_named, exists, internal, send,
};
use crate::pacing::PacedPool;
use crate::ports::pool::{ConfigurablePool, Operation, Pool, PoolErrorKind};
use crate::{Error, ErrorKind, Result};

/// How a write ended.
type Sent = std::result::Result<(), Failed>;

/// A roll back at work.
pub(super) struct Work<'a, P> {
    pool: &'a PacedPool<P>,
    plan: &'a ApplyPlan,
    applied: &'a mut Applied,
    /// The objects that a write has changed, or may change, as Cognito answered them last.
    changed: BTreeMap<ObjectName, Option<Value>>,
    /// Why steps were not carried out, by their index.
    failures: BTreeMap<usize, AfterReason>,
    /// Steps of which Cognito has taken a request.
    accepted: BTreeSet<usize>,
}

/// Cognito shows some settings in both of them.
const POOL_ITSELF: [ObjectKind; 2] = [ObjectKind::UserPool, ObjectKind::Mfa];

impl<'a, P: ConfigurablePool> Work<'a, P> {
    pub fn new(pool: &'a PacedPool<P>, plan: &'a ApplyPlan, applied: &'a mut Applied) -> Self {
        Self {
            pool,
            plan,
            applied,
            changed: BTreeMap::new(),
            failures: BTreeMap::new(),
            accepted: BTreeSet::new(),
        }
    }

    pub fn into_failures(self) -> BTreeMap<usize, AfterReason> {
        self.failures
    }

    pub async fn all(&mut self, watch: &mut impl WatchApply) -> Result<()> {
        let plan = self.plan;
        for (index, write) in plan.writes.iter().enumerate() {
            let step = &plan.steps[write.step];
            if self.failures.contains_key(&write.step) {
                continue;
            }
            if write.needs().iter().any(|step| self.failures.contains_key(step)) {
                self.fails(write, AfterReason::NeedsRefused);
                continue;
            }
            watch.applies(&step.label, step.action);
            let later = &plan.writes[index + 1..];
            match Box::pin(self.one(write, later, watch)).await {
                Ok(()) => {}
                Err(Failed::Refused(error) | Failed::Denied(error)) => {
                    let refused = RefusedWrite::from(&error);
                    self.fails(write, AfterReason::Refused(refused.clone()));
                    let put_back = self.put_back(write, &refused, watch).await;
                    let reason = put_back.map_err(|error| self.stopped_at(&step.label, &error))?;
                    if let Some(reason) = reason {
                        self.gives_reason(write, reason);
                    }
                    continue;
                }
                Err(failed) => return Err(self.stopped_at(&step.label, &failed.into_error(self.pool))),
            }
            if !later.iter().any(|other| other.step == write.step) {
                self.applied.unsure.remove(&step.label);
                self.applied.done.push(step.clone());
            }
            self.look_again(write, later).await.map_err(|error| self.stopped_at(&step.label, &error))?;
        }
        Ok(())
    }

    /// Creates what was deleted to be replaced again, after Cognito has refused its replacement with `refused`. Returns
    /// why the object is not as before. None if it is.
    ///
    /// Cognito may have taken a first part of the replacement. Then the pool has the object, and nothing is put back.
    async fn put_back(
        &mut self,
        write: &PlannedWrite,
        refused: &RefusedWrite,
        watch: &mut impl WatchApply,
    ) -> Result<Option<AfterReason>> {
        let is_replaced = self.plan.steps[write.step].action == Action::Replace;
        let name = write.name_in_pool(&self.applied.clients);
        let was_deleted = self.changed.get(&name).is_some_and(Option::is_none);
        let Some(old) = write.putting_back().filter(|_| is_replaced && was_deleted) else { return Ok(None) };
        // A read that fails must not keep the object out. Cognito refuses to create one that is there.
        let is_there = read(self.pool, &name, old.reveal()).await.is_ok_and(|now| now.is_some());
        let reason = if is_there {
            Some(AfterReason::PartlyReplaced(refused.clone()))
        } else {
            match Box::pin(self.with_assets(&old, None, watch)).await {
                Ok(()) => None,
                Err(Failed::Refused(error) | Failed::Denied(error)) => {
                    let is_there = read(self.pool, &name, old.reveal()).await?.is_some();
                    let reason = if is_there { AfterReason::PartlyReplaced } else { AfterReason::NotPutBack };
                    Some(reason((&error).into()))
                }
                Err(failed) => return Err(failed.into_error(self.pool)),
            }
        };
        // What has become of the object is known.
        self.applied.unsure.remove(&self.plan.steps[write.step].label);
        Ok(reason)
    }

    fn fails(&mut self, write: &PlannedWrite, reason: AfterReason) {
        let label = &self.plan.steps[write.step].label;
        if !self.accepted.contains(&write.step) {
            self.applied.unsure.remove(label);
        }
        self.gives_reason(write, reason);
    }

    /// Notes why the step of a write is not carried out.
    fn gives_reason(&mut self, write: &PlannedWrite, reason: AfterReason) {
        let label = &self.plan.steps[write.step].label;
        self.applied.refused.retain(|(known, _)| known != label);
        self.applied.refused.push((label.clone(), reason.clone()));
        self.failures.insert(write.step, reason);
    }

    /// A request of the write leaves now. If its reply is lost, nobody knows whether it has changed the object.
    fn sends(&mut self, write: &PlannedWrite) {
        self.applied.has_sent = true;
        self.applied.unsure.insert(self.plan.steps[write.step].label.clone());
    }

    /// Stops if an object that a write changes beside its own is not as the plan saw it.
    async fn require_unchanged_beside(&mut self, write: &PlannedWrite, later: &[PlannedWrite]) -> Result<()> {
        if !POOL_ITSELF.contains(&write.name.kind) {
            return Ok(());
        }
        for other in later {
            let name = &other.name;
            let is_beside = name.kind != write.name.kind && POOL_ITSELF.contains(&name.kind);
            if !is_beside || self.changed.contains_key(name) {
                continue;
            }
            let now = read(self.pool, name, other.reveal()).await?;
            if !self.is_unchanged(name, other.seen(), now.as_ref()) {
                return Err(changed(name));
            }
            self.changed.insert(name.clone(), now);
        }
        Ok(())
    }

    /// Reads what the write has changed, for the writes that follow. Stops if there is a change of another one in it.
    async fn look_again(&mut self, write: &PlannedWrite, later: &[PlannedWrite]) -> Result<()> {
        let mut looked = BTreeSet::new();
        for other in later {
            let is_alike = POOL_ITSELF.contains(&other.name.kind) && POOL_ITSELF.contains(&write.name.kind);
            let name = other.name_in_pool(&self.applied.clients);
            if (other.name != write.name && !is_alike) || !looked.insert(name.clone()) {
                continue;
            }
            let now = read(self.pool, &name, other.reveal()).await?;
            let before = self.changed.get(&name).cloned().unwrap_or_else(|| other.seen().cloned());
            if is_foreign(&name, before.as_ref(), now.as_ref(), write) {
                return Err(changed(&name));
            }
            self.changed.insert(name, now);
        }
        Ok(())
    }

    /// The object of a write as it is now.
    async fn now(&self, write: &PlannedWrite) -> Result<Option<Value>> {
        let name = write.name_in_pool(&self.applied.clients);
        if name.kind == ObjectKind::Client && write.act == Act::Create {
            return Ok(None);
        }
        let known = self.changed.get(&name).and_then(Option::as_ref).or_else(|| write.seen());
        let known = known.cloned().unwrap_or_else(|| self.known(write));
        read(self.pool, &name, &known).await
    }

    /// What the object becomes, as far as it leads to the object in the pool. Cognito gives a new object another id.
    fn known(&self, write: &PlannedWrite) -> Value {
        let mut known = write.reveal().clone();
        if let Some(members) = known.as_object_mut() {
            if write.act == Act::Create {
                members.remove("TermsId");
                members.remove("CIMDPolicyId");
            }
            let new_client = members.get("ClientId").and_then(Value::as_str);
            let new_client = new_client.and_then(|old| self.applied.clients.get(old)).cloned();
            members.extend(new_client.map(|new| ("ClientId".to_owned(), new.into())));
        }
        known
    }

    /// Carries a write out, if its object is as the plan saw it.
    async fn one(
        &mut self,
        write: &PlannedWrite,
        later: &[PlannedWrite],
        watch: &mut impl WatchApply,
    ) -> Sent {
        if write.name.kind == ObjectKind::Client && write.act == Act::Create {
            return self.new_client(write, watch).await;
        }
        let now = self.now(write).await?;
        let name = write.name_in_pool(&self.applied.clients);
        let seen = self.changed.get(&name).map_or_else(|| write.seen(), Option::as_ref);
        if write.is_hidden() && now.is_some() {
            return self.with_assets(&write.of_present_object(), now, watch).await;
        }
        let is_unchanged = self.is_unchanged(&name, seen, now.as_ref());
        if !is_unchanged && self.is_in_place(write, &name, now.as_ref()) {
            return Ok(());
        }
        if !is_unchanged && !self.is_of_new_client(write) {
            return Err(Failed::Ended(changed(&name)));
        }
        self.require_unchanged_beside(write, later).await?;
        self.with_assets(write, now, watch).await
    }

    /// Whether a setting of a client is already as it has to be: the client may inherit it from the pool.
    fn is_in_place(&self, write: &PlannedWrite, name: &ObjectName, now: Option<&Value>) -> bool {
        let is_inherited = [ObjectKind::RiskConfiguration, ObjectKind::Sessions].contains(&name.kind);
        let mut wanted = write.reveal().clone();
        if let Some(id) = name.client().filter(|_| wanted["ClientId"].is_string()) {
            wanted["ClientId"] = id.into();
        }
        write.act == Act::Update && is_inherited && now.is_some_and(|now| is_same_object(name, now, &wanted))
    }

    /// Whether the write gives a client something that this command has created. Cognito answers defaults before that.
    fn is_of_new_client(&self, write: &PlannedWrite) -> bool {
        let is_new = |id: &str| self.applied.clients.contains_key(id) && !self.plan.clients.contains_key(id);
        write.act == Act::Update && write.seen().is_none() && write.name.client().is_some_and(is_new)
    }

    /// Sends a write. The assets of a login style go in several requests if they are large.
    async fn with_assets(
        &mut self,
        write: &PlannedWrite,
        mut now: Option<Value>,
        watch: &mut impl WatchApply,
    ) -> Sent {
        let name = write.name_in_pool(&self.applied.clients);
        if name.kind != ObjectKind::Branding || write.act == Act::Delete {
            return self.surely(write, now, watch).await;
        }
        let assets = write.reveal()["Assets"].as_array().cloned().unwrap_or_default();
        for (number, batch) in asset_batches(assets).into_iter().enumerate() {
            let act = if number == 0 { write.act } else { Act::Update };
            if number > 0 {
                now = read(self.pool, &name, write.reveal()).await?;
            }
            self.surely(&write.with_assets(act, batch), now.take(), watch).await?;
        }
        Ok(())
    }

    fn is_unchanged(&self, name: &ObjectName, seen: Option<&Value>, now: Option<&Value>) -> bool {
        match (seen, now) {
            (None, None) => true,
            (Some(seen), Some(now)) => {
                let dates = [seen, now].map(|object| &object["LastModifiedDate"]);
                // Each write may count as a change of the pool itself.
                let is_dated = name.kind != ObjectKind::UserPool || !self.applied.has_sent;
                let is_dated = is_dated && dates.iter().all(|date| !date.is_null());
                (!is_dated || dates[0] == dates[1]) && is_same_object(name, seen, now)
            }
            _ => false,
        }
    }

    /// Sends the requests of a write. If a reply is lost, it looks at the object before it sends a request again.
    async fn surely(
        &mut self,
        write: &PlannedWrite,
        mut now: Option<Value>,
        watch: &mut impl WatchApply,
    ) -> Sent {
        let name = write.name_in_pool(&self.applied.clients);
        let mut requests = write.requests(now.as_ref(), &self.applied.clients, self.pool.id());
        if requests.is_empty() {
            return Err(Failed::Ended(internal("No operation carries out a step of the plan.")));
        }
        requests.reverse();
        let mut unanswered = 0;
        while let Some(request) = requests.last() {
            self.sends(write);
            let error = match send(self.pool, request, self.attempts(&name), watch).await {
                Ok(_) => {
                    self.accepted.insert(write.step);
                    requests.pop();
                    unanswered = 0;
                    // Attributes are added by several requests.
                    if !requests.is_empty() {
                        now = read(self.pool, &name, &self.known(write)).await?;
                    }
                    continue;
                }
                Err(Failed::Unknown(error)) if unanswered < MAX_READS => {
                    unanswered += 1;
                    watch.waits(error.operation, WAIT);
                    sleep(WAIT).await;
                    error
                }
                Err(Failed::Refused(error)) if error.kind == PoolErrorKind::NotFound => {
                    if write.act == Act::Delete {
                        return Ok(());
                    }
                    return Err(if exists(self.pool).await? {
                        Failed::Refused(error)
                    } else {
                        Failed::Ended(pool_not_found(self.pool.id()))
                    });
                }
                // The lost request may have done it.
                Err(Failed::Refused(error)) if unanswered > 0 => error,
                // Not only a recovery has this code.
                Err(Failed::AtWork(error)) if error.code.as_str() == NOT_ENABLED => {
                    let is_idle = at_work(self.pool).await?.is_none();
                    return Err(if is_idle { Failed::Refused(error) } else { Failed::AtWork(error) });
                }
                Err(failed) => return Err(failed),
            };
            let known = now.clone().unwrap_or_else(|| self.known(write));
            let after = read(self.pool, &name, &known).await?;
            let is_done = match (&now, &after) {
                (Some(before), Some(after)) => !is_same_object(&name, before, after),
                (before, after) => before.is_some() != after.is_some(),
            };
            if is_done {
                self.accepted.insert(write.step);
                requests.pop();
                (now, unanswered) = (after, 0);
            } else if error.kind != PoolErrorKind::Transient {
                return Err(Failed::Refused(error));
            }
        }
        Ok(())
    }

    /// Creates a client again. Nothing but its name leads to it if the reply is lost.
    async fn new_client(&mut self, write: &PlannedWrite, watch: &mut impl WatchApply) -> Sent {
        let client_name = &write.reveal()["ClientName"];
        if !clients_named(self.pool, client_name).await?.is_empty() {
            return Err(Failed::Ended(changed(&write.name)));
        }
        let requests = write.requests(None, &self.applied.clients, self.pool.id());
        let request = requests.first().ok_or_else(|| internal("No operation creates a client."))?;
        let mut unanswered = 0;
        let id = loop {
            self.sends(write);
            let error = match send(self.pool, request, self.attempts(&write.name), watch).await {
                Ok(answer) => {
                    let id = answer["UserPoolClient"]["ClientId"].as_str().map(str::to_owned);
                    break id.ok_or_else(|| internal("CreateUserPoolClient answered no id."))?;
                }
                Err(Failed::Unknown(error)) if unanswered < MAX_READS => Failed::Unknown(error),
                Err(Failed::Refused(error)) if unanswered > 0 => Failed::Refused(error),
                Err(failed) => return Err(failed),
            };
            unanswered += 1;
            match (self.look_for_client(client_name, watch).await?, error) {
                (Some(id), _) => break id,
                (None, Failed::Unknown(_)) => {}
                (None, failed) => return Err(failed),
            }
        };
        self.accepted.insert(write.step);
        self.applied.clients.insert(write.name.id.clone(), id);
        Ok(())
    }

    /// Looks for the client of a request whose reply was lost. A list may show it late.
    async fn look_for_client(
        &self,
        client_name: &Value,
        watch: &mut impl WatchApply,
    ) -> Result<Option<String>> {
        for _ in 0..MAX_READS {
            watch.waits(Operation::CreateUserPoolClient, WAIT);
            sleep(WAIT).await;
            let found = clients_named(self.pool, client_name).await?.into_iter().next();
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// How often a request is sent that Cognito may refuse because it does not know yet what this command has made.
    fn attempts(&self, name: &ObjectName) -> usize {
        let named: &[ObjectKind] = match name.kind {
            ObjectKind::Client => &[ObjectKind::IdentityProvider, ObjectKind::ResourceServer],
            // It needs a domain that is active.
            ObjectKind::UiCustomization => &[ObjectKind::Domain],
            _ => &[],
        };
        let is_named = |step: &usize| named.contains(&self.plan.steps[*step].name.kind);
        if self.accepted.iter().any(is_named) { ATTEMPTS } else { 1 }
    }

    /// The error of a roll back that stopped at a step.
    fn stopped_at(&self, label: &str, error: &Error) -> Error {
        if !self.applied.has_sent {
            return error.clone();
        }
        let what = format!("The roll back stopped at {}. {}", object_name(label), error.message());
        Error::new(error.kind(), what, error.guidance().clone())
    }
}

/// The code of a call that the pool does not have, or not now.
const NOT_ENABLED: &str = "OperationNotEnabledException";

/// Whether an object has a change after a write that this write did not make.
fn is_foreign(name: &ObjectName, before: Option<&Value>, now: Option<&Value>, write: &PlannedWrite) -> bool {
    let own = write.name.kind == name.kind;
    let is_removed = own && [Act::Delete, Act::Clear].contains(&write.act);
    let Some(now) = now else { return before.is_some() && !is_removed };
    let Some(before) = before else { return !own };
    let expected = match () {
        () if is_removed => Vec::new(),
        () if own => vec![write.reveal().clone()],
        () => mirrored(name, before, write.reveal()),
    };
    let mut fields = differing_fields(name, before, now);
    for expected in expected {
        let others = differing_fields(name, &expected, now);
        fields.retain(|field| others.contains(field));
    }
    !fields.is_empty()
}

/// What an object may be after a request of the pool or of its factors, which is not its own.
fn mirrored(name: &ObjectName, before: &Value, sent: &Value) -> Vec<Value> {
    const SHARED: [&str; 2] = ["SmsConfiguration", "SmsAuthenticationMessage"];
    let mut expected = before.clone();
    if name.kind == ObjectKind::UserPool {
        expected["MfaConfiguration"] = sent["MfaConfiguration"].clone();
        let factor = sent["SmsMfaConfiguration"].as_object().into_iter().flatten();
        for (member, value) in factor.filter(|(member, _)| SHARED.contains(&member.as_str())) {
            expected[member] = value.clone();
        }
        return vec![expected];
    }
    for member in SHARED {
        expected["SmsMfaConfiguration"][member] = sent[member].clone();
    }
    // Without a sender, there is no factor.
    let mut without = before.clone();
    if let Some(members) = without.as_object_mut() {
        members.remove("SmsMfaConfiguration");
    }
    vec![expected, without]
}

fn changed(name: &ObjectName) -> Error {
    let name = object_name(&name.to_string());
    let what = format!("Another program or operator changed {name} after the plan.");
    Error::new(
        ErrorKind::Overtaken,
        what,
        "Run the command again: it makes a new plan, which has the change.",
    )
}

//! The writes of a roll back, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio::time::sleep;

use super::reading::read;
use super::{AfterReason, Applied, WatchApply};
use crate::model::configuration::apply::{Act, Action, ApplyPlan, PlannedWrite, is_same_object};
use crate::model::configuration::{ObjectKind, ObjectName};
use crate::model::object_name;
use crate::operations::refusals::pool_not_found;
use crate::operations::sending::{
    ATTEMPTS, Failed, MAX_READS, WAIT, asset_batches, clients_named, exists, internal, send,
};
use crate::pacing::PacedPool;
use crate::ports::pool::{ConfigurablePool, Operation, Pool, PoolErrorKind};
use crate::{Error, ErrorKind, Result};

/// A roll back at work.
pub(super) struct Work<'a, P> {
    pool: &'a PacedPool<P>,
    plan: &'a ApplyPlan,
    applied: &'a mut Applied,
    /// The objects that this command has changed, as Cognito answered them afterwards.
    changed: BTreeMap<ObjectName, Option<Value>>,
    /// What was not written, and why.
    failures: BTreeMap<ObjectName, AfterReason>,
    /// Steps of which a write was not carried out.
    failed_steps: BTreeSet<usize>,
    /// Whether this command has written anything. Cognito may count that as a change of the pool itself.
    has_written: bool,
}

impl<'a, P: ConfigurablePool> Work<'a, P> {
    pub fn new(pool: &'a PacedPool<P>, plan: &'a ApplyPlan, applied: &'a mut Applied) -> Self {
        Self {
            pool,
            plan,
            applied,
            changed: BTreeMap::new(),
            failures: BTreeMap::new(),
            failed_steps: BTreeSet::new(),
            has_written: false,
        }
    }

    pub fn into_failures(self) -> BTreeMap<ObjectName, AfterReason> {
        self.failures
    }

    pub async fn all(&mut self, watch: &mut impl WatchApply) -> Result<()> {
        let plan = self.plan;
        for (index, write) in plan.writes.iter().enumerate() {
            let step = &plan.steps[write.step];
            if self.failed_steps.contains(&write.step) {
                continue;
            }
            if self.needs_refused(write) {
                self.fails(write, AfterReason::NeedsRefused);
                continue;
            }
            watch.applies(&step.label, step.action);
            let write = &write.without_names(&self.lacking());
            match Box::pin(self.one(write, watch)).await {
                Ok(()) => {}
                Err(Failed::Refused(error) | Failed::Denied(error)) => {
                    self.fails(write, AfterReason::Refused(error.call()));
                    let put_back = self.put_back(write, watch).await;
                    put_back.map_err(|error| self.stopped_at(&step.label, &error))?;
                    continue;
                }
                Err(failed) => return Err(self.stopped_at(&step.label, &failed.into_error(self.pool))),
            }
            self.has_written = true;
            let later = &plan.writes[index + 1..];
            if !later.iter().any(|other| other.step == write.step) {
                self.applied.done.push(step.clone());
            }
            self.look_again(write, later).await.map_err(|error| self.stopped_at(&step.label, &error))?;
        }
        Ok(())
    }

    /// Creates what was deleted to be replaced again, after Cognito has refused its replacement. If Cognito refuses that,
    /// too, the report says that the object is missing.
    async fn put_back(&self, write: &PlannedWrite, watch: &mut impl WatchApply) -> Result<()> {
        let is_replaced = self.plan.steps[write.step].action == Action::Replace && self.has_written;
        let name = write.name_in_pool(&self.applied.clients);
        let is_gone = self.changed.get(&name).is_some_and(Option::is_none);
        let Some(write) = write.putting_back().filter(|_| is_replaced && is_gone) else { return Ok(()) };
        match Box::pin(self.with_assets(&write, None, watch)).await {
            Ok(()) | Err(Failed::Refused(_) | Failed::Denied(_)) => Ok(()),
            Err(failed) => Err(failed.into_error(self.pool)),
        }
    }

    fn fails(&mut self, write: &PlannedWrite, reason: AfterReason) {
        self.failed_steps.insert(write.step);
        self.failures.insert(write.name_in_pool(&self.applied.clients), reason);
    }

    /// Whether the write is about a client that could not be created.
    fn needs_refused(&self, write: &PlannedWrite) -> bool {
        let client = match write.name.kind {
            ObjectKind::Client => None,
            // Its name does not have its client.
            ObjectKind::CimdPolicy => write.reveal()["ClientId"].as_str(),
            _ => write.name.client(),
        };
        client.is_some_and(|client| self.failures.contains_key(&ObjectName::of(ObjectKind::Client, client)))
    }

    /// Providers and servers that could not be created.
    fn lacking(&self) -> BTreeSet<ObjectName> {
        let creations = self.plan.writes.iter().filter(|write| write.act == Act::Create);
        creations
            .filter(|write| self.failures.contains_key(&write.name))
            .map(|write| write.name.clone())
            .collect()
    }

    /// Reads what the write has changed beside its own object, for the writes that follow.
    async fn look_again(&mut self, write: &PlannedWrite, later: &[PlannedWrite]) -> Result<()> {
        // Cognito shows some settings in both of them.
        let pool_itself = [ObjectKind::UserPool, ObjectKind::Mfa];
        for other in later {
            let is_alike = pool_itself.contains(&other.name.kind) && pool_itself.contains(&write.name.kind);
            if other.name != write.name && !is_alike {
                continue;
            }
            let name = other.name_in_pool(&self.applied.clients);
            let now = read(self.pool, &name, other.reveal()).await?;
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
        if let Some(members) = known.as_object_mut().filter(|_| write.act == Act::Create) {
            members.remove("TermsId");
            members.remove("CIMDPolicyId");
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
        watch: &mut impl WatchApply,
    ) -> std::result::Result<(), Failed> {
        if write.name.kind == ObjectKind::Client && write.act == Act::Create {
            return self.new_client(write, watch).await;
        }
        let now = self.now(write).await?;
        let name = write.name_in_pool(&self.applied.clients);
        let seen = self.changed.get(&name).map_or_else(|| write.seen(), Option::as_ref);
        if write.is_hidden() && now.is_some() {
            return self.with_assets(&write.of_present_object(), now, watch).await;
        }
        if !self.is_unchanged(&name, seen, now.as_ref()) {
            return Err(Failed::Ended(changed(&name)));
        }
        self.with_assets(write, now, watch).await
    }

    /// Sends a write. The assets of a login style go in several requests if they are large.
    async fn with_assets(
        &self,
        write: &PlannedWrite,
        mut now: Option<Value>,
        watch: &mut impl WatchApply,
    ) -> std::result::Result<(), Failed> {
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
                let is_dated = name.kind != ObjectKind::UserPool || !self.has_written;
                let is_dated = is_dated && dates.iter().all(|date| !date.is_null());
                (!is_dated || dates[0] == dates[1]) && is_same_object(name, seen, now)
            }
            _ => false,
        }
    }

    /// Sends the requests of a write. If a reply is lost, it looks at the object before it sends a request again.
    async fn surely(
        &self,
        write: &PlannedWrite,
        mut now: Option<Value>,
        watch: &mut impl WatchApply,
    ) -> std::result::Result<(), Failed> {
        let name = write.name_in_pool(&self.applied.clients);
        let mut requests = write.requests(now.as_ref(), &self.applied.clients, self.pool.id());
        if requests.is_empty() {
            return Err(Failed::Ended(internal("No operation carries out a step of the plan.")));
        }
        requests.reverse();
        let mut unanswered = 0;
        while let Some(request) = requests.last() {
            let error = match send(self.pool, request, attempts(&name), watch).await {
                Ok(_) => {
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
                Err(failed) => return Err(failed),
            };
            let known = now.clone().unwrap_or_else(|| self.known(write));
            let after = read(self.pool, &name, &known).await?;
            let is_done = match (&now, &after) {
                (Some(before), Some(after)) => !is_same_object(&name, before, after),
                (before, after) => before.is_some() != after.is_some(),
            };
            if is_done {
                requests.pop();
                (now, unanswered) = (after, 0);
            } else if error.kind != PoolErrorKind::Transient {
                return Err(Failed::Refused(error));
            }
        }
        Ok(())
    }

    /// Creates a client again. Nothing but its name leads to it if the reply is lost.
    async fn new_client(
        &mut self,
        write: &PlannedWrite,
        watch: &mut impl WatchApply,
    ) -> std::result::Result<(), Failed> {
        let client_name = &write.reveal()["ClientName"];
        if !clients_named(self.pool, client_name).await?.is_empty() {
            return Err(Failed::Ended(changed(&write.name)));
        }
        let requests = write.requests(None, &self.applied.clients, self.pool.id());
        let request = requests.first().ok_or_else(|| internal("No operation creates a client."))?;
        let mut unanswered = 0;
        let id = loop {
            let error = match send(self.pool, request, ATTEMPTS, watch).await {
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

    /// The error of a roll back that stopped at a step. It lists what was done.
    fn stopped_at(&self, label: &str, error: &Error) -> Error {
        let done: Vec<String> = self.applied.done.iter().map(|step| object_name(&step.label)).collect();
        let done = match &done[..] {
            [] if !self.has_written => "Nothing was changed.".to_owned(),
            [] => "No object was brought back completely.".to_owned(),
            done => format!("These objects were brought back: {}.", done.join(", ")),
        };
        let what = format!("The roll back stopped at {}. {} {done}", object_name(label), error.message());
        Error::new(error.kind(), what, error.guidance().clone())
    }
}

/// How often a request is sent that Cognito refuses because of something new.
fn attempts(name: &ObjectName) -> usize {
    match name.kind {
        // It needs a domain that is active.
        ObjectKind::Client | ObjectKind::UiCustomization => ATTEMPTS,
        _ => 1,
    }
}

fn changed(name: &ObjectName) -> Error {
    let what = format!("It was changed since the plan was made: {}.", object_name(&name.to_string()));
    Error::new(
        ErrorKind::Overtaken,
        what,
        "Start the command again: it makes a new plan, which has the change.",
    )
}

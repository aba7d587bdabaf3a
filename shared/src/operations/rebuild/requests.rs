//! The requests of the steps, with the ids that the new pool gave.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::WatchRebuild;
use super::sending::Made;
use super::steps::Work;
use crate::Result;
use crate::catalog::{RebuildStep, StepState};
use crate::model::configuration::difference::document::POOL_WIDE;
use crate::model::configuration::rebuild::{RebuildPlan, Step};
use crate::model::configuration::request::{ConfigurationWrite, Purpose, secrets_of};
use crate::model::configuration::{CapturedObject, ObjectKind, ObjectName, Tier};
use crate::model::{Digest, DigestBuilder, PoolId};
use crate::operations::refusals::refused;
use crate::operations::sending::{ATTEMPTS, Failed, asset_batches, internal, send};
use crate::pacing::PacedPool;
use crate::ports::pool::{ConfigurablePool, Operation, Pool};
use crate::ports::vault::Vault;

/// The names that a document lacks, by member.
pub(super) type Without = BTreeMap<String, Vec<String>>;

/// The document of a step without the names of objects that Cognito has refused, and these names.
pub(super) fn prepared(
    step: &Step,
    plan: &RebuildPlan,
    steps: &BTreeMap<String, RebuildStep>,
) -> (Value, Without) {
    let (mut document, mut without) = (step.reveal().clone(), Without::new());
    if step.name.kind != ObjectKind::Client {
        return (document, without);
    }
    let refused = |kind: ObjectKind| -> BTreeSet<&str> {
        let of_kind = plan.steps.iter().filter(|step| step.name.kind == kind);
        let is_refused =
            |step: &&Step| steps.get(&step.key()).is_some_and(|known| known.state == StepState::Refused);
        of_kind.filter(is_refused).map(|step| step.name.id.as_str()).collect()
    };
    let (providers, servers) = (refused(ObjectKind::IdentityProvider), refused(ObjectKind::ResourceServer));
    let mut keep = |member: &str, is_lost: &dyn Fn(&str) -> bool| {
        let Some(Value::Array(values)) = document.get_mut(member) else { return };
        let is_taken = |value: &mut Value| value.as_str().is_some_and(is_lost);
        let taken = values.extract_if(.., is_taken).filter_map(|value| value.as_str().map(str::to_owned));
        let taken: Vec<String> = taken.collect();
        if !taken.is_empty() {
            without.insert(member.to_owned(), taken);
        }
    };
    keep("SupportedIdentityProviders", &|name| providers.contains(name));
    keep("AllowedOAuthScopes", &|scope| {
        scope.rsplit_once('/').is_some_and(|(server, _)| servers.contains(server))
    });
    (document, without)
}

/// The digest of what a step asks for. A secret counts only as given or not: a digest of it would prove a guess.
pub(super) fn request_digest(step: &Step, pool: &PoolId, tier: Option<Tier>) -> Digest {
    let document = step.reveal();
    let mut shown = document.clone();
    for path in secrets_of(step.name.kind, document, Purpose::Create) {
        if let Some(secret) = shown.pointer_mut(&format!("/{}", path.replace('.', "/")))
            && secret.is_string()
        {
            *secret = true.into();
        }
    }
    // The request has only members that the table of fields names. Others may be secret.
    let write = ConfigurationWrite::creating(&step.name, &shown, pool, tier);
    let request = write.map(|write| write.reveal()).unwrap_or_default();
    DigestBuilder::new("request of a step").text(&request.to_string()).finish()
}

/// The request that creates an object.
pub(super) fn write_of(
    name: &ObjectName,
    document: &Value,
    pool: &PoolId,
    tier: Option<Tier>,
) -> Result<ConfigurationWrite> {
    let write = ConfigurationWrite::creating(name, document, pool, tier);
    write.ok_or_else(|| internal("No operation creates an object of the plan."))
}

impl<V: Vault> Work<'_, V> {
    /// The name of the object in the new pool.
    pub(super) fn new_name(&self, step: &Step, document: &Value) -> ObjectName {
        let old = &step.name;
        if old.kind == ObjectKind::Domain {
            return ObjectName::of(old.kind, document["Domain"].as_str().unwrap_or(&old.id));
        }
        let new_client = old.client().and_then(|client| self.made.clients.get(client));
        new_client.map_or_else(|| old.clone(), |new| old.with_client(new))
    }

    /// The document with the new id of its client.
    pub(super) fn of_new_client(&self, step: &Step, document: &Value) -> Value {
        let mut document = document.clone();
        let clients = &self.made.clients;
        let new_client = document["ClientId"].as_str().and_then(|old| clients.get(old));
        let new_client = new_client.or_else(|| step.name.client().and_then(|old| clients.get(old)));
        if let Some(new) = new_client {
            document["ClientId"] = new.as_str().into();
        } else if step.name.id == POOL_WIDE
            && let Some(members) = document.as_object_mut()
        {
            members.remove("ClientId");
        }
        document
    }

    /// Gives a client the names of objects that Cognito refused when the client was made, and has now. Everything else
    /// in the client stays.
    pub(super) async fn give_names<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        document: &Value,
        without: &Without,
        watch: &mut impl WatchRebuild,
    ) -> std::result::Result<(), Failed> {
        let live = self.live(pool, watch).await?;
        // If the operator has deleted the client, nothing is left to do.
        let Some(live) = self.find(step, document, live.as_deref()) else { return Ok(()) };
        let mut wanted = live.document.clone();
        for member in without.keys() {
            wanted[member] = document[member].clone();
        }
        let write =
            ConfigurationWrite::updating(&live.name, &wanted, &live.document, pool.id(), self.plan.tier);
        let write = write.ok_or_else(|| internal("No operation changes a client."))?;
        send(pool, &write, ATTEMPTS, watch).await.map(drop)
    }

    /// Makes an object that is neither the pool nor a client.
    pub(super) async fn object<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        document: &Value,
        live: Option<&[CapturedObject]>,
        watch: &mut impl WatchRebuild,
    ) -> std::result::Result<Made, Failed> {
        let live = self.find(step, document, live);
        let document = self.of_new_client(step, document);
        match (step.name.kind, live) {
            (ObjectKind::Branding, live) => {
                self.branding(pool, step, document, live, watch).await?;
                return Ok(Made::default());
            }
            (
                ObjectKind::ResourceServer
                | ObjectKind::IdentityProvider
                | ObjectKind::Domain
                | ObjectKind::Terms
                | ObjectKind::CimdPolicy,
                Some(live),
            ) => return self.adopted(pool, step, document, live).await,
            _ => {}
        }
        let attempts = if step.name.kind == ObjectKind::UiCustomization { ATTEMPTS } else { 1 };
        let write = write_of(&self.new_name(step, &document), &document, pool.id(), self.plan.tier)?;
        send(pool, &write, attempts, watch).await?;
        Ok(Made::default())
    }

    /// Sets a member of the pool itself. Everything else in the pool stays.
    pub(super) async fn part_of_pool<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        part: &str,
        document: &Value,
        watch: &mut impl WatchRebuild,
    ) -> std::result::Result<(), Failed> {
        let request = json!({"UserPoolId": pool.id().as_str()});
        let answer = pool.read_configuration(Operation::DescribeUserPool, &request).await;
        let live = answer.map_err(|error| refused(pool.id(), error))?.into_json()["UserPool"].take();
        let mut wanted = live.clone();
        wanted[part] = document[part].clone();
        let name = ObjectName::single(ObjectKind::UserPool);
        let write = ConfigurationWrite::updating(&name, &wanted, &live, pool.id(), self.plan.tier);
        let write = write.ok_or_else(|| internal("No operation changes a user pool."))?;
        send(pool, &write, ATTEMPTS, watch).await.map(drop)
    }

    /// A login style. Its assets go in several requests if they are large.
    async fn branding<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        mut document: Value,
        live: Option<&CapturedObject>,
        watch: &mut impl WatchRebuild,
    ) -> std::result::Result<(), Failed> {
        let name = self.new_name(step, &document);
        let assets = document.get_mut("Assets").map(Value::take);
        let mut style = live.map(|live| live.document.clone());
        for batch in asset_batches(assets.and_then(|assets| assets.as_array().cloned()).unwrap_or_default()) {
            document["Assets"] = batch.into();
            let write = match &style {
                None => ConfigurationWrite::creating(&name, &document, pool.id(), self.plan.tier),
                Some(live) => ConfigurationWrite::updating(&name, &document, live, pool.id(), self.plan.tier),
            };
            let write = write.ok_or_else(|| internal("No operation creates a login style."))?;
            let answer = send(pool, &write, 1, watch).await?;
            style = Some(answer["ManagedLoginBranding"].clone());
        }
        Ok(())
    }
}

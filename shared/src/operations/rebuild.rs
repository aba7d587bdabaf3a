//! Builds a pool again from a captured configuration, and finishes it after its users are imported.
//!
//! Each step is written to a journal before the next one begins. If a reply is lost, or the command dies, the pool is
//! found again by a tag, and its objects by a read of what the pool has. So nothing is created twice.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::capture::{WatchReading, live_configuration};
use super::captured_configuration::CapturedSnapshot;
use super::refusals::refused;
use crate::catalog::{Catalog, RebuildJournal};
use crate::model::configuration::rebuild::{RebuildPlan, Step};
use crate::model::configuration::request::ConfigurationWrite;
use crate::model::configuration::{Asset, CapturedList, CapturedObject, ObjectKind, ObjectName, Tier};
use crate::model::{Digest, PoolId, RunId};
use crate::pacing::PacedPool;
use crate::ports::pool::{ConfigurablePool, Operation, Pool, PoolError, PoolErrorKind};
use crate::ports::vault::{ReadVault, Vault};
use crate::{Error, ErrorKind, Guidance, Result};

/// The tag that marks a pool that is not finished.
pub const MARKER: &str = "cognito-backup-rebuild";
/// The name of the object of the pool itself, if clients have such objects, too.
const ALL: &str = "ALL";
/// How often a creation looks again at what the pool has, after calls without an answer.
const LOOKS: usize = 6;
const WAIT: Duration = Duration::from_secs(5);
/// Attempts at a client whose provider Cognito may not know yet. Source: lgallard/terraform-aws-cognito-user-pool #71.
const CLIENT_ATTEMPTS: usize = 4;
/// Attempts at a look whose domain may not be active yet. A prefix domain takes up to a minute.
const LOOK_ATTEMPTS: usize = 20;
/// The most base64 of assets in one request, which may have 2 MB.
const MAX_ASSETS: usize = 1_500_000;

/// Follows a creation, which can take minutes.
pub trait WatchRebuild: WatchReading {
    /// A step begins.
    fn makes(&mut self, label: &str);
}

/// What to create.
#[derive(Debug)]
pub struct Rebuild<'a> {
    pub source: &'a PoolId,
    pub snapshot: &'a RunId,
    pub name: &'a str,
    pub plan: &'a RebuildPlan,
    /// A value that no other creation has.
    pub marker: String,
}

/// A created pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    pub pool: PoolId,
    /// The old and the new ids of clients.
    pub clients: BTreeMap<String, String>,
}

/// Puts the bytes of assets into the objects of a capture.
///
/// # Errors
/// `SnapshotDamaged` if an asset is missing or altered.
pub async fn with_assets<V: ReadVault>(
    catalog: &Catalog<V>,
    captured: &CapturedSnapshot,
) -> Result<Vec<CapturedObject>> {
    let mut objects = captured.objects.clone();
    for object in objects.iter_mut().filter(|object| object.name.kind == ObjectKind::Branding) {
        for asset in object.document["Assets"].as_array_mut().into_iter().flatten() {
            let digest: Option<Digest> = asset["Bytes"].as_str().and_then(|text| Digest::parse(text).ok());
            let Some(digest) = digest else { continue };
            let mut read = catalog.configuration_records::<Asset>(&captured.snapshot.pool, &[digest]).await?;
            let Some(Ok(bytes)) = read.pop() else {
                let what = format!("An asset of snapshot {} is missing or altered.", captured.snapshot.id);
                return Err(Error::new(ErrorKind::SnapshotDamaged, what, Guidance::RECOVER_ITEM));
            };
            asset["Bytes"] = bytes.base64().into();
        }
    }
    Ok(objects)
}

/// Creates the pool, or continues its creation. `any` is a pool of the account and Region: it may be deleted.
///
/// # Errors
/// If the name or a domain is taken, the table cannot be used, or Cognito refuses a call. The same call continues.
pub async fn rebuild<V: Vault, P: ConfigurablePool>(
    catalog: &Catalog<V>,
    wanted: &Rebuild<'_>,
    any: &PacedPool<P>,
    pool_at: impl Fn(&PoolId) -> PacedPool<P>,
    watch: &mut impl WatchRebuild,
) -> Result<Rebuilt> {
    let stored = catalog.rebuild_journal(wanted.source, wanted.name).await?;
    let is_new = stored.as_ref().is_none_or(|journal| journal.is_finished);
    let journal = if is_new {
        require_free(any, wanted).await?;
        let journal = RebuildJournal {
            source: wanted.source.clone(),
            snapshot: wanted.snapshot.clone(),
            name: wanted.name.to_owned(),
            marker: wanted.marker.clone(),
            pool: None,
            clients: BTreeMap::new(),
            done: std::collections::BTreeSet::new(),
            triggers: wanted.plan.triggers.to_string(),
            is_protected: wanted.plan.is_protected,
            is_finished: false,
        };
        catalog.write_rebuild_journal(stored.as_ref(), &journal).await?;
        journal
    } else {
        let Some(journal) = stored else { return Err(internal("The journal is lost.")) };
        journal
    };
    if journal.snapshot != *wanted.snapshot {
        let what = format!(
            "The creation of user pool {:?} has begun from snapshot {}, and is not finished.",
            wanted.name, journal.snapshot
        );
        let next = "Name that snapshot to continue, or give another name.";
        return Err(Error::new(ErrorKind::InvalidInput, what, next));
    }
    let mut work = Work { catalog, plan: wanted.plan, journal };
    let id = work.pool(any, !is_new, watch).await?;
    let pool = pool_at(&id);
    let mut is_fresh = is_new;
    for look in 1..=LOOKS {
        let there = if is_fresh { Vec::new() } else { objects_of(&pool, watch).await? };
        match work.steps(&pool, there, watch).await {
            Ok(()) => return Ok(Rebuilt { pool: id, clients: work.journal.clients }),
            Err(Failed::Unknown(error)) if look == LOOKS => return Err(refused(&id, error)),
            Err(Failed::Unknown(error)) => {
                watch.waits(error.operation, WAIT);
                sleep(WAIT).await;
            }
            Err(Failed::Ended(error)) => return Err(error),
        }
        is_fresh = false;
    }
    Err(internal("The creation has no end."))
}

fn internal(what: &str) -> Error {
    Error::new(ErrorKind::Internal, what.to_owned(), Guidance::REPORT_THIS)
}

/// Refuses a name that another pool has, and domains that are taken.
async fn require_free<P: Pool>(any: &PacedPool<P>, wanted: &Rebuild<'_>) -> Result<()> {
    if let Some(pool) = pools_named(any, wanted.name).await?.first() {
        let what = format!("User pool {pool} has the name {:?}.", wanted.name);
        return Err(Error::new(ErrorKind::InvalidInput, what, "Give another name."));
    }
    for step in wanted.plan.steps.iter().filter(|step| step.name.kind == ObjectKind::Domain) {
        let domain = step.reveal()["Domain"].clone();
        let request = json!({"Domain": domain});
        match any.read_configuration(Operation::DescribeUserPoolDomain, &request).await {
            Ok(answer) if answer.reveal()["DomainDescription"]["Domain"].is_string() => {
                let what = format!("The domain {domain} is taken.");
                let next = "Map it to another domain, or leave it out of the map and create it after the old user pool \
                            has given it up.";
                return Err(Error::new(ErrorKind::InvalidInput, what, next));
            }
            Ok(_) => {}
            Err(error) if error.kind == PoolErrorKind::NotFound => {}
            Err(error) => return Err(refused(any.id(), error)),
        }
    }
    Ok(())
}

/// The pools of the account and Region with this name. It need not be unique.
async fn pools_named<P: Pool>(any: &PacedPool<P>, name: &str) -> Result<Vec<PoolId>> {
    let (mut found, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut request = json!({"MaxResults": 60});
        if token.is_string() {
            request["NextToken"] = token;
        }
        let answer = any.read_configuration(Operation::ListUserPools, &request).await;
        let answer = answer.map_err(|error| refused(any.id(), error))?.into_json();
        let pools = answer["UserPools"].as_array().into_iter().flatten();
        let named = pools.filter(|pool| pool["Name"] == name).filter_map(|pool| pool["Id"].as_str());
        found.extend(named.filter_map(|id| PoolId::parse(id).ok()));
        token = answer["NextToken"].clone();
        if !token.is_string() {
            return Ok(found);
        }
    }
}

/// What the new pool has.
async fn objects_of<P: Pool>(
    pool: &PacedPool<P>,
    watch: &mut impl WatchReading,
) -> Result<Vec<CapturedObject>> {
    Ok(live_configuration(pool, &CapturedList::default(), watch).await?.objects)
}

/// Why a step is not done.
enum Failed {
    /// Whether Cognito carried the call out is unknown.
    Unknown(PoolError),
    Ended(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Ended(error)
    }
}

struct Work<'a, V> {
    catalog: &'a Catalog<V>,
    plan: &'a RebuildPlan,
    journal: RebuildJournal,
}

impl<V: Vault> Work<'_, V> {
    async fn note(&mut self, change: impl FnOnce(&mut RebuildJournal)) -> Result<()> {
        let mut new = self.journal.clone();
        change(&mut new);
        self.catalog.write_rebuild_journal(Some(&self.journal), &new).await?;
        self.journal = new;
        Ok(())
    }

    /// The new pool. It is created unless an earlier command has created it.
    async fn pool<P: ConfigurablePool>(
        &mut self,
        any: &PacedPool<P>,
        mut may_exist: bool,
        watch: &mut impl WatchRebuild,
    ) -> Result<PoolId> {
        if let Some(pool) = &self.journal.pool {
            return Ok(pool.clone());
        }
        let name = ObjectName::single(ObjectKind::UserPool);
        let step = self.plan.steps.iter().find(|step| step.name == name);
        let document = step.ok_or_else(|| internal("The plan has no user pool."))?.reveal();
        let mut tags = document["UserPoolTags"].as_object().cloned().unwrap_or_default();
        tags.retain(|key, _| !key.starts_with(crate::model::configuration::RESERVED_TAG_PREFIX));
        tags.insert(MARKER.to_owned(), self.journal.marker.as_str().into());
        let write = ConfigurationWrite::creating(&name, document, any.id(), self.plan.tier)
            .ok_or_else(|| internal("No operation creates a user pool."))?
            .with("PoolName", Some(self.journal.name.as_str().into()))
            .with("UserPoolTags", Some(Value::Object(tags)));
        let mut looks = 0;
        let id = loop {
            if may_exist && let Some(found) = self.marked(any).await? {
                break found;
            }
            watch.makes("userPool");
            match any.write_configuration(&write).await {
                Ok(answer) => {
                    let id = answer.reveal()["UserPool"]["Id"].as_str().map(PoolId::parse);
                    break id.ok_or_else(|| internal("CreateUserPool answered no id."))??;
                }
                Err(error) if error.kind == PoolErrorKind::Transient && looks < LOOKS => {
                    (may_exist, looks) = (true, looks + 1);
                    watch.waits(error.operation, WAIT);
                    sleep(WAIT).await;
                }
                Err(error) => return Err(refused(any.id(), error)),
            }
        };
        let created = id.clone();
        self.note(|journal| journal.pool = Some(created)).await?;
        Ok(id)
    }

    /// The pool with the marker of this creation.
    async fn marked<P: Pool>(&self, any: &PacedPool<P>) -> Result<Option<PoolId>> {
        for id in pools_named(any, &self.journal.name).await? {
            let request = json!({"UserPoolId": id.as_str()});
            let answer = any.read_configuration(Operation::DescribeUserPool, &request).await;
            let answer = answer.map_err(|error| refused(&id, error))?.into_json();
            if answer["UserPool"]["UserPoolTags"][MARKER] == self.journal.marker.as_str() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Does the steps that are not done. `there` is what the pool may have of them.
    async fn steps<P: ConfigurablePool>(
        &mut self,
        pool: &PacedPool<P>,
        there: Vec<CapturedObject>,
        watch: &mut impl WatchRebuild,
    ) -> std::result::Result<(), Failed> {
        let plan = self.plan;
        for step in &plan.steps {
            let key = step.name.to_string();
            if self.journal.done.contains(&key) {
                continue;
            }
            watch.makes(&step.label);
            let mut client = None;
            match step.name.kind {
                ObjectKind::UserPool => self.attributes(pool, step, &there).await?,
                ObjectKind::Client => client = Some(self.client(pool, step, &there).await?),
                _ => self.object(pool, step, &there).await?,
            }
            self.note(|journal| {
                journal.clients.extend(client.map(|new| (step.name.id.clone(), new)));
                journal.done.insert(key);
            })
            .await?;
        }
        Ok(())
    }

    /// The attributes that the request for the pool cannot have.
    async fn attributes<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        there: &[CapturedObject],
    ) -> std::result::Result<(), Failed> {
        let live = there.iter().find(|object| object.name.kind == ObjectKind::UserPool);
        let live = live.and_then(|object| object.document["SchemaAttributes"].as_array());
        let has = |attribute: &Value| {
            live.is_some_and(|live| live.iter().any(|known| known["Name"] == attribute["Name"]))
        };
        let mut lacking = step.reveal().clone();
        if let Some(Value::Array(attributes)) = lacking.get_mut("SchemaAttributes") {
            let is_standard = |attribute: &Value| {
                let name = attribute["Name"].as_str().unwrap_or_default();
                crate::model::configuration::schema::standard_attribute(name).is_some()
            };
            attributes.retain(|attribute| is_standard(attribute) || !has(attribute));
        }
        // The limit counts all attributes, so the requests are made of the whole list.
        let all = ConfigurationWrite::adding_attributes(step.reveal(), pool.id());
        let left = ConfigurationWrite::adding_attributes(&lacking, pool.id());
        for write in if live.is_some() { left } else { all } {
            send(pool, &write, 1).await?;
        }
        Ok(())
    }

    /// A client. Returns its new id.
    async fn client<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        there: &[CapturedObject],
    ) -> std::result::Result<String, Failed> {
        // At most one client is not in the journal: that of the call whose reply was lost.
        let clients = there.iter().filter(|object| object.name.kind == ObjectKind::Client);
        let mut unknown =
            clients.filter(|client| !self.journal.clients.values().any(|id| *id == client.name.id));
        let found = unknown.find(|client| client.document["ClientName"] == step.reveal()["ClientName"]);
        if let Some(found) = found {
            return Ok(found.name.id.clone());
        }
        let write = self.creating(step, step.reveal(), pool)?;
        let answer = send(pool, &write, CLIENT_ATTEMPTS).await?;
        let id = answer["UserPoolClient"]["ClientId"].as_str().map(str::to_owned);
        Ok(id.ok_or_else(|| internal("CreateUserPoolClient answered no id."))?)
    }

    fn creating<P: Pool>(
        &self,
        step: &Step,
        document: &Value,
        pool: &PacedPool<P>,
    ) -> Result<ConfigurationWrite> {
        let name = self.new_name(step, document);
        let write = ConfigurationWrite::creating(&name, document, pool.id(), self.plan.tier);
        write.ok_or_else(|| internal("No operation creates an object of the plan."))
    }

    /// The name of the object in the new pool.
    fn new_name(&self, step: &Step, document: &Value) -> ObjectName {
        let old = &step.name;
        if old.kind == ObjectKind::Domain {
            let domain = document["Domain"].as_str().unwrap_or(&old.id);
            return ObjectName::of(old.kind, domain);
        }
        let (client, rest) =
            old.id.split_once('/').map_or((old.id.as_str(), None), |(id, rest)| (id, Some(rest)));
        match (self.journal.clients.get(client), rest) {
            (Some(new), Some(rest)) => ObjectName::of(old.kind, format!("{new}/{rest}")),
            (Some(new), None) => ObjectName::of(old.kind, new.as_str()),
            (None, _) => old.clone(),
        }
    }

    /// Any other object.
    async fn object<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        there: &[CapturedObject],
    ) -> std::result::Result<(), Failed> {
        let mut document = step.reveal().clone();
        let new_client = document["ClientId"].as_str().and_then(|old| self.journal.clients.get(old));
        let new_client = new_client.or_else(|| self.journal.clients.get(&step.name.id)).cloned();
        match new_client {
            Some(new) => document["ClientId"] = new.into(),
            // The look at an absent member leaves nothing in an object of the pool.
            None if step.name.id == ALL => {
                document.as_object_mut().map(|members| members.remove("ClientId"));
            }
            None => {}
        }
        let name = self.new_name(step, &document);
        let is_same = |live: &CapturedObject| {
            live.name == name
                || (name.kind == ObjectKind::CimdPolicy
                    && live.name.kind == name.kind
                    && ["ClientId", "PolicyName"]
                        .iter()
                        .all(|member| live.document[*member] == document[*member]))
        };
        let live = there.iter().find(|live| is_same(live));
        match step.name.kind {
            ObjectKind::Branding => return self.branding(pool, step, document, live).await,
            ObjectKind::ResourceServer
            | ObjectKind::IdentityProvider
            | ObjectKind::Domain
            | ObjectKind::Terms
            | ObjectKind::CimdPolicy
                if live.is_some() =>
            {
                return Ok(());
            }
            _ => {}
        }
        let attempts = if name.kind == ObjectKind::UiCustomization { LOOK_ATTEMPTS } else { 1 };
        let write = ConfigurationWrite::creating(&name, &document, pool.id(), self.plan.tier);
        let write = write.ok_or_else(|| internal("No operation creates an object of the plan."))?;
        send(pool, &write, attempts).await.map(drop)
    }

    /// A login style. Its assets go in several requests if they are large.
    async fn branding<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        mut document: Value,
        live: Option<&CapturedObject>,
    ) -> std::result::Result<(), Failed> {
        let assets = document.get_mut("Assets").map(Value::take);
        let assets = assets.and_then(|assets| assets.as_array().cloned()).unwrap_or_default();
        let mut batches: Vec<Vec<Value>> = vec![Vec::new()];
        let mut size = 0;
        for asset in assets {
            let bytes = asset["Bytes"].as_str().map_or(0, str::len);
            if size + bytes > MAX_ASSETS {
                (size, _) = (0, batches.push(Vec::new()));
            }
            size += bytes;
            if let Some(last) = batches.last_mut() {
                last.push(asset);
            }
        }
        let name = self.new_name(step, &document);
        let mut style = live.map(|live| live.document.clone());
        for batch in batches {
            document["Assets"] = batch.into();
            let write = match &style {
                None => ConfigurationWrite::creating(&name, &document, pool.id(), self.plan.tier),
                Some(live) => ConfigurationWrite::updating(&name, &document, live, pool.id(), self.plan.tier),
            };
            let write = write.ok_or_else(|| internal("No operation creates a login style."))?;
            let answer = send(pool, &write, 1).await?;
            style = Some(answer["ManagedLoginBranding"].clone());
        }
        Ok(())
    }
}

/// Sends a write. A parameter may be refused because Cognito does not know yet what was made just before.
async fn send<P: ConfigurablePool>(
    pool: &PacedPool<P>,
    write: &ConfigurationWrite,
    attempts: usize,
) -> std::result::Result<Value, Failed> {
    let mut attempt = 1;
    loop {
        match pool.write_configuration(write).await {
            Ok(answer) => return Ok(answer.into_json()),
            Err(error) if error.kind == PoolErrorKind::Transient => return Err(Failed::Unknown(error)),
            Err(error) if error.kind == PoolErrorKind::InvalidParameter && attempt < attempts => {
                attempt += 1;
                sleep(WAIT).await;
            }
            Err(error) => return Err(Failed::Ended(refused(pool.id(), error))),
        }
    }
}

/// Gives a created pool its triggers and its deletion protection, and takes the marker away. Returns whether anything was
/// left to do.
///
/// # Errors
/// If the table has no journal of the pool, or Cognito refuses a call. The same call continues.
pub async fn finish<V: Vault, P: ConfigurablePool>(
    catalog: &Catalog<V>,
    pool: &PacedPool<P>,
) -> Result<bool> {
    let journal = catalog.journal_of_rebuilt(pool.id()).await?.ok_or_else(|| {
        let what = format!("The table has no record of a creation of user pool {}.", pool.id());
        Error::new(ErrorKind::InvalidInput, what, "Name the user pool that `pool create` has printed.")
    })?;
    if journal.is_finished {
        return Ok(false);
    }
    let triggers: Value = serde_json::from_str(&journal.triggers).unwrap_or_default();
    for is_last in [false, true] {
        let request = json!({"UserPoolId": pool.id().as_str()});
        let answer = pool.read_configuration(Operation::DescribeUserPool, &request).await;
        let live = answer.map_err(|error| refused(pool.id(), error))?.into_json()["UserPool"].take();
        let mut wanted = live.clone();
        wanted["LambdaConfig"] =
            if triggers.is_object() { triggers.clone() } else { Value::Object(Map::new()) };
        if is_last {
            let protection = if journal.is_protected { "ACTIVE" } else { "INACTIVE" };
            wanted["DeletionProtection"] = protection.into();
            wanted["UserPoolTags"].as_object_mut().map(|tags| tags.remove(MARKER));
        }
        let tier = match live["UserPoolTier"].as_str() {
            Some("LITE") => Some(Tier::Lite),
            Some("ESSENTIALS") => Some(Tier::Essentials),
            Some("PLUS") => Some(Tier::Plus),
            _ => None,
        };
        let name = ObjectName::single(ObjectKind::UserPool);
        let write = ConfigurationWrite::updating(&name, &wanted, &live, pool.id(), tier);
        let write = write.ok_or_else(|| internal("No operation changes a user pool."))?;
        pool.write_configuration(&write).await.map_err(|error| refused(pool.id(), error))?;
    }
    let finished = RebuildJournal { is_finished: true, ..journal.clone() };
    catalog.write_rebuild_journal(Some(&journal), &finished).await?;
    Ok(true)
}

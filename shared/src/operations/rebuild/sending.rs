//! The requests of one step: sent once, and again only after a look at what the pool has.

use serde_json::{Value, json};
use tokio::time::sleep;

use super::WatchRebuild;
use super::requests::write_of;
use super::steps::Work;
use crate::Result;
use crate::model::ErrorCode;
use crate::model::configuration::difference::document::Configuration;
use crate::model::configuration::difference::{ClientMap, compare};
use crate::model::configuration::rebuild::Step;
use crate::model::configuration::request::ConfigurationWrite;
use crate::model::configuration::{CapturedList, CapturedObject, NotCapturedReason, ObjectKind, ObjectName};
use crate::operations::capture::{WatchReading, live_configuration};
use crate::operations::refusals::{pool_not_found, refused};
use crate::operations::sending::{ATTEMPTS, Failed, MAX_READS, WAIT, clients_named, exists, internal, send};
use crate::pacing::PacedPool;
use crate::ports::pool::{ConfigurablePool, Operation, Pool, PoolError, PoolErrorKind};
use crate::ports::vault::Vault;

/// The kinds of which a repeated request makes a second object, or is refused.
pub(super) const CREATED: [ObjectKind; 7] = [
    ObjectKind::ResourceServer,
    ObjectKind::IdentityProvider,
    ObjectKind::Client,
    ObjectKind::Domain,
    ObjectKind::Branding,
    ObjectKind::Terms,
    ObjectKind::CimdPolicy,
];

/// How a step was done.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The id of a new client.
    pub client: Option<String>,
    /// Whether the pool had the object already, with other values than the plan asks for.
    pub is_other: bool,
}

/// What the new pool has, if an earlier call may have made something.
pub(super) type Live = Option<Vec<CapturedObject>>;

impl<V: Vault> Work<'_, V> {
    /// Does a step. If a reply is lost, it looks for the object before it sends the request again.
    pub(super) async fn surely<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        document: &Value,
        live: &mut Live,
        is_doubtful: &mut bool,
        watch: &mut impl WatchRebuild,
    ) -> std::result::Result<Made, Failed> {
        let mut unanswered = 0;
        loop {
            let error =
                match Box::pin(self.once(pool, step, document, live.as_deref(), *is_doubtful, watch)).await {
                    Err(Failed::Unknown(error)) if unanswered < MAX_READS => error,
                    // The lost call may have made it.
                    Err(Failed::Refused(error)) if *is_doubtful && step.name.kind == ObjectKind::Client => {
                        let Some(found) = self.look_for_client(pool, document, watch).await? else {
                            return Err(Failed::Refused(error));
                        };
                        return self.adopted_client(pool, step, document, found).await;
                    }
                    Err(Failed::Refused(error)) if unanswered > 0 => {
                        *live = self.live(pool, watch).await?;
                        // Every pool has the other kinds, and a login style may lack assets.
                        let shows_itself =
                            CREATED.contains(&step.name.kind) && step.name.kind != ObjectKind::Branding;
                        let found = self.find(step, document, live.as_deref()).filter(|_| shows_itself);
                        let Some(found) = found else { return Err(Failed::Refused(error)) };
                        let document = self.of_new_client(step, document);
                        return self.adopted(pool, step, document, found).await;
                    }
                    Err(Failed::Refused(error)) if error.kind == PoolErrorKind::NotFound => {
                        return Err(if exists(pool).await? {
                            Failed::Refused(error)
                        } else {
                            Failed::Ended(pool_not_found(pool.id()))
                        });
                    }
                    result => return result,
                };
            (*is_doubtful, unanswered) = (true, unanswered + 1);
            watch.waits(error.operation, WAIT);
            sleep(WAIT).await;
            if step.name.kind != ObjectKind::Client {
                *live = self.live(pool, watch).await?;
            }
        }
    }

    /// Does a step.
    async fn once<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        document: &Value,
        live: Option<&[CapturedObject]>,
        is_doubtful: bool,
        watch: &mut impl WatchRebuild,
    ) -> std::result::Result<Made, Failed> {
        match (step.name.kind, step.part) {
            (ObjectKind::UserPool, Some(part)) => {
                self.part_of_pool(pool, part, document, watch).await?;
                Ok(Made::default())
            }
            (ObjectKind::UserPool, None) => {
                let name = ObjectName::single(ObjectKind::UserPool);
                let live = live.into_iter().flatten().find(|object| object.name == name);
                let live = live.map_or(&Value::Null, |object| &object.document);
                for write in ConfigurationWrite::lacking_attributes(document, live, pool.id()) {
                    send(pool, &write, 1, watch).await?;
                }
                Ok(Made::default())
            }
            (ObjectKind::Client, _) => {
                if is_doubtful && let Some(found) = self.look_for_client(pool, document, watch).await? {
                    return self.adopted_client(pool, step, document, found).await;
                }
                let write = write_of(&step.name, document, pool.id(), self.plan.tier)?;
                let answer = send(pool, &write, ATTEMPTS, watch).await?;
                let id = answer["UserPoolClient"]["ClientId"].as_str().map(str::to_owned);
                let id = id.ok_or_else(|| internal("CreateUserPoolClient answered no id."))?;
                Ok(Made { client: Some(id), is_other: false })
            }
            _ => self.object(pool, step, document, live, watch).await,
        }
    }

    /// Takes the client with the id `found`, which an earlier request made, for that of the step.
    async fn adopted_client<P: Pool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        document: &Value,
        found: String,
    ) -> std::result::Result<Made, Failed> {
        let name = ObjectName::of(ObjectKind::Client, found.as_str());
        let live = CapturedObject { name, document: Value::Null };
        let mut document = document.clone();
        document["ClientId"] = found.as_str().into();
        let made = self.adopted(pool, step, document, &live).await?;
        Ok(Made { client: Some(found), ..made })
    }

    /// Takes an object that the pool has as `live` for that of the step. `document` has the new id of its client.
    pub(super) async fn adopted<P: Pool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        document: Value,
        live: &CapturedObject,
    ) -> std::result::Result<Made, Failed> {
        // A list of a configuration has no secrets.
        let read = match step.name.kind {
            ObjectKind::Client => {
                Some((Operation::DescribeUserPoolClient, "ClientId", live.name.id.clone(), "UserPoolClient"))
            }
            ObjectKind::IdentityProvider => Some((
                Operation::DescribeIdentityProvider,
                "ProviderName",
                live.name.id.clone(),
                "IdentityProvider",
            )),
            _ => None,
        };
        let shown = match read {
            Some((operation, key, id, member)) => {
                let request = json!({"UserPoolId": pool.id().as_str(), key: id});
                let answer = pool.read_configuration(operation, &request).await;
                answer.map_err(|error| refused(pool.id(), error))?.into_json()[member].take()
            }
            None => live.document.clone(),
        };
        Ok(Made { client: None, is_other: differ(&live.name, document, shown) })
    }

    /// Looks for the client of a request whose reply was lost. A list may show it late.
    async fn look_for_client<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        document: &Value,
        watch: &mut impl WatchRebuild,
    ) -> Result<Option<String>> {
        for read in 1..=MAX_READS {
            // At most one client is not in the journal: that of the lost reply.
            let is_unknown = |id: &String| !self.made.clients.values().any(|known| known == id);
            let found = clients_named(pool, &document["ClientName"]).await?.into_iter().find(is_unknown);
            if found.is_some() {
                return Ok(found);
            }
            if read < MAX_READS {
                watch.waits(Operation::CreateUserPoolClient, WAIT);
                sleep(WAIT).await;
            }
        }
        Ok(None)
    }

    /// What the pool has of the steps that are not done.
    ///
    /// # Errors
    /// If the operator may not read what the steps create: they would be created twice.
    pub(super) async fn live<P: Pool>(
        &self,
        pool: &PacedPool<P>,
        watch: &mut impl WatchReading,
    ) -> Result<Live> {
        // The future is large, and callers hold it several times.
        let live = Box::pin(live_configuration(pool, &CapturedList::default(), watch)).await?;
        let is_wanted = |kind: ObjectKind| {
            let mut left = self.plan.steps.iter().filter(|step| !self.is_done(step));
            CREATED.contains(&kind) && left.any(|step| step.name.kind == kind)
        };
        let unread = live.list.not_captured().iter().find(|lacking| {
            lacking.member.is_none()
                && lacking.reason.is_failure()
                && lacking.object.kind().is_some_and(is_wanted)
        });
        let Some(unread) = unread else { return Ok(Some(live.objects)) };
        let denied = unread.reason == NotCapturedReason::AccessDenied;
        let kind = if denied { PoolErrorKind::AccessDenied } else { PoolErrorKind::Refused };
        let operation = unread.operation.as_deref().and_then(Operation::named);
        let code = unread.code.as_ref().map_or("", ErrorCode::as_str);
        Err(match operation {
            Some(operation) => refused(pool.id(), PoolError::new(operation, kind, code)),
            None => internal("The pool cannot be read."),
        })
    }

    /// The object of a step in the pool.
    pub(super) fn find<'l>(
        &self,
        step: &Step,
        document: &Value,
        live: Option<&'l [CapturedObject]>,
    ) -> Option<&'l CapturedObject> {
        let (name, document) = (self.new_name(step, document), self.of_new_client(step, document));
        live.into_iter().flatten().find(|live| {
            live.name == name
                || (name.kind == ObjectKind::CimdPolicy
                    && live.name.kind == name.kind
                    && ["ClientId", "PolicyName"]
                        .iter()
                        .all(|member| live.document[*member] == document[*member]))
        })
    }
}

/// Whether two forms of one object differ, as `pool diff` compares them.
fn differ(name: &ObjectName, planned: Value, live: Value) -> bool {
    let [mut old, mut new] = [Configuration::default(), Configuration::default()];
    for (side, document) in [(&mut old, planned), (&mut new, live)] {
        // It is the only object, so no other one has its name.
        let _ = side.insert(name.clone(), document);
    }
    !compare(&old, &new, &ClientMap::new()).differences.is_empty()
}

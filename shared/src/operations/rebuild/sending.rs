//! The requests of one step: sent once, and again only after a look at what the pool has.

use serde_json::Value;
use tokio::time::sleep;

use super::WatchRebuild;
use super::requests::write_of;
use super::steps::Work;
use crate::Result;
use crate::model::ErrorCode;
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
const CREATED: [ObjectKind; 7] = [
    ObjectKind::ResourceServer,
    ObjectKind::IdentityProvider,
    ObjectKind::Client,
    ObjectKind::Domain,
    ObjectKind::Branding,
    ObjectKind::Terms,
    ObjectKind::CimdPolicy,
];

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
    ) -> std::result::Result<Option<String>, Failed> {
        let mut unanswered = 0;
        loop {
            let error =
                match Box::pin(self.once(pool, step, document, live.as_deref(), *is_doubtful, watch)).await {
                    Err(Failed::Unknown(error)) if unanswered < MAX_READS => error,
                    // The lost call may have made it.
                    Err(Failed::Refused(error)) if *is_doubtful && step.name.kind == ObjectKind::Client => {
                        let found = self.look_for_client(pool, document, watch).await?;
                        return found.map(Some).ok_or(Failed::Refused(error));
                    }
                    Err(Failed::Refused(error)) if unanswered > 0 => {
                        *live = self.live(pool, watch).await?;
                        // Every pool has the other kinds, and a login style may lack assets.
                        let shows_itself =
                            CREATED.contains(&step.name.kind) && step.name.kind != ObjectKind::Branding;
                        let has_it = shows_itself && self.find(step, document, live.as_deref()).is_some();
                        return if has_it { Ok(None) } else { Err(Failed::Refused(error)) };
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

    /// Does a step. Returns the id of a new client.
    async fn once<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        document: &Value,
        live: Option<&[CapturedObject]>,
        is_doubtful: bool,
        watch: &mut impl WatchRebuild,
    ) -> std::result::Result<Option<String>, Failed> {
        match step.name.kind {
            ObjectKind::UserPool => {
                let name = ObjectName::single(ObjectKind::UserPool);
                let live = live.into_iter().flatten().find(|object| object.name == name);
                let live = live.map_or(&Value::Null, |object| &object.document);
                for write in ConfigurationWrite::lacking_attributes(document, live, pool.id()) {
                    send(pool, &write, 1, watch).await?;
                }
                Ok(None)
            }
            ObjectKind::Client => {
                if is_doubtful && let Some(found) = self.look_for_client(pool, document, watch).await? {
                    return Ok(Some(found));
                }
                let write = write_of(&step.name, document, pool.id(), self.plan.tier)?;
                let answer = send(pool, &write, ATTEMPTS, watch).await?;
                let id = answer["UserPoolClient"]["ClientId"].as_str().map(str::to_owned);
                Ok(Some(id.ok_or_else(|| internal("CreateUserPoolClient answered no id."))?))
            }
            _ => self.object(pool, step, document, live, watch).await.map(|()| None),
        }
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
            let mut left = self.plan.steps.iter().filter(|step| !self.is_done(&step.name));
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

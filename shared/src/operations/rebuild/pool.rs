//! The pool itself: created once, and found again by its marker.

use serde_json::Value;
use tokio::time::sleep;

use super::requests::request_digest;
use super::steps::Work;
use super::{Account, MARKER, WatchRebuild};
use crate::Result;
use crate::catalog::{RebuildStep, StepState};
use crate::model::configuration::request::ConfigurationWrite;
use crate::model::configuration::{ObjectKind, ObjectName, RESERVED_TAG_PREFIX};
use crate::model::{PoolId, PoolTag, is_own_tag};
use crate::operations::sending::{MAX_READS, WAIT, internal};
use crate::pacing::PacedPool;
use crate::ports::pool::{ConfigurablePool, Operation, PoolErrorKind};
use crate::ports::vault::Vault;

/// Whether Cognito answered that it created nothing. Without an answer, this command or its successor may have created
/// the pool.
fn is_answer(kind: PoolErrorKind) -> bool {
    use PoolErrorKind::{LeaseUnreadable, OutOfTime, Overtaken, Transient};
    !matches!(kind, Transient | OutOfTime | Overtaken | LeaseUnreadable)
}

impl<V: Vault> Work<'_, V> {
    /// The new pool. It is created unless an earlier command has created it.
    pub(super) async fn pool<P: ConfigurablePool, F: Fn(&PoolId) -> PacedPool<P>>(
        &mut self,
        account: &Account<P, F>,
        watch: &mut impl WatchRebuild,
    ) -> Result<PoolId> {
        if let Some(pool) = self.journal.pool.clone() {
            self.made.pool = Some(pool.clone());
            return Ok(pool);
        }
        let (write, begun) = self.write_of_pool(account)?;
        // An earlier request may have created it, although a later one is refused.
        let mut may_exist = self.journal.is_sent;
        let mut unanswered = 0;
        let id = loop {
            if self.journal.is_sent
                && let Some(found) = self.look_for_pool(account, watch).await?
            {
                break found;
            }
            // First: a command that dies now leaves a pool that only this note makes the next command look for.
            self.note(|journal| journal.is_sent = true).await?;
            self.note_step(begun.clone()).await?;
            if unanswered == 0 {
                watch.makes("userPool");
            }
            match account.create(&write).await? {
                Ok(id) => break id,
                Err(error) if error.kind == PoolErrorKind::Transient && unanswered < MAX_READS => {
                    (may_exist, unanswered) = (true, unanswered + 1);
                    watch.waits(error.operation, WAIT);
                    sleep(WAIT).await;
                }
                Err(error) => {
                    if is_answer(error.kind) && !may_exist {
                        self.note(|journal| journal.is_sent = false).await?;
                    }
                    return Err(account.refused(&error));
                }
            }
        };
        let created = id.clone();
        self.made.pool = Some(id.clone());
        self.note(|journal| journal.pool = Some(created)).await?;
        Ok(id)
    }

    /// The request for the pool, and its step in the journal.
    fn write_of_pool<P: ConfigurablePool, F: Fn(&PoolId) -> PacedPool<P>>(
        &self,
        account: &Account<P, F>,
    ) -> Result<(ConfigurationWrite, RebuildStep)> {
        let name = ObjectName::single(ObjectKind::UserPool);
        let step = self.plan.steps.iter().find(|step| step.makes_pool());
        let step = step.ok_or_else(|| internal("The plan has no user pool."))?;
        let document = step.reveal();
        let request = request_digest(step, account.no_pool(), self.plan.tier);
        let (object, state, client) = (step.key(), StepState::Begun, None);
        let begun = RebuildStep { object, state, request, without: Default::default(), client };
        let mut tags = document["UserPoolTags"].as_object().cloned().unwrap_or_default();
        tags.retain(|key, _| !key.starts_with(RESERVED_TAG_PREFIX) && !is_own_tag(key));
        tags.insert(MARKER.to_owned(), self.journal.marker.as_str().into());
        if self.journal.is_import_target {
            tags.insert(PoolTag::KEY.to_owned(), PoolTag::Target.as_str().into());
        }
        let write = ConfigurationWrite::creating(&name, document, account.no_pool(), self.plan.tier);
        let write = write.ok_or_else(|| internal("No operation creates a user pool."))?;
        let pool_name = self.journal.id.name.as_str().into();
        let write = write.with("PoolName", Some(pool_name)).with("UserPoolTags", Some(Value::Object(tags)));
        Ok((write, begun))
    }

    /// Looks for the pool of a request whose reply was lost. A list may show a new pool late.
    async fn look_for_pool<P: ConfigurablePool, F: Fn(&PoolId) -> PacedPool<P>>(
        &self,
        account: &Account<P, F>,
        watch: &mut impl WatchRebuild,
    ) -> Result<Option<PoolId>> {
        for read in 1..=MAX_READS {
            if let Some(found) = account.marked(&self.journal.id.name, &self.journal.marker).await? {
                return Ok(Some(found));
            }
            if read < MAX_READS {
                watch.waits(Operation::CreateUserPool, WAIT);
                sleep(WAIT).await;
            }
        }
        Ok(None)
    }
}

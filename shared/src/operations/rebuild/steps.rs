//! The steps of a creation, after the pool itself: each is done once, in their order.

use std::collections::BTreeMap;

use super::requests::{prepared, request_digest};
use super::sending::Live;
use super::{CreationReason, LeftByCreation, Rebuilt, WatchRebuild, domains};
use crate::catalog::{Catalog, RebuildJournal, RebuildStep, StepState};
use crate::model::configuration::rebuild::{RebuildPlan, Step};
use crate::model::configuration::{ObjectKind, ObjectName};
use crate::model::object_name;
use crate::operations::sending::Failed;
use crate::pacing::PacedPool;
use crate::ports::pool::{ConfigurablePool, Pool};
use crate::ports::vault::Vault;
use crate::{Error, Result};

/// A creation at work.
pub(super) struct Work<'a, V> {
    catalog: &'a Catalog<V>,
    pub(super) plan: &'a RebuildPlan,
    pub(super) journal: RebuildJournal,
    /// What the journal says of each step, by the name of its object.
    pub(super) steps: BTreeMap<String, RebuildStep>,
    pub(super) made: &'a mut Rebuilt,
}

impl<'a, V: Vault> Work<'a, V> {
    pub async fn new(
        catalog: &'a Catalog<V>,
        plan: &'a RebuildPlan,
        journal: RebuildJournal,
        made: &'a mut Rebuilt,
    ) -> Result<Self> {
        let steps = catalog.rebuild_steps(&journal).await?;
        made.clients = RebuildStep::clients(&steps);
        let steps = steps.into_iter().map(|step| (step.object.clone(), step)).collect();
        Ok(Self { catalog, plan, journal, steps, made })
    }

    pub(super) async fn note(&mut self, change: impl FnOnce(&mut RebuildJournal)) -> Result<()> {
        let mut new = self.journal.clone();
        change(&mut new);
        if new != self.journal {
            self.catalog.write_rebuild_journal(Some(&self.journal), &new).await?;
            self.journal = new;
        }
        Ok(())
    }

    pub(super) async fn note_step(&mut self, step: RebuildStep) -> Result<()> {
        self.catalog.put_rebuild_step(&self.journal, &step).await?;
        self.steps.insert(step.object.clone(), step);
        Ok(())
    }

    /// Whether a step is done.
    pub(super) fn is_done(&self, name: &ObjectName) -> bool {
        self.steps.get(&name.to_string()).is_some_and(|step| step.state == StepState::Done)
    }

    /// Does the steps that are not done. The journal then says that the pool is created.
    pub async fn all_steps<P: ConfigurablePool>(
        &mut self,
        pool: &PacedPool<P>,
        is_new: bool,
        watch: &mut impl WatchRebuild,
    ) -> Result<()> {
        let plan = self.plan;
        // Looks come last: a custom domain takes up to an hour.
        let is_look = |step: &&Step| step.name.kind == ObjectKind::UiCustomization;
        let (looks, others): (Vec<_>, Vec<_>) = plan.steps.iter().partition(is_look);
        let mut live: Live = if is_new { None } else { self.live(pool, watch).await? };
        let mut has_domain = None;
        for step in others.into_iter().chain(looks) {
            let (document, without) = prepared(step, plan, &self.steps);
            for field in without.keys() {
                self.leave(step, Some(field.clone()), CreationReason::NeedsRefused);
            }
            let digest = request_digest(step, pool.id(), plan.tier);
            let known = self.steps.get(&step.name.to_string()).cloned();
            if known.as_ref().is_some_and(|known| known.request != digest && known.may_have_effect()) {
                self.leave(step, None, CreationReason::MadeBefore);
            }
            if let Some(known) = known.clone().filter(|known| known.state == StepState::Done) {
                if known.without != without {
                    watch.makes(&step.label);
                    let given = self.give_names(pool, step, &document, &known.without, watch).await;
                    given.map_err(|failed| at_step(step, &failed.into_error(pool)))?;
                    self.note_step(RebuildStep { without, ..known }).await?;
                }
                self.made.made.push(step.label.clone());
                continue;
            }
            if let Some(reason) = self.obstacle(pool, step, &mut has_domain, watch).await? {
                self.leave(step, None, reason);
                continue;
            }
            watch.makes(&step.label);
            let of_step = |state, client| RebuildStep {
                object: step.name.to_string(),
                state,
                request: digest,
                without: without.clone(),
                client,
            };
            // Whether an earlier request may have made it.
            let mut is_doubtful = known.is_some_and(|known| known.state == StepState::Begun);
            if step.name.kind == ObjectKind::Client && !is_doubtful {
                // First: nothing else tells the next command that a client may exist.
                self.note_step(of_step(StepState::Begun, None)).await?;
            }
            match Box::pin(self.surely(pool, step, &document, &mut live, &mut is_doubtful, watch)).await {
                Ok(client) => {
                    self.made.clients.extend(client.clone().map(|new| (step.name.id.clone(), new)));
                    self.made.made.push(step.label.clone());
                    self.note_step(of_step(StepState::Done, client)).await?;
                }
                Err(Failed::Refused(error)) if step.name.kind != ObjectKind::UserPool => {
                    self.note_step(of_step(StepState::Refused, None)).await?;
                    self.leave(step, None, CreationReason::Refused(error.call()));
                }
                // A pool without its clients is of no use.
                Err(Failed::Denied(error))
                    if !matches!(step.name.kind, ObjectKind::UserPool | ObjectKind::Client) =>
                {
                    self.note_step(of_step(StepState::Refused, None)).await?;
                    self.leave(step, None, CreationReason::Refused(error.call()));
                }
                Err(failed) => {
                    let is_unknown = matches!(failed, Failed::Unknown(_));
                    if step.name.kind == ObjectKind::Client && !is_doubtful && !is_unknown {
                        self.note_step(of_step(StepState::Refused, None)).await?;
                    }
                    return Err(at_step(step, &failed.into_error(pool)));
                }
            }
        }
        self.note(|journal| journal.is_created = true).await
    }

    fn leave(&mut self, step: &Step, field: Option<String>, reason: CreationReason) {
        self.made.left_out.push(LeftByCreation { object: step.label.clone(), field, reason });
    }

    /// Why a step cannot be tried.
    async fn obstacle<P: ConfigurablePool>(
        &self,
        pool: &PacedPool<P>,
        step: &Step,
        has_domain: &mut Option<bool>,
        watch: &mut impl WatchRebuild,
    ) -> Result<Option<CreationReason>> {
        if let Some(client) = owner(step)
            && !self.made.clients.contains_key(client)
        {
            return Ok(Some(CreationReason::NeedsRefused));
        }
        if step.name.kind != ObjectKind::UiCustomization {
            return Ok(None);
        }
        let done = self.plan.steps.iter().filter(|step| self.is_done(&step.name));
        let created: Vec<&str> = done.filter_map(domains::of).collect();
        if created.is_empty() {
            return Ok(Some(CreationReason::NeedsRefused));
        }
        let is_active = match *has_domain {
            Some(known) => known,
            None => *has_domain.insert(domains::wait(pool, &created, watch).await?),
        };
        Ok((!is_active).then_some(CreationReason::DomainNotActive))
    }
}

/// The old id of the client that an object of a step belongs to. None for an object of the pool.
fn owner(step: &Step) -> Option<&str> {
    match step.name.kind {
        ObjectKind::Client => None,
        // Its name does not say its client.
        ObjectKind::CimdPolicy => step.reveal()["ClientId"].as_str(),
        _ => step.name.client(),
    }
}

/// The error of a creation that stopped at a step.
fn at_step(step: &Step, error: &Error) -> Error {
    let what = format!("The creation stopped at {}. {}", object_name(&step.label), error.message());
    Error::new(error.kind(), what, error.guidance().clone())
}

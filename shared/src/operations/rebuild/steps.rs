//! The steps of a creation, after the pool itself: each is done once, in their order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::requests::{prepared, request_digest};
use super::sending::{CREATED, Live, Made};
use super::{CreationReason, LeftByCreation, Rebuilt, WatchRebuild, domains, lapsed};
use crate::catalog::{Catalog, RebuildJournal, RebuildStep, StepState};
use crate::model::configuration::ObjectKind;
use crate::model::configuration::rebuild::{RebuildPlan, Step};
use crate::model::{Digest, DigestBuilder, object_name};
use crate::operations::sending::Failed;
use crate::pacing::{PacedPool, Tenure};
use crate::ports::pool::{ConfigurablePool, Pool};
use crate::ports::vault::Vault;
use crate::{Error, Result};

/// A creation at work.
pub(super) struct Work<'a, V> {
    catalog: &'a Catalog<V>,
    pub(super) plan: &'a RebuildPlan,
    pub(super) journal: RebuildJournal,
    tenure: Arc<Tenure>,
    /// What the journal says of each step, by the name of its object.
    pub(super) steps: BTreeMap<String, RebuildStep>,
    pub(super) made: &'a mut Rebuilt,
}

impl<'a, V: Vault> Work<'a, V> {
    pub async fn new(
        catalog: &'a Catalog<V>,
        plan: &'a RebuildPlan,
        journal: RebuildJournal,
        tenure: Arc<Tenure>,
        made: &'a mut Rebuilt,
    ) -> Result<Self> {
        let steps = catalog.rebuild_steps(&journal).await?;
        made.clients = RebuildStep::clients(&steps);
        let steps = steps.into_iter().map(|step| (step.object.clone(), step)).collect();
        Ok(Self { catalog, plan, journal, tenure, steps, made })
    }

    /// Refuses a note about a step after another command has taken the lease. The note of that command may be equal to the
    /// one that this one would replace, so the table would take it.
    async fn require_lease(&self) -> Result<()> {
        self.tenure.confirm().await.map_err(lapsed)
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
        let before = self.steps.get(&step.object);
        if before == Some(&step) {
            return Ok(());
        }
        self.require_lease().await?;
        self.catalog.write_rebuild_step(&self.journal, before, &step).await?;
        self.steps.insert(step.object.clone(), step);
        Ok(())
    }

    /// Whether a step is done.
    pub(super) fn is_done(&self, step: &Step) -> bool {
        self.steps.get(&step.key()).is_some_and(|step| step.state == StepState::Done)
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
            let known = self.steps.get(&step.key()).cloned();
            let is_done = known.as_ref().is_some_and(|known| known.state == StepState::Done);
            // The pool itself exists, and the note about it says which plan has made it.
            let is_made = is_done || step.makes_pool();
            // The plan that has made the object.
            let made_by =
                known.as_ref().map(|known| known.request).filter(|made_by| is_made && *made_by != digest);
            if made_by.is_some() {
                self.leave(step, None, CreationReason::MadeBefore);
            }
            if let Some(known) = known.clone().filter(|_| is_done) {
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
            // The pool itself exists by now.
            if !step.makes_pool() {
                watch.makes(&step.label);
            }
            let of_step = |state, request, client| RebuildStep {
                object: step.key(),
                state,
                request,
                without: without.clone(),
                client,
            };
            // Whether an earlier request may have made it.
            let begun = known.filter(|known| known.state == StepState::Begun);
            let mut is_doubtful = begun.is_some();
            if CREATED.contains(&step.name.kind) && !is_doubtful {
                // First: nothing else tells the next command that a client may exist, and by which plan.
                self.note_step(of_step(StepState::Begun, digest, None)).await?;
            }
            match Box::pin(self.surely(pool, step, &document, &mut live, &mut is_doubtful, watch)).await {
                Ok(Made { client, is_other }) => {
                    self.made.clients.extend(client.clone().map(|new| (step.name.id.clone(), new)));
                    self.made.made.push(step.label.clone());
                    if is_other {
                        self.leave(step, None, CreationReason::MadeBefore);
                    }
                    let of_begun = begun.map(|begun| begun.request).filter(|request| *request != digest);
                    let of_other = is_other.then(|| of_begun.unwrap_or_else(no_plan));
                    let made_by = made_by.or(of_other).unwrap_or(digest);
                    self.note_step(of_step(StepState::Done, made_by, client)).await?;
                }
                Err(Failed::Refused(error)) if !step.makes_pool() => {
                    self.note_step(of_step(StepState::Refused, digest, None)).await?;
                    self.leave(step, None, CreationReason::Refused((&error).into()));
                }
                // A pool without its clients is of no use.
                Err(Failed::Denied(error)) if !step.makes_pool() && step.name.kind != ObjectKind::Client => {
                    self.note_step(of_step(StepState::Refused, digest, None)).await?;
                    self.leave(step, None, CreationReason::Refused((&error).into()));
                }
                Err(failed) => {
                    // After any other failure, the call may have had an effect, or another command has the lease.
                    let had_no_effect = matches!(failed, Failed::Denied(_));
                    if step.name.kind == ObjectKind::Client && !is_doubtful && had_no_effect {
                        self.note_step(of_step(StepState::Refused, digest, None)).await?;
                    }
                    return Err(at_step(step, &failed.into_error(pool)));
                }
            }
        }
        self.note(|journal| journal.is_created = true).await
    }

    fn leave(&mut self, step: &Step, field: Option<String>, reason: CreationReason) {
        let (object, field) = match step.part {
            Some(part) => (step.name.to_string(), Some(part.to_owned())),
            None => (step.label.clone(), field),
        };
        self.made.left_out.push(LeftByCreation { object, field, reason });
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
        let done = self.plan.steps.iter().filter(|step| self.is_done(step));
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

/// Stands for the plan of an object that no command of this creation has made.
fn no_plan() -> Digest {
    DigestBuilder::new("object of no plan").finish()
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

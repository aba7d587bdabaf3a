//! The dry run of an import: every user of the snapshot is held against the settings of the target, and nothing is written to it.

use std::collections::BTreeSet;

use super::intent::Intent;
use super::{file, jobs, select};
use crate::Result;
use crate::catalog::Catalog;
use crate::csv::Header;
use crate::model::{DryRun, Method, Outcome, PoolDescription, Progress, Selection, Sub, UserRecord};
use crate::pacing::{Budget, PacedPool};
use crate::pool::Pool;
use crate::steps::refusals::refused;
use crate::steps::{Backend, paced, run_ended};
use crate::vault::Vault;

/// Pages between two checkpoints.
const PAGES_AT_ONCE: u32 = 50;

/// Looks at the next pages of a dry run.
pub async fn forecast_pages<B: Backend>(backend: &B, progress: Progress, budget: Budget) -> Result<Progress> {
    let catalog = Catalog::new(backend.vault());
    let pool = paced(backend, &progress);
    let Some(mut run) = catalog.dry_run(&progress.run_id).await? else {
        return Err(run_ended(&progress));
    };
    let Some(selection) = select::selection_of(&catalog, &run.restore, budget).await? else {
        return Ok(Progress { more: true, ..progress });
    };
    let target = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let (header, fallback) = match run.restore.options.method {
        Method::Api => (None, None),
        Method::Csv => match jobs::columns(&pool, &target, &backend.job_files()).await? {
            Ok((_, header)) => (Some(header), Some(None)),
            Err(reason) => (None, Some(Some(reason))),
        },
    };
    if let Some(fallback) = fallback {
        run.forecast.jobs.get_or_insert_default().fallback = fallback;
    }
    let forecaster = Forecaster { providers: providers(&pool).await?, selection, target, header, catalog, run };
    let more = forecaster.work(budget).await?;
    Ok(Progress { more, calls: pool.limiter().stats().await, ..progress })
}

async fn providers<P: Pool>(pool: &PacedPool<P>) -> Result<BTreeSet<String>> {
    let (mut all, mut token) = (BTreeSet::new(), None::<String>);
    loop {
        let listed = pool.list_providers(token.as_deref()).await.map_err(|error| refused(pool.id(), error))?;
        all.extend(listed.entries);
        match listed.next_token {
            None => return Ok(all),
            next => token = next,
        }
    }
}

struct Forecaster<V> {
    catalog: Catalog<V>,
    run: DryRun,
    selection: Option<Selection>,
    target: PoolDescription,
    /// The columns of import jobs, where these are asked for and can be run.
    header: Option<Header>,
    providers: BTreeSet<String>,
}

impl<V: Vault> Forecaster<V> {
    /// Returns whether anything is left.
    async fn work(mut self, budget: Budget) -> Result<bool> {
        let (mut pages, mut from) = (0, self.run.next_page);
        while self.run.next_page <= self.run.pages {
            self.look_at(self.run.next_page).await?;
            self.run.next_page += 1;
            pages += 1;
            if pages % PAGES_AT_ONCE == 0 || budget.is_spent() || self.run.next_page > self.run.pages {
                self.run = self.catalog.put_dry_run(from, &self.run).await?;
                from = self.run.next_page;
            }
            if budget.is_spent() {
                break;
            }
        }
        Ok(self.run.next_page <= self.run.pages)
    }

    async fn look_at(&mut self, number: u64) -> Result<()> {
        let (restore, selection) = (&self.run.restore, self.selection.as_ref());
        let Some(users) = select::users_of(&self.catalog, restore, selection, self.run.attempt, number).await? else {
            self.run.forecast.damaged_pages += 1;
            return Ok(());
        };
        for (_, sub, record) in users {
            let judged = record.map_err(|reason| reason.code()).and_then(|record| {
                let intent = self.judge(&sub, &record)?;
                Ok((self.row(&sub, &record, &intent), intent, record))
            });
            let forecast = &mut self.run.forecast;
            match judged {
                Ok((Some(Ok(_)), intent, record)) => {
                    forecast.jobs.get_or_insert_default().by_job += 1;
                    forecast.count(intent.calls_after_job(), &intent.notes_of_job(&record));
                }
                Ok((row, intent, _)) => {
                    if let Some(Err(reason)) = row {
                        *forecast.jobs.get_or_insert_default().by_api.entry(reason.to_owned()).or_default() += 1;
                    }
                    forecast.count(intent.calls(), &intent.notes);
                }
                Err(reason) => self.run.forecast.object(sub, reason),
            }
        }
        Ok(())
    }

    /// The row of a user in the file of a job; none where there are no jobs.
    fn row(&self, sub: &Sub, record: &UserRecord, intent: &Intent) -> Option<std::result::Result<String, &'static str>> {
        let (header, options) = (self.header.as_ref()?, &self.run.restore.options);
        Some(file::row(header, &self.target, options, sub, record.clone(), &intent.name))
    }

    /// What would be done with a user, or why it cannot be created.
    fn judge(&self, sub: &Sub, record: &UserRecord) -> std::result::Result<Intent, String> {
        let restore = &self.run.restore;
        let intent = Intent::of(sub, record, &restore.settings, &restore.options).map_err(|outcome| match outcome {
            Outcome::Skipped { reason } | Outcome::Failed { reason } => reason.code(),
            _ => String::new(),
        })?;
        // Those are going to be declared.
        let is_coming = |name: &str| restore.options.create_missing_attributes && !self.target.attributes.contains_key(name);
        if let Some(objection) = self.target.objection(record.restorable_attributes().filter(|(name, _)| !is_coming(name))) {
            return Err(objection);
        }
        let lacks = |provider: &&String| !self.providers.contains(*provider);
        match intent.identities.iter().map(|identity| &identity.provider_name).find(lacks) {
            Some(provider) => Err(format!("providerMissing: {provider}")),
            None => Ok(intent),
        }
    }
}

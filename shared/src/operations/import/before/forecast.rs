//! What is to be expected: every user of the snapshot is held against the settings of the target before anything is written to it.
//! A dry run is no more than that; any other import is refused by what the settings of the target keep it from bringing back.

use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt, TryStreamExt, stream};

use super::target_scan;
use crate::catalog::Catalog;
use crate::csv::Header;
use crate::format::{grouped, plural};
use crate::identity::{EarlierRepairs, UserMatcher};
use crate::model::{
    Category, Forecast, ForecastCheckpoint, Listing, Method, Outcome, PoolDescription, Progress, Restore, RunId, ScannedUser,
    SchemaViolation, Selection, Sub, UserRecord,
};
use crate::operations::export::LISTING_ATTEMPTS;
use crate::operations::import::before::select::{self, UserOfPage};
use crate::operations::import::entries::intent::Intent;
use crate::operations::import::jobs::{driver, file};
use crate::operations::refusals::refused;
use crate::operations::{paced, run_ended};
use crate::pacing::{Budget, PacedPool};
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// Pages between two checkpoints.
const PAGES_AT_ONCE: u64 = 64;
/// The most groups of a pool. Source: "Quotas in Amazon Cognito", developer guide.
const GROUPS_OF_A_POOL: u64 = 10_000;
/// Pages read at once.
const READS_AT_ONCE: usize = 8;

/// Looks at the next pages of a dry run.
pub async fn forecast_pages<B: Backend>(backend: &B, progress: Progress, budget: Budget) -> Result<Progress> {
    let catalog = Catalog::new(backend.vault());
    let pool = paced(backend, &progress);
    let Some(outlook) = catalog.outlook(&progress.run_id).await? else {
        return Err(run_ended(&progress));
    };
    let more = match select::selection_of(&catalog, &outlook.restore, budget).await? {
        None => true,
        Some(selection) => look_ahead(backend, &catalog, &pool, &progress.run_id, selection.as_ref(), budget).await?.is_none(),
    };
    Ok(Progress { more, calls: pool.limiter().stats().await, ..progress })
}

/// Finds out what is to be expected of a restore; none if there is no time left.
pub async fn look_ahead<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    pool: &PacedPool<B::Pool>,
    id: &RunId,
    selection: Option<&Selection>,
    budget: Budget,
) -> Result<Option<ForecastCheckpoint>> {
    let gone = || {
        let what = format!("What is to be expected of restore {id} (item RESTORE#{id} FORECAST) is not there any more.");
        Error::new(ErrorKind::RunEnded, what, "Start a new import.")
    };
    let mut outlook = catalog.outlook(id).await?.ok_or_else(gone)?;
    if outlook.is_complete() {
        return Ok(Some(outlook));
    }
    // Of the snapshot's own pool, who is there is looked at beforehand: most are.
    if outlook.restore.is_repair() && !target_scan::list(pool, catalog, &outlook, &outlook.restore.execution, budget).await? {
        return Ok(None);
    }
    let target = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let restore = outlook.restore.clone();
    let repairs = EarlierRepairs::before(catalog, &restore).await?;
    let user_matcher = UserMatcher::new(catalog, &restore, &repairs);
    if outlook.next_page == 1 && selection.is_none() {
        outlook.forecast.groups_too_many = groups_too_many(catalog, pool, &restore).await?;
    }
    let mut judge = ForecastCounter { restore: &restore, providers: providers(pool).await?, target, header: None };
    if restore.options.method == Method::Csv {
        let jobs = outlook.forecast.jobs.get_or_insert_default();
        match driver::columns(pool, &judge.target, &backend.job_files()).await? {
            Ok((names, header)) => {
                // Whatever is going to be declared becomes a column.
                let names = names.into_iter().chain(restore.to_declare.keys().cloned()).collect();
                judge.header = Some(Header::parse(names).unwrap_or(header));
            }
            Err(reason) => jobs.fallback = Some(reason),
        }
    }
    while !outlook.is_complete() {
        let first = outlook.next_page;
        let last = outlook.users.count().min(first + PAGES_AT_ONCE - 1);
        let users_of = |number| {
            let user_matcher = &user_matcher;
            let (restore, pages) = (&restore, &outlook.users);
            async move {
                let Some(users) = select::users_of(catalog, restore, selection, pages, number).await? else { return Ok(None) };
                let readable: Vec<_> = users.iter().filter_map(|(_, sub, record)| Some((sub, record.as_ref().ok()?))).collect();
                let there = match restore.is_repair() {
                    true => user_matcher.shown(&readable).await?,
                    false => HashMap::new(),
                };
                Ok::<_, Error>(Some((users, there)))
            }
        };
        let pages: Vec<_> = stream::iter(first..=last).map(users_of).buffered(READS_AT_ONCE).try_collect().await?;
        pages.into_iter().for_each(|users| judge.count(users, &mut outlook.forecast));
        outlook.next_page = last + 1;
        outlook = catalog.put_outlook(first, &outlook).await?;
        if budget.is_spent() && !outlook.is_complete() {
            return Ok(None);
        }
    }
    Ok(Some(outlook))
}

/// Why a restore is refused that would lose something to the settings of the target; none where that is accepted, or nothing is lost.
pub fn refusal(outlook: &ForecastCheckpoint) -> Option<Error> {
    let ForecastCheckpoint { restore, forecast, .. } = outlook;
    let users = forecast.of_the_target();
    let mut reasons: Vec<_> =
        users.map(|(reason, objection)| format!("{} ({reason})", plural(objection.users, "user", "users"))).collect();
    if forecast.groups_too_many > 0 {
        let groups = plural(forecast.groups_too_many, "group", "groups");
        reasons.push(format!("{groups} more than the {} that a pool can have", grouped(GROUPS_OF_A_POOL)));
    }
    if reasons.is_empty() || restore.options.accept_losses {
        return None;
    }
    let what = format!(
        "User pool {} does not take all users and groups of snapshot {} as they are: {}.",
        restore.target,
        restore.snapshot,
        reasons.join(", ")
    );
    Some(Error::new(
        ErrorKind::UsersNotAccepted,
        what,
        "Nothing was touched. Change the settings of the target, or say \"acceptLosses\": true to restore whatever it takes; `cognito-backup import --plan` names some of them.",
    ))
}

/// How many groups more than a pool can have there would be in the target, with its own and those of the snapshot.
async fn groups_too_many<P: Pool, V: Vault>(catalog: &Catalog<V>, pool: &PacedPool<P>, restore: &Restore) -> Result<u64> {
    let mut names = BTreeSet::new();
    for unit in catalog.units(&restore.snapshot).await?.iter().filter(|unit| unit.listing == Listing::Groups) {
        for number in 1..=unit.pages {
            let (_, page) = catalog.page(&restore.snapshot, &unit.id(), unit.attempt, number).await?;
            names.extend(page.unwrap_or_default().0.into_iter().map(|entry| entry.key));
        }
    }
    let (mut token, mut attempt) = (None::<String>, 1);
    while !names.is_empty() {
        let listed = match pool.list_groups(token.as_deref()).await {
            Ok(listed) => listed,
            // Begun again, a listing only names the same groups again.
            Err(error) if error.kind == PoolErrorKind::InvalidParameter && token.is_some() && attempt < LISTING_ATTEMPTS => {
                (token, attempt) = (None, attempt + 1);
                continue;
            }
            Err(error) => return Err(refused(pool.id(), error)),
        };
        names.extend(listed.entries.into_iter().map(|group| group.name.to_string()));
        match listed.next_token {
            None => break,
            next => token = next,
        }
    }
    Ok((names.len() as u64).saturating_sub(GROUPS_OF_A_POOL))
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

/// What users are held against.
struct ForecastCounter<'a> {
    restore: &'a Restore,
    target: PoolDescription,
    /// The columns of import jobs, where these are asked for and can be run.
    header: Option<Header>,
    providers: BTreeSet<String>,
}

impl ForecastCounter<'_> {
    /// Counts the users of a page, some of whom may be there; there are none where it is damaged.
    fn count(&self, users: Option<(Vec<UserOfPage>, HashMap<Sub, ScannedUser>)>, forecast: &mut Forecast) {
        let Some((users, there)) = users else {
            forecast.damaged_pages += 1;
            return;
        };
        let options = &self.restore.options;
        for (_, sub, record) in users {
            if let (Some(met), Ok(record)) = (there.get(&sub), &record) {
                let is_same = met.content == record.kept_digest(options.old_sub_attribute.as_deref());
                forecast.count_there(is_same, options.existing);
                continue;
            }
            let judged = record.map_err(|reason| reason.code()).and_then(|record| {
                let intent = self.judge(&sub, &record)?;
                forecast.must_reset += u64::from(intent.has_to_reset(&record));
                Ok((self.row(&sub, &record, &intent), intent, record))
            });
            match judged {
                Ok((Some(Ok(_)), intent, record)) => {
                    forecast.jobs.get_or_insert_default().by_job += 1;
                    forecast.count(intent.calls_after_job(), &intent.notes_of_job(&record));
                }
                Ok((row, intent, record)) => {
                    if let Some(Err(reason)) = row {
                        *forecast.jobs.get_or_insert_default().by_api.entry(reason.to_owned()).or_default() += 1;
                    }
                    let is_looked_for = self.restore.is_repair() && intent.name != record.username;
                    let look_up = is_looked_for.then_some(Category::UserRead);
                    forecast.count(intent.calls().chain(look_up), &intent.notes);
                }
                Err(reason) => forecast.object(sub, reason),
            }
        }
    }

    /// The row of a user in the file of a job; none where there are no jobs.
    fn row(&self, sub: &Sub, record: &UserRecord, intent: &Intent) -> Option<std::result::Result<String, &'static str>> {
        let (header, options) = (self.header.as_ref()?, &self.restore.options);
        Some(file::row(header, &self.target, options, sub, record.clone(), &intent.name))
    }

    /// What would be done with a user, or why it cannot be created.
    fn judge(&self, sub: &Sub, record: &UserRecord) -> std::result::Result<Intent, String> {
        let restore = self.restore;
        let intent = Intent::of(sub, record, &restore.settings, &restore.options).map_err(|outcome| match outcome {
            Outcome::Skipped { reason } | Outcome::Failed { reason } => reason.code(),
            _ => String::new(),
        })?;
        // Those are going to be declared.
        let is_coming = |name: &str| restore.to_declare.contains_key(name);
        if let Some(objection) = self.target.objection(record.restorable_attributes().filter(|(name, _)| !is_coming(name))) {
            return Err(objection.code());
        }
        let lacks = |provider: &&String| !self.providers.contains(*provider);
        match intent.identities.iter().map(|identity| &identity.provider_name).find(lacks) {
            Some(provider) => Err(SchemaViolation::Provider(provider.clone()).code()),
            None => Ok(intent),
        }
    }
}

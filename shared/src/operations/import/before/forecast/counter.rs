//! Counts the users of a page by what the restore will do with them.

use std::collections::{BTreeSet, HashMap};

use crate::Result;
use crate::csv::Header;
use crate::model::{
    Category, Existing, Forecast, Method, ObjectionReason, PoolDescription, ReasonCode, Restore, ScannedUser,
    SchemaViolation, Sub, UserRecord,
};
use crate::operations::import::before::collisions::leaves_out_all;
use crate::operations::import::context::Context;
use crate::operations::import::entries::Difference;
use crate::operations::import::intent::{Intent, left_out_note};
use crate::operations::import::jobs::columns::{self, Columns};
use crate::operations::import::jobs::file;
use crate::operations::import::selected_users::SelectedUser;
use crate::ports::Backend;
use crate::ports::pool::Pool;

/// A page of users, which of them the target has, and which collide.
pub struct ForecastPage {
    pub users: Vec<SelectedUser>,
    pub in_target: HashMap<Sub, ScannedUser>,
    pub collisions: HashMap<Sub, ReasonCode>,
}

/// Counts users by comparing them with the target.
pub struct ForecastCounter<'a> {
    restore: &'a Restore,
    /// The target, with the attributes that the restore declares.
    target: PoolDescription,
    /// The identity providers of the target.
    providers: BTreeSet<String>,
    /// The columns of import jobs. None if the restore runs no jobs.
    header: Option<Header>,
}

impl<'a> ForecastCounter<'a> {
    /// Asks the target for its settings. If the operator asked for import jobs and the target
    /// starts none, the forecast notes why.
    pub async fn new<B: Backend>(context: &'a Context<B>, forecast: &mut Forecast) -> Result<Self> {
        let restore = &context.restore;
        let mut target = context.pool.describe().await.map_err(|error| context.refused(error))?;
        let providers = providers(context).await?;
        let mut header = None;
        if restore.options.method == Method::Csv {
            let jobs = forecast.jobs.get_or_insert_default();
            match columns::of_target(context, &target).await? {
                Columns::Known { names, header: present } => {
                    // The attributes that the restore declares become columns, too.
                    let names = names.into_iter().chain(restore.to_declare.keys().cloned()).collect();
                    header = Some(Header::parse(names).unwrap_or(present));
                }
                Columns::NoJobs { reason } => jobs.fallback = Some(reason),
            }
        }
        // The restore declares missing attributes before it creates users.
        target.attributes.extend(restore.to_declare.clone());
        Ok(Self { restore, target, providers, header })
    }

    /// Counts a page. None is a damaged page.
    pub fn count(&self, page: Option<ForecastPage>, forecast: &mut Forecast) {
        let Some(ForecastPage { users, in_target, collisions }) = page else {
            forecast.damaged_pages += 1;
            return;
        };
        for SelectedUser { sub, record, left_out, .. } in users {
            // Users of a colliding username have one user of the target in common, if it has one.
            let in_target = in_target.get(&sub);
            let collides = |reason: &&ReasonCode| in_target.is_none() || leaves_out_all(reason);
            if let Some(reason) = collisions.get(&sub).filter(collides) {
                forecast.count_objection(sub, reason.clone());
                continue;
            }
            match (in_target, record) {
                (Some(existing), Ok(record)) => {
                    self.count_existing(sub, &record, left_out, existing, forecast);
                }
                (None, Ok(record)) => match self.intent(&sub, &record) {
                    Ok(mut intent) => {
                        intent.note_left_out(&left_out);
                        forecast.count_left_out(&sub, &left_out);
                        self.count_missing(&sub, &record, &intent, forecast);
                    }
                    Err(objection) => forecast.count_objection(sub, objection),
                },
                (_, Err(reason)) => forecast.count_objection(sub, reason.code()),
            }
        }
    }

    /// Counts a user that the target has. If the restore updates it, the target must accept what changes.
    fn count_existing(
        &self,
        sub: Sub,
        record: &UserRecord,
        mut left_out: Vec<String>,
        existing: &ScannedUser,
        forecast: &mut Forecast,
    ) {
        let options = &self.restore.options;
        let except = options.old_sub_attribute.as_deref();
        let mut is_same = existing.content == record.kept_digest(except);
        let mut keeps = existing.left_out.clone();
        if let Some(values) = existing.values.as_ref().filter(|_| !is_same) {
            let others = left_out.iter().map(String::as_str).chain(except);
            let present = values.user_beside(record, others);
            let difference = Difference::between(&present, record, except).keeping(&left_out);
            if difference.would_send_message(&self.restore.settings) {
                return forecast.count_objection(sub, ReasonCode::WouldSendMessage);
            }
            if let Some(violation) = difference.objection(&self.target) {
                return forecast.count_objection(sub, violation);
            }
            // A user whose own value is all that differs keeps it.
            is_same = difference.is_none();
            keeps = present.attributes.into_keys().collect();
        }
        forecast.count_existing(is_same, options.existing);
        if is_same {
            left_out.retain(|name| !keeps.contains(name));
        }
        if is_same || options.existing == Existing::Update {
            forecast.count_left_out(&sub, &left_out);
            forecast.count_notes(&left_out_note(&left_out));
        }
    }

    /// Counts a user that the target lacks and accepts.
    fn count_missing(&self, sub: &Sub, record: &UserRecord, intent: &Intent, forecast: &mut Forecast) {
        forecast.must_reset += u64::from(intent.has_to_reset(record));
        if let Some(header) = &self.header {
            let jobs = forecast.jobs.get_or_insert_default();
            match file::row(header, &self.target, &self.restore.options, sub, record.clone(), &intent.name) {
                Ok(_) => {
                    jobs.by_job += 1;
                    forecast.count_creatable(intent.calls_after_job(), &intent.notes_of_job(record));
                    return;
                }
                Err(reason) => *jobs.by_api.entry(reason).or_default() += 1,
            }
        }
        // In the own pool, the restore looks for the old username before it creates a user under
        // another name.
        let is_looked_up =
            self.restore.target_pool().looks_up_before_creation() && intent.name != record.username;
        let look_up = is_looked_up.then_some(Category::UserRead);
        forecast.count_creatable(intent.calls().chain(look_up), &intent.notes);
    }

    /// The restore's intent for a user, or the objection to creating the user.
    fn intent(&self, sub: &Sub, record: &UserRecord) -> std::result::Result<Intent, ObjectionReason> {
        let restore = self.restore;
        let intent = Intent::of(sub, record, &restore.settings, &restore.options)
            .map_err(|not_created| not_created.reason().code())?;
        if let Some(alias) = restore.settings.alias_of_form(&intent.name) {
            return Err(SchemaViolation::name_of_alias(alias).into());
        }
        if let Some(violation) = self.target.objection(record.restorable_attributes()) {
            return Err(violation.into());
        }
        let is_missing = |provider: &&String| !self.providers.contains(*provider);
        match intent.identities.iter().map(|identity| &identity.provider_name).find(is_missing) {
            Some(provider) => Err(SchemaViolation::provider(provider).into()),
            None => Ok(intent),
        }
    }
}

/// The names of the target's identity providers.
async fn providers<B: Backend>(context: &Context<B>) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut listing = context.new_listing("the identity providers");
    while !listing.has_ended() {
        let answer = context.pool.list_providers(listing.token()).await;
        names.extend(listing.advance(answer)?.into_entries());
    }
    Ok(names)
}

//! Counts the users of a page by what the restore will do with them.

use std::collections::HashMap;

use crate::Result;
use crate::csv::Header;
use crate::model::{
    Category, Collision, Forecast, Method, Note, ReasonCode, Restore, ScannedUser, Sub, UserRecord,
};
use crate::operations::import::before::target_rules::TargetRules;
use crate::operations::import::context::Context;
use crate::operations::import::encounter::{Comparison, Encounter};
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
    pub collisions: HashMap<Sub, Collision>,
}

/// Counts users by comparing them with the target.
pub struct ForecastCounter<'a> {
    restore: &'a Restore,
    rules: TargetRules,
    /// The columns of import jobs. None if the restore runs no jobs.
    header: Option<Header>,
}

impl<'a> ForecastCounter<'a> {
    /// Asks the target for its settings. If the operator asked for import jobs and the target
    /// starts none, the forecast notes why.
    pub async fn new<B: Backend>(context: &'a Context<B>, forecast: &mut Forecast) -> Result<Self> {
        let restore = &context.restore;
        let target = context.pool.describe().await.map_err(|error| context.refused(error))?;
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
        Ok(Self { restore, rules: TargetRules::of(context, target).await?, header })
    }

    /// Counts a page. None is a damaged page.
    pub fn count(&self, page: Option<ForecastPage>, forecast: &mut Forecast) {
        let Some(ForecastPage { users, in_target, collisions }) = page else {
            forecast.damaged_pages += 1;
            return;
        };
        for SelectedUser { sub, record, left_out, .. } in users {
            match record {
                Ok(record) => {
                    let (found, collision) = (in_target.get(&sub), collisions.get(&sub));
                    self.count_user(sub, &record, left_out, found, collision, forecast);
                }
                Err(reason) => forecast.count_objection(sub, reason.code()),
            }
        }
    }

    fn count_user(
        &self,
        sub: Sub,
        record: &UserRecord,
        left_out: Vec<String>,
        found: Option<&ScannedUser>,
        collision: Option<&Collision>,
        forecast: &mut Forecast,
    ) {
        let restore = self.restore;
        let intent = Intent::of(&sub, record, &restore.settings, &restore.options);
        let encounter = Encounter::of(restore, &sub, record, intent.as_ref().err().copied(), found);
        let has = encounter != Encounter::Absent;
        if let Some(collision) =
            collision.filter(|collision| collision.leaves_out(has, restore.target_pool()))
        {
            return forecast.count_objection(sub, collision.reason().code());
        }
        match (encounter, intent) {
            (Encounter::SignedIn(_), _) => forecast.count_existing(true, restore.options.existing),
            (Encounter::Present(found), _) => self.count_present(sub, record, left_out, found, forecast),
            (Encounter::Absent, Err(not_created)) => {
                forecast.count_objection(sub, not_created.reason().code());
            }
            (Encounter::Absent, Ok(mut intent)) => match self.rules.objection(record, &intent) {
                Some(violation) => forecast.count_objection(sub, violation),
                None => {
                    let attribute = restore.options.old_sub_attribute.as_ref();
                    if attribute.is_some_and(|name| record.has_other_value(name, sub.as_str())) {
                        forecast.count_overwritten(&sub);
                    }
                    intent.note_left_out(&left_out);
                    forecast.count_left_out(&sub, &left_out);
                    self.count_missing(&sub, record, &intent, forecast);
                }
            },
        }
    }

    /// Counts a user that the target has. If the restore updates it, the target must accept what changes.
    fn count_present(
        &self,
        sub: Sub,
        record: &UserRecord,
        mut left_out: Vec<String>,
        found: &ScannedUser,
        forecast: &mut Forecast,
    ) {
        let restore = self.restore;
        let comparison = Comparison::of(restore, record, &left_out, found);
        let mut is_same = matches!(comparison, Comparison::Same { .. });
        let mut keeps = found.left_out.clone();
        if let (Comparison::Changed, Some(values)) = (comparison, &found.values) {
            let except = restore.options.old_sub_attribute.as_deref();
            let others = left_out.iter().map(String::as_str).chain(except);
            let present = values.user_beside(record, others);
            let difference = Difference::between(&present, record, except).keeping(&left_out);
            if difference.would_send_message(&restore.settings) {
                return forecast.count_objection(sub, ReasonCode::WouldSendMessage);
            }
            if let Some(violation) = difference.objection(&self.rules.target) {
                return forecast.count_objection(sub, violation);
            }
            // A user whose own value is all that differs keeps it.
            is_same = difference.is_none();
            keeps = present.attributes.into_keys().collect();
        }
        forecast.count_existing(is_same, restore.options.existing);
        if is_same {
            left_out.retain(|name| !keeps.contains(name));
        }
        if comparison != Comparison::Kept {
            forecast.count_left_out(&sub, &left_out);
            forecast.count_notes(&left_out_note(&left_out));
        }
    }

    /// Counts a user that the target lacks and accepts.
    fn count_missing(&self, sub: &Sub, record: &UserRecord, intent: &Intent, forecast: &mut Forecast) {
        let can_reset = !intent.notes.contains(&Note::CannotResetPassword);
        forecast.must_reset += u64::from(can_reset && intent.has_to_reset(record));
        if let Some(header) = &self.header {
            let jobs = forecast.jobs.get_or_insert_default();
            match file::row(
                header,
                &self.rules.target,
                &self.restore.options,
                sub,
                record.clone(),
                &intent.name,
            ) {
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
}

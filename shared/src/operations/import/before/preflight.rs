//! The preflight of an import: everything that can be known to go wrong is found before anything is touched.

use std::collections::BTreeMap;

use crate::catalog::Catalog;
use crate::model::{
    AttributeSchema, Counts, Execution, Existing, Forecast, ForecastCheckpoint, ImportInput, Listing, PoolDescription, Progress,
    Restore, RestoreState, RestoreUnit, RunId, Snapshot, SnapshotSelector, TargetSettings,
};
use crate::operations::export::LISTING_ATTEMPTS;
use crate::operations::import;
use crate::operations::refusals::refused;
use crate::pacing::PacedPool;
use crate::ports::pool::{Pool, PoolErrorKind};
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// How many of the last restores into the target are looked through for one that wrote to it.
const LAST_RESTORES: u32 = 10;

/// Characters of a `sub`.
const SUB_LENGTH: u32 = 36;

/// The declaration of an attribute that keeps the old `sub`.
fn old_sub_attribute() -> AttributeSchema {
    let (minimum, maximum) = (Some("0".to_owned()), Some(SUB_LENGTH.to_string()));
    AttributeSchema { data_type: "String".to_owned(), mutable: true, required: false, minimum, maximum }
}

/// Attributes that are to be declared in a target.
type Declarations = BTreeMap<String, AttributeSchema>;

/// What an import is checked against.
pub struct Preflight<'a, P, V> {
    pub pool: &'a PacedPool<P>,
    pub target: &'a PoolDescription,
    pub catalog: &'a Catalog<V>,
    pub input: &'a ImportInput,
    pub progress: &'a Progress,
}

/// What an import is going to do.
pub enum Plan {
    /// Restore the snapshot from its beginning.
    New { restore: Box<Restore>, units: Vec<RestoreUnit> },
    /// Go on with an earlier restore.
    Continued { restore: Box<Restore>, execution: Execution, to_declare: Declarations },
}

impl<P: Pool, V: Vault> Preflight<'_, P, V> {
    /// The plan, or the reason why there can be none.
    pub async fn check(&self) -> Result<Plan> {
        let resumable = self.resumable().await?;
        let selector = match &resumable {
            Some(restore) => &SnapshotSelector::Id(restore.snapshot.clone()),
            None => &self.input.snapshot,
        };
        let (snapshot, units) = self.catalog.sealed_snapshot(&self.input.source, selector).await?;
        let to_declare = self.check_target(&snapshot).await?;

        if let Some(restore) = resumable.filter(|_| !self.input.dry_run) {
            return Ok(Plan::Continued { restore: Box::new(restore), execution: self.progress.execution.clone(), to_declare });
        }
        let restore = Restore {
            id: self.progress.run_id.clone(),
            source: self.input.source.clone(),
            target: self.input.target.clone(),
            selector: self.input.snapshot.clone(),
            snapshot: snapshot.id.clone(),
            state: RestoreState::Running,
            execution: self.progress.execution.clone(),
            pass: 1,
            settings: TargetSettings::of(self.target),
            options: self.input.options.clone(),
            selection: self.input.selection.digest(),
            to_declare,
            expected: snapshot.counts,
            handled: Counts::default(),
            jobs: None,
            verified_pages: 0,
            totals: None,
            verification: None,
            calls: None,
            failure: None,
        };
        Ok(Plan::New { restore: Box::new(restore), units: RestoreUnit::plan(&units) })
    }

    /// The restore that the same input began and that has not brought everything back, if the target holds something of it. Refuses a
    /// target that holds users of other origin.
    async fn resumable(&self) -> Result<Option<Restore>> {
        let earlier = self.last_that_wrote().await?;
        let same_input = |restore: &&Restore| {
            restore.source == self.input.source
                && restore.options == self.input.options
                && restore.selection == self.input.selection.digest()
                && match &self.input.snapshot {
                    SnapshotSelector::Latest => restore.selector == SnapshotSelector::Latest,
                    SnapshotSelector::Id(id) => restore.snapshot == *id,
                }
        };
        let last = earlier.as_ref().filter(same_input);
        // What the target holds is nobody's concern where it is to be left or updated.
        let may_hold_users = self.input.options.existing != Existing::Fail;
        if !may_hold_users && self.target_is_empty().await? {
            // Its users may be on their way: a job goes on when the execution that started it has ended.
            return match last.filter(|restore| restore.can_be_continued()) {
                Some(restore) => {
                    let jobs = self.catalog.import_jobs(&restore.id).await?;
                    Ok(jobs.is_some_and(|jobs| jobs.current.is_some()).then(|| restore.clone()))
                }
                None => Ok(None),
            };
        }
        match last {
            Some(restore) if restore.can_be_continued() => Ok(Some(restore.clone())),
            _ if may_hold_users => Ok(None),
            _ => Err(self.target_not_empty(earlier.as_ref())),
        }
    }

    /// The last restore into the target that may have written to it. One that was refused before that, because of whom it selects or of
    /// what the target does not take, is not gone on with: the target, or the newest snapshot, may be another by now.
    async fn last_that_wrote(&self) -> Result<Option<Restore>> {
        for restore in self.catalog.restores(&self.input.target, LAST_RESTORES).await? {
            let outlook = self.catalog.outlook(&restore.id).await?;
            if outlook.is_some_and(|outlook| outlook.is_complete() && import::refusal(&outlook).is_none()) {
                return Ok(Some(restore));
            }
        }
        Ok(None)
    }

    fn target_not_empty(&self, last: Option<&Restore>) -> Error {
        let guidance = match last {
            Some(last) if last.state == RestoreState::Succeeded => format!(
                "Restore {} has already brought snapshot {} of user pool {} back into it; for another one, create an empty user pool, or say \"existing\": \"skip\" or \"update\".",
                last.id, last.snapshot, last.source
            ),
            Some(last) => format!(
                "Restore {} of snapshot {} was begun with sourceUserPoolId {} and snapshot {}: start it with the same input to continue it; with another one, say what becomes of the users that are there with \"existing\": \"skip\" or \"update\", or create an empty user pool.",
                last.id, last.snapshot, last.source, last.selector
            ),
            None => "Create an empty user pool with the same settings and restore into that, or say what becomes of the users that are there with \"existing\": \"skip\" or \"update\".".to_owned(),
        };
        Error::new(ErrorKind::TargetNotEmpty, format!("User pool {} already holds users.", self.input.target), guidance)
    }

    async fn target_is_empty(&self) -> Result<bool> {
        let (mut token, mut attempt) = (None::<String>, 1);
        loop {
            let listed = match self.pool.list_users(token.as_deref()).await {
                Ok(listed) => listed,
                // An empty page comes with a token, too, and a token may be refused.
                Err(error) if error.kind == PoolErrorKind::InvalidParameter && token.is_some() && attempt < LISTING_ATTEMPTS => {
                    (token, attempt) = (None, attempt + 1);
                    continue;
                }
                Err(error) => return Err(refused(self.pool.id(), error)),
            };
            if !listed.entries.is_empty() {
                return Ok(false);
            }
            match listed.next_token {
                None => return Ok(true),
                next => token = next,
            }
        }
    }

    /// Whether the target can take what the snapshot holds, as far as settings tell; returns the attributes to declare in it.
    async fn check_target(&self, snapshot: &Snapshot) -> Result<Declarations> {
        let target = self.target;
        let wanted = [("", snapshot.configuration)];
        let source: PoolDescription = match self.catalog.records(&snapshot.pool, &wanted).await?.pop() {
            Some(Ok(source)) => source,
            _ => {
                return Err(Error::new(
                    ErrorKind::SnapshotDamaged,
                    format!(
                        "The pool's configuration (item CONF#{} REC#pool#{}) is missing or altered.",
                        snapshot.pool, snapshot.configuration
                    ),
                    "Restore the item from point-in-time recovery or the replica, or use another snapshot.",
                ));
            }
        };
        // All there is against the target is told at once: whoever creates another should have to do so once.
        let mut against = Vec::new();
        let mut refuse = |what: String, advice: &str| against.push(Error::new(ErrorKind::TargetNotSupported, what, advice));
        let sign_in = |pool: &PoolDescription| match pool.username_attributes.as_slice() {
            [] => "username".to_owned(),
            names => names.join(" and "),
        };
        let serves = |name: &String| target.username_attributes.contains(name);
        if source.username_attributes.is_empty() != target.username_attributes.is_empty()
            || !source.username_attributes.iter().all(serves)
        {
            refuse(
                format!(
                    "Users of source user pool {} sign in by {}, those of target user pool {} by {}.",
                    self.input.source,
                    sign_in(&source),
                    self.input.target,
                    sign_in(target)
                ),
                "Create a target with the same UsernameAttributes; they cannot be changed later.",
            );
        }
        if source.case_sensitive && !target.case_sensitive {
            refuse(
                format!(
                    "Source user pool {} tells usernames apart by case, target user pool {} does not: two people could become one.",
                    self.input.source, self.input.target
                ),
                "Create the target with case-sensitive usernames (UsernameConfiguration CaseSensitive=true).",
            );
        }
        match self.check_attributes(&source) {
            Ok(to_declare) if against.is_empty() => Ok(to_declare),
            Ok(_) => Err(together(against)),
            Err(attributes) => Err(together(against.into_iter().chain([attributes]).collect())),
        }
    }

    /// Whether the target declares what the source declares; returns what it lacks, where that is to be added.
    fn check_attributes(&self, source: &PoolDescription) -> Result<Declarations> {
        let (target, options) = (self.target, &self.input.options);
        let mut lacking: BTreeMap<_, _> = source
            .custom_attributes()
            .filter(|(name, schema)| target.attributes.get(*name).is_none_or(|there| there.data_type != schema.data_type))
            .map(|(name, schema)| (name.clone(), schema.clone()))
            .collect();
        if let Some(name) = &options.old_sub_attribute {
            let longest = |schema: &AttributeSchema| schema.maximum.as_ref().and_then(|most| most.parse().ok()).unwrap_or(256u32);
            let declared = lacking.get(name).or(target.attributes.get(name));
            match declared {
                Some(there) if there.data_type == "String" && longest(there) >= SUB_LENGTH => {}
                None if options.create_missing_attributes => drop(lacking.insert(name.clone(), old_sub_attribute())),
                _ => {
                    return Err(Error::new(
                        ErrorKind::MissingCustomAttributes,
                        format!(
                            "Target user pool {} does not declare {name} as text of {SUB_LENGTH} characters.",
                            self.input.target
                        ),
                        "Say \"createMissingAttributes\": true, add it with `aws cognito-idp add-custom-attributes`, or name another one.",
                    ));
                }
            }
        }
        let of_another_type = lacking.keys().any(|name| target.attributes.contains_key(name));
        if lacking.is_empty() || (options.create_missing_attributes && !of_another_type) {
            return Ok(lacking);
        }
        let names: Vec<_> = lacking.iter().map(|(name, schema)| format!("{name} ({})", schema.data_type)).collect();
        Err(Error::new(
            ErrorKind::MissingCustomAttributes,
            format!("Target user pool {} does not declare {}.", self.input.target, names.join(", ")),
            "Say \"createMissingAttributes\": true, or add them with `aws cognito-idp add-custom-attributes`; an attribute of another type needs a new pool.",
        ))
    }
}

impl Plan {
    /// The restore.
    pub fn restore(&self) -> &Restore {
        match self {
            Self::New { restore, .. } | Self::Continued { restore, .. } => restore,
        }
    }

    /// The id of the restore.
    pub fn id(&self) -> &RunId {
        &self.restore().id
    }

    /// Writes down what a dry run is to look at.
    pub async fn begin_dry_run<V: Vault>(self, catalog: &Catalog<V>) -> Result<()> {
        match self {
            Self::New { restore, units } => catalog.begin_outlook(&outlook(&restore, &units)).await,
            Self::Continued { .. } => Ok(()),
        }
    }

    /// Writes the plan; returns the id of the restore.
    pub async fn begin<V: Vault>(self, catalog: &Catalog<V>) -> Result<RunId> {
        match self {
            Self::New { restore, units } => {
                catalog.begin_outlook(&outlook(&restore, &units)).await?;
                catalog.begin_restore(&restore, &units).await?;
                Ok(restore.id)
            }
            Self::Continued { restore, execution, to_declare } => {
                catalog
                    .change_restore(&restore.target, &restore.id, |now| {
                        // Only the first invocation of this execution begins a new pass over what could not be restored.
                        if now.execution == execution {
                            return;
                        }
                        now.pass += u32::from(now.state == RestoreState::Partial);
                        now.handled = Counts::default();
                        now.verified_pages = 0;
                        now.totals = None;
                        now.verification = None;
                        now.execution = execution.clone();
                        now.to_declare = to_declare.clone();
                        now.state = RestoreState::Running;
                        now.failure = None;
                    })
                    .await?;
                Ok(restore.id)
            }
        }
    }
}

/// One error that says what all of them say, of the kind of the first.
fn together(errors: Vec<Error>) -> Error {
    let kind = errors.first().map_or(ErrorKind::Internal, Error::kind);
    let join = |part: fn(&Error) -> &str| errors.iter().map(part).collect::<Vec<_>>().join(" ");
    Error::new(kind, join(Error::message), join(Error::guidance))
}

/// What is to be expected of a restore, before anything is known of it.
fn outlook(restore: &Restore, units: &[RestoreUnit]) -> ForecastCheckpoint {
    let users = units.iter().find(|unit| unit.listing == Listing::Users).map(|unit| unit.source.clone()).unwrap_or_default();
    ForecastCheckpoint { restore: restore.clone(), users, next_page: 1, forecast: Forecast::default() }
}

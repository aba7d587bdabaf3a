//! `import --into new:NAME`: create a pool from a snapshot, import its users, and finish it.
//!
//! The same command continues a stopped one: the creation and the finish by the journal, the import by the table and
//! Step Functions. Nothing here keeps a state of its own.

use std::future::Future;
use std::pin::pin;

use jiff::Timestamp;
use serde_json::json;
use shared::catalog::{LeaseKey, RebuildJournal};
use shared::model::{PoolId, RunId, RunKind, Snapshot, SnapshotSelector};
use shared::operations::rebuild::{Account, finish, finish_plan};
use shared::operations::{check_group_roles, check_shrunk, holder_name};
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::keys::DecryptingKeys;
use shared::ports::pool::ConfigurablePool;
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind};

use super::args::{ImportArgs, input_json};
use super::group_roles::RolesFile;
use super::importing::{Phases, done_before, imported};
use super::introduction::introduction;
use super::way_on::of_created;
use crate::arguments;
use crate::aws::{Caller, Executions};
use crate::commands::pool::create::{self, CreateArgs, Creating, Planned, of_interruption};
use crate::commands::pool::release::release;
use crate::commands::tps::TpsArgs;
use crate::commands::{Deployment, Session};
use crate::exit::ExitStatus;
use crate::output::{Answer, NewPoolEnd, NewPoolPlan, PoolCreated, PoolFinished, Report, status_of};
use crate::problem::{Problem, Result};

/// Words for the pool before it exists.
const NEW_POOL: &str = "the new user pool";

/// A pool to create, to import into, and to finish.
#[derive(Debug)]
pub struct Request {
    creation: create::Request,
    /// The import. Its target stands for the pool that does not exist yet.
    import: super::Request,
}

impl Request {
    /// Reads and checks the arguments, and the map. `name` is that of the new pool.
    ///
    /// # Errors
    /// If an id, a limit, an option or the map cannot be read. If an option makes no sense for a new pool.
    pub fn read(args: &ImportArgs, name: &str, table: Option<&str>) -> Result<Self> {
        let (options, new_pool) = (&args.options, &args.new_pool);
        let refuse = |option: &str, why: &str| {
            let what = format!("{option} makes no sense with --into new:NAME: {why}.");
            Problem::refused(ErrorKind::InvalidInput.name(), what, format!("Leave {option} out."))
        };
        if options.existing.is_some() {
            return Err(refuse("--existing", "the new user pool has no users"));
        }
        if args.run.no_wait {
            return Err(refuse("--no-wait", "the command finishes the user pool after the import"));
        }
        let creation = create::Request::read(&CreateArgs {
            pool: args.pool.clone(),
            snapshot: args.snapshot.clone(),
            name: name.to_owned(),
            creation: new_pool.creation.clone(),
            plan: args.plan,
            yes: new_pool.yes,
            tps: TpsArgs { tps: args.run.tps.clone() },
        })?;
        let roles = creation.group_roles();
        if options.group_roles.is_some() && !roles.is_empty() {
            return Err(refuse("--group-roles", "the map has groupRoles"));
        }
        let region = arguments::read("--pool", &args.pool, PoolId::parse)?.region().to_owned();
        let mut input = input_json(args)?;
        input["targetUserPoolId"] = format!("{region}_new").into();
        // The forecast of the import needs a pool.
        input["dryRun"] = false.into();
        if !roles.is_empty() {
            input["groupRoles"] = json!({ "map": roles });
        }
        let mut import = super::Request::of(input, args, table)?;
        if let Some(members) = import.json.as_object_mut() {
            members.remove("dryRun");
        }
        if !roles.is_empty() {
            let path = new_pool.creation.map.as_ref().map(|map| map.display().to_string());
            import.group_roles = path.map(|path| RolesFile { path, option: "--map" });
        }
        Ok(Self { creation, import })
    }

    /// The pool of the snapshot.
    pub fn pool(&self) -> &PoolId {
        self.creation.pool()
    }

    /// Creates, imports and finishes, or continues with what is left of it.
    ///
    /// # Errors
    /// Those of `pool create`, `import` and `pool finish`. The same command continues.
    pub async fn run<E, V, P, S>(
        &self,
        deployment: &Deployment<E, V>,
        pool_at: impl Fn(&PoolId) -> P,
        keys: &impl DecryptingKeys,
        caller: impl AsyncFnOnce() -> std::result::Result<Caller, Error>,
        clock: Clock,
        session: Session<'_, S>,
    ) -> Result<Answer>
    where
        E: Executions,
        V: Vault + Clone + 'static,
        P: ConfigurablePool,
        S: Future<Output = ()>,
    {
        let now = (session.now)();
        let caller = caller().await?;
        let account = self.creation.account(&caller, &deployment.region, pool_at, clock)?;
        // Before anything is created: without the state machine, the pool would stay empty.
        let machine = deployment.executions.machine(RunKind::Import).await?;
        deployment.executions.require(&machine).await?;
        if let Some(pool) = self.finished(deployment, &account).await? {
            return Box::pin(self.of_finished(deployment, &account, pool, now)).await;
        }
        // The futures of the phases are large.
        let planned = Box::pin(self.creation.planned(deployment, &account, keys, &caller, now)).await?;
        let plan = Box::pin(self.plan(deployment, &planned, now)).await?;
        if self.creation.is_plan() {
            return Ok(Answer::new(&plan, ExitStatus::Done, now));
        }
        if let Some(refusal) = plan.refusal() {
            return Err(refusal.clone());
        }
        if self.creation.is_confirmed() {
            session.meter.note(&plan.human(now));
        } else {
            self.creation.confirmed(&plan.human(now), planned.shown.question(), session.meter)?;
        }
        let Session { meter, lines, interrupted, now: clock_of_session } = session;
        let interrupted = pin!(interrupted);
        let mut phases = Phases { meter, lines, interrupted, now: clock_of_session };
        let (verb, is_import_target) = ("import --into new", true);
        let work = Creating { deployment, account: &account, clock, now, verb, is_import_target };
        let created =
            Box::pin(self.creation.create(&work, &planned, phases.interrupted.as_mut(), phases.meter));
        let created = created.await?;
        let Some(pool) = created.pool.clone() else {
            return Err(Problem::internal("The creation of the user pool answered no id.".to_owned()));
        };
        let import = self.import.with(&pool, &planned.snapshot.id);
        let creation = planned.shown.done(&planned.plan, &created);
        let of_creation = (creation.clone(), status_of(&created));
        let went_on = Box::pin(self.import_and_finish(&work, of_creation, &import, &mut phases)).await;
        went_on.map_err(|problem| {
            let problem = of_created(problem, &import, creation.pool_arn().as_ref());
            Problem { creation: Some(Box::new(creation)), ..problem }
        })
    }

    async fn import_and_finish<E, V, P, F, S>(
        &self,
        work: &Creating<'_, E, V, P, F>,
        (creation, of_creation): (PoolCreated, ExitStatus),
        import: &super::Request,
        phases: &mut Phases<'_, '_, S>,
    ) -> Result<Answer>
    where
        E: Executions,
        V: Vault + Clone + 'static,
        P: ConfigurablePool,
        F: Fn(&PoolId) -> PacedPool<P>,
        S: Future<Output = ()>,
    {
        let Creating { deployment, account, clock, now, verb, .. } = *work;
        let pool = import.target();
        // First: the triggers run as soon as the import has ended, and need their permissions then.
        phases.meter.note(&format!(
            "{}\n\nDo the steps under \"To do elsewhere\" now: the triggers are set when the import ends, and need their permissions.\nUser pool {pool} is created. Importing its users.",
            creation.in_words()
        ));
        let imported = Box::pin(imported(import, deployment, clock, phases)).await?;
        let of_import = imported.status;
        let is_complete = [of_creation, of_import].iter().all(|status| *status == ExitStatus::Done);
        let finished = if is_complete {
            phases.meter.note(&format!("Finishing user pool {pool}."));
            let (catalog, connection) = (&deployment.catalog, account.connect(pool));
            let holder = holder_name(&format!("cognito-backup {verb}"), now);
            let finished = tokio::select! {
                biased;
                () = phases.interrupted.as_mut() => None,
                finished = Box::pin(finish(catalog, connection, &holder, clock)) => Some(finished?),
            };
            let Some(finished) = finished else {
                let key = LeaseKey::of_rebuild(&self.creation.id(deployment));
                release(phases.meter, catalog.release_lease(&key, &holder, clock.now())).await;
                let what = "The import has ended. The command stopped before it finished the user pool.";
                return Err(of_interruption(what, ""));
            };
            Some(PoolFinished::done(pool, &finished))
        } else {
            None
        };
        let status = match (of_import, of_creation) {
            (ExitStatus::Done, of_creation) => of_creation,
            (of_import, _) => of_import,
        };
        let now = (phases.now)();
        Ok(Answer::new(&NewPoolEnd::new(pool, Some(creation), imported, finished), status, now))
    }

    /// What the command would do.
    async fn plan<E, V: Vault>(
        &self,
        deployment: &Deployment<E, V>,
        planned: &Planned,
        now: Timestamp,
    ) -> Result<NewPoolPlan> {
        let (catalog, snapshot) = (&deployment.catalog, &planned.snapshot);
        // The operator may have deleted the pool of an earlier journal.
        let known = planned.begun.as_ref().and_then(|journal| journal.pool.clone());
        let into = known.as_ref().map_or_else(|| NEW_POOL.to_owned(), PoolId::to_string);
        let target = known.as_ref().unwrap_or(self.import.target());
        let import = self.import.with(target, &snapshot.id);
        let words = introduction(&import.input, Some(&into), catalog, &deployment.place(), now).await?;
        let refusal = self.refusal(deployment, &import, snapshot).await?;
        Ok(NewPoolPlan::new(planned.shown.clone(), snapshot, words, &planned.plan, refusal))
    }

    /// Why the import would be refused for its snapshot. A restore that has begun is not refused for it.
    async fn refusal<E, V: Vault>(
        &self,
        deployment: &Deployment<E, V>,
        import: &super::Request,
        snapshot: &Snapshot,
    ) -> Result<Option<Problem>> {
        let (catalog, input) = (&deployment.catalog, &import.input);
        match check_group_roles(catalog, snapshot, &input.options.group_roles).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Ok(Some(self.of_roles(error))),
            Err(error) => return Err(error.into()),
        }
        let last = catalog.last_restore_that_wrote(&input.target).await?;
        if last.is_some() {
            return Ok(None);
        }
        match check_shrunk(catalog, input, snapshot).await {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::SnapshotShrunk => Ok(Some(error.into())),
            Err(error) => Err(error.into()),
        }
    }

    /// The problem of a map of roles, with the entry that it is about.
    fn of_roles(&self, error: Error) -> Problem {
        let mut problem = Problem::from(error);
        if let Some(role) = self.import.input.options.group_roles.entry_of(&problem.message) {
            problem.message += &format!(" The entry maps {role}.");
        }
        if !self.creation.group_roles().is_empty() {
            "Correct groupRoles in the map, or remove the entry.".clone_into(&mut problem.guidance);
        }
        self.import.with_line(problem)
    }

    /// The pool, if it was created and finished already.
    async fn finished<E, V, P, F>(
        &self,
        deployment: &Deployment<E, V>,
        account: &Account<P, F>,
    ) -> Result<Option<(PoolId, RunId)>>
    where
        V: Vault,
        P: ConfigurablePool,
        F: Fn(&PoolId) -> PacedPool<P>,
    {
        let journal = deployment.catalog.rebuild_journal(&self.creation.id(deployment)).await?;
        match journal {
            Some(RebuildJournal { is_finished: true, pool: Some(pool), snapshot, .. })
                if account.has(&pool).await? =>
            {
                Ok(Some((pool, snapshot)))
            }
            _ => Ok(None),
        }
    }

    /// The answer about a pool that is finished already.
    async fn of_finished<E, V, P, F>(
        &self,
        deployment: &Deployment<E, V>,
        account: &Account<P, F>,
        (pool, snapshot): (PoolId, RunId),
        now: Timestamp,
    ) -> Result<Answer>
    where
        V: Vault,
        P: ConfigurablePool,
        F: Fn(&PoolId) -> PacedPool<P>,
    {
        let import = self.import.with(&pool, &snapshot);
        // The pool does not hold what another snapshot holds.
        let another = match self.creation.selector() {
            SnapshotSelector::Id(id) => (*id != snapshot).then(String::new),
            SnapshotSelector::Latest => {
                let newest = deployment.catalog.newest_sealed(self.pool(), None, now).await?;
                let newer = newest.filter(|newest| newest.id.time() > snapshot.time());
                newer.map(|newer| format!(" Snapshot {} is newer.", newer.id))
            }
        };
        if let Some(another) = another {
            let what = format!(
                "User pool {pool} is finished already. It was created from snapshot {snapshot}.{another}"
            );
            let next = "Name that snapshot, or give another name for the new user pool.".to_owned();
            return Err(Problem::refused(ErrorKind::InvalidInput.name(), what, next));
        }
        let finish = finish_plan(&deployment.catalog, &account.connect(&pool)).await?;
        let Some(imported) = done_before(&import, deployment, now).await? else {
            let line = import.line(|_| ());
            let what = format!(
                "User pool {pool} is finished already, and no import with these options has succeeded."
            );
            let next = match finish.trigger_names().as_slice() {
                [] => format!("Import with `{line}`. If the user pool has users, add --existing skip."),
                names => format!(
                    "These triggers of the user pool run now, also for each user that an import creates: {}. If that does no harm, \
                     import with `{line}`. If the user pool has users, add --existing skip. If it does harm, give another name.",
                    names.join(", ")
                ),
            };
            return Err(Problem::refused(ErrorKind::InvalidInput.name(), what, next));
        };
        let finished = Some(PoolFinished::plan(&pool, &finish));
        Ok(Answer::new(&NewPoolEnd::new(&pool, None, imported, finished), ExitStatus::Done, now))
    }
}

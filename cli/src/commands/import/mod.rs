//! `import`: restore a snapshot into another user pool or a new one, or repair its own.

mod group_roles;
mod importing;
mod introduction;
mod new_pool;
mod way_on;

use std::future::Future;

use clap::Args;
use serde_json::{Value, json};
use shared::model::{ImportInput, PoolId, RunId, RunKind, SnapshotSelector, UserFilter};
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind, Guidance};

use super::pool::create::CreationArgs;
use super::run::{self, RunArgs, RunRequest};
use super::{Deployment, Session};
use crate::arguments;
use crate::aws::Executions;
use crate::guidance::{of_input_in_options, options_of};
use crate::output::{Answer, next_import};
use crate::problem::{Problem, Result};
use group_roles::RolesFile;
use introduction::introduction;

/// The arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The user pool of the snapshot
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// The user pool to restore into, with the custom attributes of the source. It must hold no users, unless you give
    /// --existing. For a repair, the same as --pool. `new:NAME` creates the user pool NAME
    #[arg(long, value_name = "POOL_ID|new:NAME")]
    pub into: String,
    /// The snapshot: `latest`, or an id that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// Only make the forecast, and change nothing. For `new:NAME`, only show the plan, which has no forecast
    #[arg(long)]
    pub plan: bool,
    #[command(flatten)]
    pub selection: SelectionArgs,
    #[command(flatten)]
    pub options: OptionArgs,
    #[command(flatten)]
    pub new_pool: NewPoolArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

/// The new pool to restore into.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "A new user pool (only with --into new:NAME)")]
pub struct NewPoolArgs {
    #[command(flatten)]
    pub creation: CreationArgs,
    /// Create, import and finish without asking
    #[arg(long)]
    pub yes: bool,
}

impl NewPoolArgs {
    /// The options that the operator has given.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let CreationArgs { map, account, strict, no_secrets } = &self.creation;
        [
            ("--map", map.is_some()),
            ("--account", account.account.is_some()),
            ("--strict", *strict),
            ("--no-secrets", *no_secrets),
            ("--yes", self.yes),
        ]
        .into_iter()
        .filter_map(|(option, is_given)| is_given.then_some(option))
    }
}

/// The users to restore.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Users to restore (each option as often as needed)")]
pub struct SelectionArgs {
    /// Only this user, by the username in the snapshot
    #[arg(long, value_name = "USERNAME")]
    pub user: Vec<String>,
    /// Only this user, by the e-mail address in the snapshot
    #[arg(long, value_name = "ADDRESS")]
    pub email: Vec<String>,
    /// Only this user, by the `sub` in the snapshot
    #[arg(long, value_name = "SUB")]
    pub sub: Vec<String>,
    /// Only the members of this group
    #[arg(long, value_name = "NAME")]
    pub group: Vec<String>,
    /// Not this user
    #[arg(long, value_name = "USERNAME")]
    pub except_user: Vec<String>,
    /// Not the user with this e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub except_email: Vec<String>,
    /// Not the user with this `sub`
    #[arg(long, value_name = "SUB")]
    pub except_sub: Vec<String>,
    /// Not the members of this group
    #[arg(long, value_name = "NAME")]
    pub except_group: Vec<String>,
}

/// How users are restored.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "How to restore them")]
pub struct OptionArgs {
    /// If the target holds users: refuse it (`fail`), leave existing users and groups as they are (`skip`), or make them
    /// as in the snapshot (`update`). A target that holds only groups is not refused [default: fail]
    #[arg(long, value_name = "WHAT")]
    pub existing: Option<String>,
    /// Federated users: let Cognito create them at their next sign-in (`skip`), or create and link them (`link`)
    /// [default: skip]
    #[arg(long, value_name = "WHAT")]
    pub federated: Option<String>,
    /// Users that signed up and were not confirmed: create them, confirmed (`restore`), or leave them out (`skip`)
    /// [default: restore]
    #[arg(long, value_name = "WHAT")]
    pub unconfirmed: Option<String>,
    /// The IAM roles of groups: those of the snapshot (`keep`), none (`skip`), or a YAML file that maps role ARNs of the
    /// snapshot to others [default: keep]
    #[arg(long, value_name = "keep|skip|FILE")]
    pub group_roles: Option<String>,
    /// `api`: calls create each user; `csv`: import jobs create the users that a file can carry, without calls and charge
    /// [default: api]
    #[arg(long, value_name = "HOW")]
    pub method: Option<String>,
    /// `random`: an unknown password, so that users use "forgot password"; `temporary`: Cognito sends an invitation
    /// [default: random]
    #[arg(long, value_name = "WHAT")]
    pub passwords: Option<String>,
    /// Send an invitation to each enabled, native user that calls create and that has an address; `--passwords temporary`
    /// needs it
    #[arg(long)]
    pub send_invitations: bool,
    /// Restore what the target accepts, although its settings refuse some users, values or links
    #[arg(long)]
    pub accept_losses: bool,
    /// Restore the snapshot although an earlier one of the 90 days before holds many more users
    #[arg(long)]
    pub accept_shrunk: bool,
    /// Declare the custom attributes that the target lacks
    #[arg(long)]
    pub create_missing_attributes: bool,
    /// Write the old `sub` of each user to this custom attribute, such as `custom:old_sub`
    #[arg(long, value_name = "NAME")]
    pub old_sub_attribute: Option<String>,
    /// Keep the sub map of the restore for so many days, 90 to 3650, or without end (`forever`) [default: that of the
    /// deployment]
    #[arg(long, value_name = "DAYS|forever", allow_negative_numbers = true)]
    pub sub_map_retention: Option<String>,
}

/// What to restore into.
#[derive(Debug)]
pub enum Target {
    /// A pool that exists.
    Existing(Box<Request>),
    /// A pool that the command creates.
    New(Box<new_pool::Request>),
}

impl Target {
    /// Reads and checks the arguments. `table` is the backup table, if the settings name one.
    ///
    /// # Errors
    /// Those of [`Request::read`]. If an option makes no sense for the target.
    pub fn read(args: &ImportArgs, table: Option<&str>) -> Result<Self> {
        if let Some(name) = args.into.strip_prefix("new:") {
            return Ok(Self::New(Box::new(new_pool::Request::read(args, name, table)?)));
        }
        match args.new_pool.given().next() {
            Some(option) => Err(Problem::refused(
                ErrorKind::InvalidInput.name(),
                format!("{option} is about a new user pool, and --into names one that exists."),
                format!("Leave {option} out. Or create a user pool with --into new:NAME."),
            )),
            None => Ok(Self::Existing(Box::new(Request::read(args, table)?))),
        }
    }
}

/// An import to start.
#[derive(Debug, Clone)]
pub struct Request {
    input: ImportInput,
    /// The same input, in the form that the state machine reads.
    json: Value,
    no_wait: bool,
    group_roles: Option<RolesFile>,
}

impl Request {
    /// Reads and checks the arguments. `table` is the backup table, if the settings name one.
    ///
    /// # Errors
    /// If a pool id, a snapshot id or a limit cannot be read. If source and target are the same, and the arguments do
    /// not say what happens to existing users.
    pub fn read(args: &ImportArgs, table: Option<&str>) -> Result<Self> {
        arguments::read("--into", &args.into, PoolId::parse)?;
        Self::of(json(args)?, args, table)
    }

    /// The request with this input, to which the limits and the table are added.
    fn of(json: Value, args: &ImportArgs, table: Option<&str>) -> Result<Self> {
        arguments::read("--pool", &args.pool, PoolId::parse)?;
        arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?;
        let json = run::with_table(run::with_limits(json, &args.run)?, table);
        let input = ImportInput::parse(&json).map_err(|error| of_input_in_options(&error))?;
        let path = args.options.group_roles.clone();
        let group_roles = path.map(|path| RolesFile { path, option: "--group-roles" });
        Ok(Self { input, json, no_wait: args.run.no_wait, group_roles })
    }

    /// The same import into `target`, of the snapshot `snapshot`.
    fn with(&self, target: &PoolId, snapshot: &RunId) -> Self {
        let mut with = self.clone();
        with.json["targetUserPoolId"] = target.as_str().into();
        with.json["snapshot"] = snapshot.as_str().into();
        with.input.target = target.clone();
        with.input.snapshot = SnapshotSelector::Id(snapshot.clone());
        with
    }

    /// The command of this import, or of one that changes the input so.
    fn line(&self, change: impl FnOnce(&mut ImportInput)) -> String {
        let mut input = self.input.clone();
        change(&mut input);
        next_import(&input, self.roles())
    }

    /// The file of the roles of groups.
    fn roles(&self) -> Option<&str> {
        self.group_roles.as_ref().map(|file| file.path.as_str())
    }

    /// The pool to restore into.
    pub fn target(&self) -> &PoolId {
        &self.input.target
    }

    /// Says what the import will do, starts it and watches it.
    ///
    /// # Errors
    /// If the import is refused or fails. A partial restore is no error, but an answer.
    pub async fn run<E: Executions, V: Vault, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let (catalog, place) = (&deployment.catalog, deployment.place());
        let words = introduction(&self.input, None, catalog, &place, (session.now)()).await?;
        session.meter.note(&words);
        let machine = run::machine_of(deployment, RunKind::Import).await?;
        self.start(deployment, &machine, session).await
    }

    /// Starts the import on its state machine, and watches it.
    ///
    /// # Errors
    /// If the import is refused or fails.
    async fn start<E: Executions, V: Vault, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        machine: &str,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let (input, json, roles) = (self.input.clone(), self.json.clone(), self.roles().map(str::to_owned));
        let request = RunRequest::import(input, json, self.no_wait, roles);
        let ended = run::carry_out_on(deployment, machine, request, session).await;
        ended.map_err(|problem| self.with_line(problem))
    }

    /// `problem`, with the line of the file of roles that it is about.
    fn with_line(&self, mut problem: Problem) -> Problem {
        let role = self.input.options.group_roles.entry_of(&problem.message);
        let place = self.group_roles.as_ref().zip(role).and_then(|(file, role)| file.place_of(role));
        if let Some(place) = place {
            problem.message += &format!(" {place}");
        }
        problem
    }
}

/// Checks a name of a selection.
fn require_name(option: &str, list: &str, text: &str) -> Result<()> {
    let Some(what) = UserFilter::fault_of(list, text) else { return Ok(()) };
    let guidance = Guidance::ImportInput(Some(option.trim_start_matches('-').to_owned()));
    let refuse = |_: &str| Err(Error::new(ErrorKind::InvalidInput, format!("{option} {what}."), guidance));
    Ok(arguments::read(option, text, refuse)?)
}

/// The arguments as the input of the state machine.
fn json(args: &ImportArgs) -> Result<Value> {
    let mut input =
        json!({ "sourceUserPoolId": args.pool, "targetUserPoolId": args.into, "snapshot": args.snapshot });
    let options = &args.options;
    let words = [
        ("existing", &options.existing),
        ("federated", &options.federated),
        ("unconfirmed", &options.unconfirmed),
        ("method", &options.method),
        ("passwords", &options.passwords),
        ("oldSubAttribute", &options.old_sub_attribute),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            input[name] = word.as_str().into();
        }
    }
    if let Some(days) = &options.sub_map_retention {
        // The input refuses any text but its word.
        input["subMapRetention"] = days.parse::<u64>().map_or_else(|_| days.as_str().into(), Value::from);
    }
    if let Some(roles) = &options.group_roles {
        input["groupRoles"] = group_roles::value(roles)?;
    }
    let selection = &args.selection;
    let sides = [
        ("select", [&selection.user, &selection.email, &selection.sub, &selection.group]),
        (
            "except",
            [&selection.except_user, &selection.except_email, &selection.except_sub, &selection.except_group],
        ),
    ];
    for (side, lists) in sides {
        let options = options_of(side).into_iter();
        for ((name, option), list) in
            ["usernames", "emails", "subs", "groups"].into_iter().zip(options).zip(lists)
        {
            for text in list {
                require_name(&option, name, text)?;
            }
            if !list.is_empty() {
                input[side][name] = list.as_slice().into();
            }
        }
    }
    let switches = [
        ("dryRun", args.plan),
        ("sendInvitations", options.send_invitations),
        ("acceptLosses", options.accept_losses),
        ("acceptShrunk", options.accept_shrunk),
        ("createMissingAttributes", options.create_missing_attributes),
    ];
    for (name, _) in switches.into_iter().filter(|(_, on)| *on) {
        input[name] = true.into();
    }
    Ok(input)
}

#[cfg(test)]
mod tests {
    use shared::model::{
        GroupRoles, ImportOptions, RestoreState, Selection, SubMapLifetime, TargetPool, Tps,
    };

    use super::*;
    use crate::output::flags::{sub_map_flag, to_flags};
    use crate::testing;

    fn read_with(
        pool: &str,
        into: &str,
        snapshot: &str,
        tps: Option<&str>,
        options: OptionArgs,
    ) -> Result<Request> {
        let run = RunArgs { tps: tps.map(str::to_owned), ..RunArgs::default() };
        let [pool, into, snapshot] = [pool, into, snapshot].map(str::to_owned);
        let args = ImportArgs {
            pool,
            into,
            snapshot,
            plan: false,
            selection: SelectionArgs::default(),
            options,
            new_pool: NewPoolArgs::default(),
            run,
        };
        Request::read(&args, None)
    }

    fn read(pool: &str, into: &str, snapshot: &str, tps: Option<&str>) -> Result<Request> {
        read_with(pool, into, snapshot, tps, OptionArgs::default())
    }

    #[test]
    fn the_input_names_the_table_that_the_settings_name() {
        let request = |table: Option<&str>| {
            let args = ImportArgs {
                pool: "eu-west-1_a".to_owned(),
                into: "eu-west-1_b".to_owned(),
                snapshot: "latest".to_owned(),
                plan: true,
                selection: SelectionArgs::default(),
                options: OptionArgs::default(),
                new_pool: NewPoolArgs::default(),
                run: RunArgs::default(),
            };
            Request::read(&args, table).unwrap().json
        };
        assert_eq!(request(Some("second"))["table"], "second");
        assert_eq!(request(None).get("table"), None);
    }

    #[test]
    fn a_selection_reaches_the_state_machine_and_the_next_command() {
        const SUB: &str = "11111111-2222-3333-4444-555555555555";
        let names = |name: &str| vec![name.to_owned()];
        let selection = SelectionArgs {
            user: names("anna"),
            group: names("R&D's"),
            except_sub: names(SUB),
            ..Default::default()
        };
        let [pool, into, snapshot] = ["eu-west-1_a", "eu-west-1_b", "latest"].map(str::to_owned);
        let (run, new_pool, options) = (RunArgs::default(), NewPoolArgs::default(), OptionArgs::default());
        let args = ImportArgs { pool, into, snapshot, plan: true, selection, options, new_pool, run };
        let request = Request::read(&args, None).unwrap();
        assert_eq!(request.json["select"], json!({"usernames": ["anna"], "groups": ["R&D's"]}));
        assert_eq!(request.json["except"], json!({"subs": [SUB]}));
        assert!(request.input.dry_run && request.input.selection.digest().is_some());
        let again = to_flags(&ImportOptions::default(), &request.input.selection);
        assert_eq!(again, format!(r" --user anna --group 'R&D'\''s' --except-sub {SUB}"));
    }

    #[test]
    fn a_wrong_name_of_a_selection_is_named_by_its_option() {
        let read = |selection: SelectionArgs| {
            let [pool, into, snapshot] = ["eu-west-1_a", "eu-west-1_b", "latest"].map(str::to_owned);
            let (run, new_pool, options) =
                (RunArgs::default(), NewPoolArgs::default(), OptionArgs::default());
            let args = ImportArgs { pool, into, snapshot, plan: true, selection, options, new_pool, run };
            Request::read(&args, None).unwrap_err()
        };
        let list = |name: &str| vec!["anna".to_owned(), name.to_owned()];
        for (selection, says) in [
            (
                SelectionArgs { except_sub: vec!["anna".to_owned()], ..Default::default() },
                "--except-sub is no `sub`: 32 digits from 0 to f in five groups. The argument of --except-sub is \"anna\".",
            ),
            (
                SelectionArgs { group: list(" "), ..Default::default() },
                "--group is empty. The argument of --group is \" \".",
            ),
        ] {
            let problem = read(selection);
            assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4));
            assert_eq!(problem.message, says);
            assert!(problem.guidance.contains("cognito-backup import --help"), "{problem}");
        }
    }

    #[test]
    fn options_reach_the_state_machine_and_the_next_command() {
        let some = |word: &str| Some(word.to_owned());
        let options = || OptionArgs {
            existing: some("update"),
            federated: some("link"),
            method: some("api"),
            passwords: some("temporary"),
            send_invitations: true,
            accept_losses: true,
            accept_shrunk: true,
            create_missing_attributes: true,
            old_sub_attribute: some("custom:old_sub"),
            group_roles: some("skip"),
            unconfirmed: some("skip"),
            sub_map_retention: some("400"),
        };
        let request = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, options()).unwrap();
        assert_eq!(ImportInput::parse(&request.json), Ok(request.input.clone()));
        assert!(request.input.accept_shrunk);
        assert_eq!(
            to_flags(&request.input.options, &Selection::default()),
            " --existing update --federated link --unconfirmed skip --passwords temporary --send-invitations --group-roles skip --accept-losses \
             --create-missing-attributes --old-sub-attribute custom:old_sub"
        );
        assert_eq!(to_flags(&ImportOptions::default(), &Selection::default()), "");
        let by_jobs = OptionArgs { method: some("csv"), ..OptionArgs::default() };
        let by_jobs = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, by_jobs).unwrap();
        assert_eq!(to_flags(&by_jobs.input.options, &Selection::default()), " --method csv");
        let wrong = OptionArgs { existing: some("overwrite"), ..options() };
        let problem = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, wrong).unwrap_err();
        assert_eq!(problem.error, "InvalidInput");
        assert!(problem.message.starts_with("--existing has a wrong value; it can be"), "{problem}");
        let partial = testing::restore(RestoreState::Partial);
        assert!(!partial.is_continued_by(&request.input), "other options make another restore");
    }

    #[test]
    fn the_retention_of_the_sub_map_is_a_number_of_days_or_forever() {
        let read = |days: &str| {
            let options = OptionArgs { sub_map_retention: Some(days.to_owned()), ..OptionArgs::default() };
            read_with("eu-west-1_a", "eu-west-1_b", "latest", None, options)
        };
        for (typed, sent) in [("90", json!(90)), ("3650", json!(3650)), ("forever", json!("forever"))] {
            let request = read(typed).unwrap();
            assert_eq!(request.json["subMapRetention"], sent);
            let again = sub_map_flag(request.input.sub_map_lifetime);
            assert_eq!(again, format!(" --sub-map-retention {typed}"));
        }
        assert_eq!(sub_map_flag(SubMapLifetime::default()), "");
        for wrong in ["", "0", "-1", "89", "3651", "90.5", "never", "90 days"] {
            let problem = read(wrong).unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4), "{wrong}");
            assert!(problem.guidance.contains("--sub-map-retention"), "{problem}");
        }
    }

    #[test]
    fn a_yaml_file_maps_the_roles_of_groups() {
        let folder = std::env::temp_dir().join(format!("group-roles-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let read = |text: &str| {
            let file = folder.join("roles.yaml");
            std::fs::write(&file, text).unwrap();
            let group_roles = Some(file.to_str().unwrap().to_owned());
            let options = OptionArgs { group_roles, ..OptionArgs::default() };
            read_with("eu-west-1_a", "eu-west-1_b", "latest", None, options)
        };
        let (old, new) = ("arn:aws:iam::111122223333:role/old", "arn:aws:iam::444455556666:role/new");
        let expected = GroupRoles::Map([(old.to_owned(), new.to_owned())].into());
        for text in [
            format!("{old}: {new}\n"),
            format!("# roles\nmap:\n  \"{old}\": '{new}'\n"),
            json!({"map": {old: new}}).to_string(),
        ] {
            assert_eq!(read(&text).unwrap().input.options.group_roles, expected, "{text}");
        }
        for (text, says) in [
            (
                format!("# roles\n{old}: {new}\n{old}: {new}\n"),
                &*format!(
                    "Line 3 of the file FILE of --group-roles has the key {old:?} again, which stands above."
                ),
            ),
            (
                format!("map:\n  {old}: {new}\n  {old}: {new}\n"),
                &format!("Line 3 of the file FILE of --group-roles has the key {old:?} again"),
            ),
            (
                "map: {}\nmap: {}\n".to_owned(),
                "Line 2 of the file FILE of --group-roles has the key \"map\" again",
            ),
            (format!("{old}: {new}\n]\n"), "Line 2 of the file FILE of --group-roles is no YAML."),
            (String::new(), "The file FILE of --group-roles is empty."),
            ("- x".to_owned(), "The file FILE of --group-roles holds a list"),
            (
                "old: new".to_owned(),
                "Line 1 of the file FILE of --group-roles names \"old\", which is no ARN of an IAM role.",
            ),
            (
                format!("{old}: {new}\n\n\"{new}\": 7\n"),
                &format!("Line 3 of the file FILE of --group-roles maps {new} to no text."),
            ),
            (
                format!("map:\n  {old}: {new}\n  {new}:\n    old\n"),
                &format!(
                    "Line 3 of the file FILE of --group-roles maps {new} to \"old\", which is no ARN of an IAM role."
                ),
            ),
            (
                format!("map:\n  {old}: {new}\nmore: 1\n"),
                "Line 3 of the file FILE of --group-roles has \"more\" beside map.",
            ),
        ] {
            let problem = read(&text).unwrap_err();
            let message = problem.message.replace(&format!("{:?}", folder.join("roles.yaml")), "FILE");
            assert!(problem.error == "InvalidInput" && message.contains(says), "{text}: {problem}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        let missing = OptionArgs { group_roles: Some("no such file".to_owned()), ..OptionArgs::default() };
        let problem = read_with("eu-west-1_a", "eu-west-1_b", "latest", None, missing).unwrap_err();
        assert!(problem.message.contains("cannot be read"), "{problem}");
    }

    #[test]
    fn wrong_arguments_are_named_errors() {
        let (a, b) = ("eu-west-1_a", "eu-west-1_b");
        for (wrong, error) in [
            (read("nonsense", b, "latest", None), "InvalidInput"),
            (read(a, "b", "latest", None), "InvalidInput"),
            (read(a, b, "newest", None), "InvalidInput"),
            (read(a, b, "latest", Some("1000")), "InvalidInput"),
            (read(a, a, "latest", None), "TargetIsSource"),
        ] {
            let problem = wrong.unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status.code()), (error, 4));
        }
        for existing in ["skip", "update"] {
            let options = OptionArgs { existing: Some(existing.to_owned()), ..OptionArgs::default() };
            let read = read_with(a, a, "latest", None, options).unwrap();
            assert_eq!(read.input.target_pool(), TargetPool::Own);
        }
        assert_eq!(
            read(a, b, "20261121T020000123Z-1a2b3c4d", Some("9")).unwrap().input.tps.map(Tps::get),
            Some(9)
        );
    }
}

//! Goal: each command of the command line works with the managed policies for its people, and no policy allows more than
//! its commands make.
//!
//! Method: deploy to a local AWS with the CDK, with everything that adds calls: a retention, secrets, import jobs, repairs,
//! a second Region, and copies between two accounts. Run every command through a recorder. Compare the calls with
//! `statemachines/operations.json`, evaluate them under the policies as deployed, and do the same for the functions.

mod manifest;
mod pools;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_sfn as sfn;
use local::aws::{self, REGION, SECONDARY_REGION};
use local::policy::{Access, ENCRYPTION_CONTEXT, Policies, VIA_SERVICE};
use local::population::{self, SignIn};
use local::provision::{self, ConfigurationKeys, Options};
use local::recorder::{Action, Call, Recorder};
use local::{build, paths, roles};
use serde_json::{Value, json};
use shared::model::Operation;
use shared::model::configuration::rebuild::creation_writes;
use tests::deployed::{ACCOUNT, CdkDeployment, EmptyAws, GROUP_ROLES, is_cdk_installed, notice_without_cdk};
use tests::operator::Operator;

use manifest::Rights;
use pools::{DOMAIN, RichPool};

/// The name of the deployment.
const NAME: &str = "cognito-backup";
/// The other account of copies, with a deployment of its own.
const OTHER_ACCOUNT: &str = "222222222222";
const EXTERNAL_ID: &str = "migration";

/// The managed policies that a command takes.
const POLICIES: [(&str, &[&str]); 18] = [
    ("completions", &[]),
    ("copy (destination)", &["Copier"]),
    ("copy (source)", &["Copier"]),
    ("export", &["Operator"]),
    ("import", &["Operator"]),
    ("import --into new:", &["Viewer", "Operator", "Configurator"]),
    ("man", &[]),
    ("pool apply", &["Configurator"]),
    ("pool create", &["Configurator"]),
    ("pool diff", &["Viewer"]),
    ("pool finish", &["Configurator"]),
    ("pool show", &["Viewer"]),
    ("pool show --secrets", &["Configurator"]),
    ("prune", &["Pruner"]),
    ("snapshots", &["Viewer"]),
    ("status", &["Viewer"]),
    ("sub-map", &["Viewer"]),
    ("verify", &["Viewer"]),
];

/// The calls of a command in a Region of the deployment.
struct Run {
    command: &'static str,
    region: &'static str,
    calls: Vec<Call>,
}

/// Runs commands and keeps their calls.
struct People {
    operator: Operator,
    other: Operator,
    recorder: Recorder,
    calls: Arc<Mutex<Vec<Call>>>,
    runs: Vec<Run>,
}

impl People {
    async fn new(strict_url: &str) -> Result<Self> {
        let recorder = Recorder::start(strict_url).await?;
        let calls = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&calls);
        recorder.inject(move |call: &Call| {
            recorded.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
            Action::Forward
        });
        let operator = Operator::at(&recorder.url(), REGION, aws::ACCESS_KEY_ID).await?;
        let other = Operator::at(&recorder.url(), REGION, OTHER_ACCOUNT).await?;
        Ok(Self { operator, other, recorder, calls, runs: Vec::new() })
    }

    /// Runs a command of this kind. Returns what it printed: a JSON object, or a text.
    ///
    /// # Errors
    /// If the exit code is not `code`.
    async fn run(&mut self, command: &'static str, code: i32, arguments: &str) -> Result<Value> {
        let region = if arguments.contains(SECONDARY_REGION) { SECONDARY_REGION } else { REGION };
        let output = self.operator.run(arguments).await?;
        let calls = self.taken();
        self.runs.push(Run { command, region, calls });
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.code() == Some(code), "{arguments}\n{:?}\n{stdout}\n{stderr}", output.status);
        Ok(serde_json::from_str(&stdout).unwrap_or_else(|_| json!(stdout)))
    }

    /// Runs a command with `--json`.
    async fn json(&mut self, command: &'static str, code: i32, arguments: &str) -> Result<Value> {
        self.run(command, code, &format!("{arguments} --json")).await
    }

    /// Runs a copy for one of the accounts. Returns the calls at its other end, which it makes with a role.
    async fn copy(&mut self, is_at_source: bool, arguments: &str) -> Result<Vec<Call>> {
        let operator = if is_at_source { &self.operator } else { &self.other };
        operator.run_json(0, arguments).await?;
        let own_key = if is_at_source { aws::ACCESS_KEY_ID } else { OTHER_ACCOUNT };
        let (own, with_role): (Vec<_>, Vec<_>) =
            self.taken().into_iter().partition(|call| call.access_key_id == own_key);
        let (source, destination) =
            if is_at_source { (own, with_role.clone()) } else { (with_role.clone(), own) };
        for (command, calls) in [("copy (source)", source), ("copy (destination)", destination)] {
            ensure!(!calls.is_empty(), "{command} made no call");
            self.runs.push(Run { command, region: REGION, calls });
        }
        Ok(with_role)
    }

    fn taken(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A deployment, and the pools of the scenario.
struct Office {
    deployment: CdkDeployment,
    people: People,
    source: RichPool,
    cognito: cognito::Client,
}

impl Office {
    /// Deploys. None if the CDK is not installed.
    async fn open() -> Result<Option<Self>> {
        if !is_cdk_installed() {
            notice_without_cdk()?;
            return Ok(None);
        }
        let aws = EmptyAws::start().await?;
        let source = RichPool::create(&aws.strict_url()).await?;
        let settings = [
            ("UserPoolIds", source.id.as_str()),
            ("SecondaryRegion", SECONDARY_REGION),
            ("ExportFrequency", "cron(0 3 1 1 ? *)"),
            ("SnapshotMaxAgeHours", "0"),
            ("SnapshotRetention", "last=3"),
            ("CaptureConfiguration", "YES"),
            ("CognitoTPS", "200"),
            ("Architecture", "x86_64"),
            ("TrustedPrincipals", "\"222222222222\""),
            ("TrustedExternalId", EXTERNAL_ID),
            ("GroupRoleArns", GROUP_ROLES),
        ];
        aws.bootstrap(&settings).await?;
        let deployment = aws.deploy(&settings).await?;
        let people = People::new(&deployment.strict().url()).await?;
        let cognito = cognito::Client::new(&aws::config(&deployment.strict().url(), REGION));
        Ok(Some(Self { deployment, people, source, cognito }))
    }

    /// Exports often enough that the retention removes a snapshot. Looks at an export that runs. Returns the newest
    /// snapshot.
    async fn export(&mut self) -> Result<String> {
        let pool = &self.source.id;
        let people = &mut self.people;
        let slow = json!({"userPoolId": pool, "tps": 3});
        watch(&self.deployment, people, "ExportStateMachineArn", &slow).await?;
        let mut newest = String::new();
        for options in ["", " --capture-mfa", "", ""] {
            let exported =
                people.json("export", 0, &format!("export --pool {pool} --tps 200{options}")).await?;
            assert_eq!(exported["status"], "SEALED", "{exported}");
            exported["snapshotId"].as_str().context("no snapshot")?.clone_into(&mut newest);
        }
        people.json("snapshots", 0, &format!("snapshots --pool {pool}")).await?;
        Ok(newest)
    }

    /// Imports into a pool by calls, into one by an import job, and into the pool itself.
    async fn import(&mut self, snapshot: &str) -> Result<()> {
        let pool = &self.source.id;
        let people = &mut self.people;
        let target = population::create_pool_for_jobs(&self.cognito, "target", SignIn::Username).await?;
        let of_jobs = population::create_pool_for_jobs(&self.cognito, "jobs", SignIn::Username).await?;
        let import = |target: &str, options: &str| {
            format!("import --pool {pool} --into {target} --tps 200 --create-missing-attributes{options}")
        };
        let refused = people.json("import", 4, &import(&target, "")).await?;
        assert_eq!(refused["error"], "PoolNotTagged", "{refused}");
        for target in [&target, &of_jobs] {
            self.deployment.tag(target, Some("target")).await?;
        }
        people.json("import", 0, &import(&target, " --plan")).await?;
        people.run("import", 0, &import(&target, "")).await?;
        people
            .json("import", 0, &import(&target, &format!(" --existing skip --snapshot {snapshot}")))
            .await?;
        people.json("import", 0, &import(&of_jobs, " --method csv")).await?;
        let left =
            self.cognito.list_users().user_pool_id(pool).limit(1).send().await?.users.unwrap_or_default();
        let username = left[0].username().unwrap_or_default();
        let sub = left[0].attributes().iter().find(|attribute| attribute.name() == "sub");
        let sub = sub.and_then(|sub| sub.value()).context("no sub")?;
        self.cognito.admin_delete_user().user_pool_id(pool).username(username).send().await?;
        self.deployment.tag(pool, Some("repair")).await?;
        // The command line stores the selection in the table.
        let selecting = format!(" --existing skip --sub {sub}");
        let repaired = people.json("import", 0, &import(pool, &selecting)).await?;
        assert_eq!(repaired["users"]["created"], 1, "{repaired}");
        self.deployment.tag(pool, None).await?;

        let status = people.json("status", 0, "status").await?;
        let execution = status["executions"][0]["executionArn"].as_str().context("no execution")?;
        people.json("status", 0, &format!("status --execution {execution}")).await?;
        people.json("status", 0, &format!("status --execution {execution} --wait")).await?;
        for pool in [pool, &target] {
            let of_pool = people.json("status", 0, &format!("status --pool {pool}")).await?;
            assert!(of_pool.is_object(), "{of_pool}");
        }
        people.run("sub-map", 0, &format!("sub-map --into {target} --format csv")).await?;
        people.run("sub-map", 0, &format!("sub-map --into {pool}")).await?;
        for target in [&target, &of_jobs, pool] {
            people.json("verify", 0, &format!("verify --pool {pool} --against {target} --tps 200")).await?;
        }
        let by_id = format!("verify --snapshot {snapshot} --against {target} --tps 200");
        people.json("verify", 0, &by_id).await?;
        let restores = people.json("status", 0, &format!("status --pool {target}")).await?;
        let restore = restores["restores"][0]["restoreId"].as_str().context("no restore")?;
        people.run("sub-map", 0, &format!("sub-map --into {target} --restore {restore}")).await?;

        let slow_target = population::create_pool_for_jobs(&self.cognito, "slow", SignIn::Username).await?;
        self.deployment.tag(&slow_target, Some("target")).await?;
        let slow = json!({"sourceUserPoolId": pool, "targetUserPoolId": slow_target, "tps": 8, "createMissingAttributes": true});
        watch(&self.deployment, people, "ImportStateMachineArn", &slow).await?;
        Ok(())
    }

    /// Imports in the second Region, and looks at everything there.
    async fn in_second_region(&mut self) -> Result<()> {
        let pool = &self.source.id;
        let people = &mut self.people;
        let cognito = cognito::Client::new(&aws::config(&self.deployment.strict().url(), SECONDARY_REGION));
        let target = population::create_pool(&cognito, "target").await?;
        self.deployment.tag(&target, Some("target")).await?;
        let there = format!("--region {SECONDARY_REGION}");
        let import =
            format!("import --pool {pool} --into {target} --tps 200 --create-missing-attributes {there}");
        people.json("import", 0, &import).await?;
        people.json("snapshots", 0, &format!("snapshots --pool {pool} {there}")).await?;
        people.json("status", 0, &format!("status {there}")).await?;
        people.run("sub-map", 0, &format!("sub-map --into {target} {there}")).await?;
        people
            .json("verify", 0, &format!("verify --pool {pool} --against {target} --tps 200 {there}"))
            .await?;
        people.json("pool show", 0, &format!("pool show --pool {pool} {there}")).await?;
        Ok(())
    }

    /// Shows and compares the configuration, rolls changes of everything back, and creates pools from it.
    async fn configure(&mut self, snapshot: &str) -> Result<()> {
        let pool = &self.source.id;
        let people = &mut self.people;
        let of_snapshot = format!("--pool {pool} --snapshot {snapshot}");
        for which in [&format!("--pool {pool}"), &of_snapshot] {
            people.json("pool show", 0, &format!("pool show {which}")).await?;
            people.json("pool show --secrets", 0, &format!("pool show {which} --secrets")).await?;
            people.json("pool diff", 0, &format!("pool diff {which} --tps 200")).await?;
        }
        people.run("pool show", 0, &format!("pool show --pool {pool} --format cloudformation")).await?;
        let diff = format!("pool diff {of_snapshot} --tps 200");
        let allow = "mfa-off,add-ons,tier,lost-secret,lost-logo,unknown-members";
        let apply = format!("pool apply --pool {pool} --tps 200 --yes --recreate-clients --allow {allow}");
        let to_snapshot = format!("{apply} --snapshot {snapshot}");

        // The export keeps no secrets, so the roll back completes its records.
        self.source.drift().await?;
        let without = format!("export --pool {pool} --tps 200 --capture-secrets false");
        let drifted = people.json("export", 0, &without).await?;
        let drifted = drifted["snapshotId"].as_str().context("no snapshot")?;
        people.json("pool diff", 3, &format!("pool diff {of_snapshot} --against {drifted}")).await?;
        people.json("pool diff", 3, &diff).await?;
        people.json("pool apply", 0, &format!("{to_snapshot} --plan")).await?;
        people.json("pool apply", 0, &to_snapshot).await?;
        people.json("pool diff", 0, &diff).await?;

        self.source.lose().await?;
        let applied = people.json("pool apply", 0, &to_snapshot).await?;
        let capture = applied["before"]["captureId"].as_str().context("no capture")?.to_owned();
        let back = format!("{apply} --snapshot {capture} --delete-extra");
        for line in [&back, &to_snapshot] {
            let applied = people.json("pool apply", 0, line).await?;
            assert_eq!(applied["changed"], true, "{applied}");
        }
        people.json("prune", 0, &format!("prune --pool {pool} --snapshot {capture}")).await?;

        let folder = tempfile::tempdir()?;
        let map = |domain: &str| -> Result<String> {
            let file = folder.path().join(domain);
            std::fs::write(&file, format!("domains: {{{DOMAIN}: {domain}}}\n"))?;
            Ok(file.display().to_string())
        };
        let create =
            format!("pool create {of_snapshot} --name second --map {} --tps 200 --yes", map("second-login")?);
        // A resource server that is refused at first: its clients get its scopes later.
        let limit = |servers| {
            self.deployment.strict().change_settings(|all| all.configuration.max_resource_servers = servers);
        };
        limit(0);
        people.json("pool create", 3, &create).await?;
        limit(25);
        let created = people.json("pool create", 0, &create).await?;
        let new = created["userPoolId"].as_str().context("no id")?.to_owned();
        people.json("pool finish", 0, &format!("pool finish --pool {new} --yes")).await?;
        // Its name and its domain differ.
        people.json("pool diff", 3, &format!("pool diff {of_snapshot} --against {new} --tps 200")).await?;

        // The tag is on the new pool until the command finishes it.
        let began = Instant::now();
        let import =
            format!("import {of_snapshot} --into new:third --map {} --tps 200 --yes", map("third-login")?);
        let done = people.json("import --into new:", 0, &import).await?;
        let new = done["creation"]["userPoolId"].as_str().context("no id")?;
        self.deployment.note_tag(began, new, Some("target"));
        self.deployment.note_tag(Instant::now(), new, None);
        Ok(())
    }

    /// Copies a snapshot to the other account: first by its own operator with the reader role, then from here with the
    /// secrets. Returns the calls with the reader role, and the keys of the other account.
    async fn copy(&mut self, snapshot: &str) -> Result<(Vec<Call>, ConfigurationKeys)> {
        let executables = build::functions(build::Output::Quiet).await?;
        let options = Options { access_key_id: OTHER_ACCOUNT.into(), ..Options::default() };
        let server = self.deployment.emulator().server();
        let other = provision::deploy(server, &executables, &options).await?;
        let keys = ConfigurationKeys::create(OTHER_ACCOUNT, &self.deployment.endpoint_url()).await?;
        let pool = &self.source.id;
        let reader = self.deployment.output("cognito-backup-runs", "ReaderRoleArn")?;
        let copy = format!("copy --snapshot {snapshot} --to-table {}", other.backup_table);
        let with_reader =
            format!("{copy} --pool {pool} --from-role {reader} --from-external-id {EXTERNAL_ID}");
        let of_reader = self.people.copy(false, &with_reader).await?;
        let role = format!("arn:aws:iam::{OTHER_ACCOUNT}:role/cognito-backup-copy");
        let ConfigurationKeys { key, mac_key } = &keys;
        let secrets = format!("--configuration-key {key} --configuration-mac-key {mac_key}");
        self.people.copy(true, &format!("{copy} --assume-role {role} {secrets}")).await?;
        Ok((of_reader, keys))
    }

    /// Removes snapshots, and runs the commands that call no AWS.
    async fn tidy(&mut self) -> Result<()> {
        let pool = &self.source.id;
        let people = &mut self.people;
        people.json("prune", 0, &format!("prune --pool {pool} --keep-last 1 --plan")).await?;
        let removed = people.json("prune", 0, &format!("prune --pool {pool} --keep-last 1")).await?;
        assert_eq!(removed["removed"]["snapshots"], 2, "{removed}");
        people.run("completions", 0, "completions bash").await?;
        let folder = tempfile::tempdir()?;
        people.run("man", 0, &format!("man --output {}", folder.path().display())).await?;
        Ok(())
    }

    /// The managed policies, by Region and title.
    async fn policies(&self) -> Result<BTreeMap<(&'static str, &'static str), Policies>> {
        let mut policies = BTreeMap::new();
        let titles: BTreeSet<_> = POLICIES.iter().flat_map(|(_, titles)| titles.iter().copied()).collect();
        for (region, stack) in
            [(REGION, "cognito-backup-runs"), (SECONDARY_REGION, "cognito-backup-secondary")]
        {
            for title in &titles {
                let arn = self.deployment.output(stack, &format!("{title}PolicyArn"))?;
                let policy = roles::managed_policy(&self.deployment.endpoint_url(), arn).await?;
                policies.insert((region, *title), policy);
            }
        }
        Ok(policies)
    }

    /// The accesses of some calls of a command. The copy into the other account uses its keys: they stand for those of a
    /// deployment there, whose policies would be the same as here.
    fn accesses(&self, calls: &[Call], other_keys: &ConfigurationKeys) -> Result<HashSet<Access>> {
        let own = |name: &str| self.deployment.output("cognito-backup", name).map(str::to_owned);
        let (key, mac) = (own("ConfigurationKeyArn")?, own("ConfigurationMacKeyArn")?);
        let mut accesses = HashSet::new();
        for call in calls {
            for mut access in Access::of_call(call, &call.region, ACCOUNT)? {
                if access.resource == other_keys.key {
                    access.resource.clone_from(&key);
                }
                if access.resource == other_keys.mac_key {
                    access.resource.clone_from(&mac);
                }
                accesses.insert(access);
            }
        }
        Ok(accesses)
    }

    /// The use of keys by DynamoDB and Step Functions with the rights of the caller.
    async fn further(&self, rights: &Rights, region: &'static str) -> Result<Vec<Access>> {
        let key = async |alias: &str| {
            ConfigurationKeys::arn_of_alias(
                &self.deployment.endpoint_url(),
                region,
                &format!("alias/{NAME}-{alias}"),
            )
            .await
        };
        let (table, runs) = (key("table").await?, key("runs").await?);
        let on_table = rights.on_table_key().into_iter().map(|action| {
            Access::new(format!("kms:{action}"), &table)
                .with_context(VIA_SERVICE, format!("dynamodb.{region}.amazonaws.com"))
        });
        let on_runs = rights.on_runs_key().into_iter().flat_map(|action| {
            let of_machine = |machine: &str| {
                let arn = format!("arn:aws:states:{region}:{ACCOUNT}:stateMachine:{NAME}-{machine}");
                Access::new(format!("kms:{action}"), &runs)
                    .with_context(format!("{ENCRYPTION_CONTEXT}aws:states:stateMachineArn"), arn)
            };
            rights.machines().map(of_machine).collect::<Vec<_>>()
        });
        Ok(on_table.chain(on_runs).collect())
    }

    /// What the policies for people forbid of the calls, and what they allow although no command calls it.
    async fn findings(&self, other_keys: &ConfigurationKeys) -> Result<Vec<String>> {
        let policies = self.policies().await?;
        let mut findings = Vec::new();
        let mut made: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for Run { command, region, calls } in &self.people.runs {
            let titles = POLICIES.iter().find(|(name, _)| name == command).context("an unknown command")?.1;
            let all = titles
                .iter()
                .fold(Policies::default(), |all, title| all.and(policies[&(*region, *title)].clone()));
            let accesses = self.accesses(calls, other_keys)?;
            let further = self.further(&Rights::of(&accesses)?, region).await?;
            for access in accesses.iter().chain(&further) {
                // GetCallerIdentity needs no permission. A role of another account is its owner's to name.
                if !access.action.starts_with("sts:") && !all.allow(access)? {
                    findings.push(format!(
                        "the policies {titles:?} in {region} forbid a call of {command}: {access:?}"
                    ));
                }
                for title in titles {
                    made.entry(title).or_default().insert(access.action.clone());
                }
            }
        }
        for ((region, title), policy) in &policies {
            for service in ["cognito-idp", "dynamodb", "states", "wafv2"] {
                for action in policy.allowed_actions(service) {
                    // The guide stops a run with the AWS CLI.
                    let is_of_guide = action == "states:StopExecution" || action == ABOVE_LIMIT_ACTION;
                    if !is_of_guide && !made.get(title).is_some_and(|made| made.contains(&action)) {
                        findings.push(format!(
                            "the policy {title} in {region} allows {action}, which no command makes"
                        ));
                    }
                }
            }
        }
        Ok(findings)
    }

    /// The same for the roles of functions. The calls to Cognito that these users need no more are those that the tests of
    /// steps have recorded.
    async fn findings_of_functions(&self) -> Result<Vec<String>> {
        let recorded = std::fs::read_to_string(paths::workspace().join("statemachines/operations.json"))?;
        let recorded: Value = serde_json::from_str(&recorded)?;
        let made: BTreeSet<String> = recorded["functions"]
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(_, rights)| rights["cognito-idp"].as_array().cloned().unwrap_or_default())
            .filter_map(|action| Some(format!("cognito-idp:{}", action.as_str()?)))
            .collect();
        let mut findings = Vec::new();
        for ((region, name), function) in &self.deployment.functions {
            let policies = self.deployment.policies(region, name).await?;
            for access in self.deployment.accesses(function)? {
                if !policies.allow(&access)? {
                    findings.push(format!(
                        "the role of {name} in {region} forbids a call of the function: {access:?}"
                    ));
                }
            }
            for action in policies
                .allowed_actions("cognito-idp")
                .difference(&made)
                .filter(|action| *action != "cognito-idp:*")
            {
                findings
                    .push(format!("the role of {name} in {region} allows {action}, which no function makes"));
            }
        }
        Ok(findings)
    }
}

/// Starts a slow execution, as another operator does, and watches it.
async fn watch(deployment: &CdkDeployment, people: &mut People, machine: &str, input: &Value) -> Result<()> {
    let sfn = sfn::Client::new(&aws::config(&deployment.endpoint_url(), REGION));
    let machine = deployment.output("cognito-backup-runs", machine)?;
    let started = sfn.start_execution().state_machine_arn(machine).input(input.to_string()).send().await?;
    let execution = started.execution_arn;
    people.json("status", 0, "status").await?;
    people.run("status", 0, &format!("status --execution {execution} --wait")).await?;
    Ok(())
}

/// A creation calls it for attributes above the limit of CreateUserPool. The local AWS never has so many.
const ABOVE_LIMIT: Operation = Operation::AddCustomAttributes;
const ABOVE_LIMIT_ACTION: &str = "cognito-idp:AddCustomAttributes";

/// The writes that no roll back makes: a pool is not created, and the secrets of a client and the attributes of a pool stay.
const NEVER_ROLLED_BACK: [Operation; 4] = [
    Operation::AddCustomAttributes,
    Operation::AddUserPoolClientSecret,
    Operation::CreateUserPool,
    Operation::DeleteUserPoolClientSecret,
];

/// What the commands can call and the scenario does not make them call. Their policies would lack these permissions.
fn lacking_operations(commands: &BTreeMap<&str, Rights>) -> Vec<String> {
    let reads = Operation::ALL.iter().copied().filter(|operation| operation.reads_configuration());
    let writes = Operation::ALL.iter().copied().filter(|operation| operation.writes_configuration());
    let rolled_back = writes.filter(|operation| !NEVER_ROLLED_BACK.contains(operation));
    let looks = [Operation::ListUserImportJobs, Operation::ListPointInTimeRecoveries];
    let all = [
        ("pool diff", commands["pool diff"].lacks(reads.clone())),
        // The policy also has the operations of the finish.
        (
            "pool create",
            commands["pool create"]
                .lacks(creation_writes().into_iter().filter(|one| *one != Operation::UpdateUserPool)),
        ),
        ("pool apply", commands["pool apply"].lacks(reads.chain(rolled_back).chain(looks))),
    ];
    let lacking = all.into_iter().filter(|(_, lacking)| !lacking.is_empty());
    lacking.map(|(command, lacking)| format!("nothing here makes {command} call {lacking:?}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_works_with_the_policies_for_its_people_and_no_policy_allows_more() -> Result<()> {
    let Some(mut office) = Office::open().await? else { return Ok(()) };
    let snapshot = office.export().await?;
    office.import(&snapshot).await?;
    office.in_second_region().await?;
    office.configure(&snapshot).await?;
    let (of_reader, other_keys) = office.copy(&snapshot).await?;
    office.tidy().await?;

    let mut commands: BTreeMap<_, HashSet<Access>> =
        POLICIES.iter().map(|(command, _)| (*command, HashSet::new())).collect();
    for run in &office.people.runs {
        let accesses = office.accesses(&run.calls, &other_keys)?;
        commands.get_mut(run.command).context("an unknown command")?.extend(accesses);
    }
    let commands = commands.into_iter().map(|(command, accesses)| Ok((command, Rights::of(&accesses)?)));
    let mut commands: BTreeMap<_, _> = commands.collect::<Result<_>>()?;
    commands.get_mut("pool create").context("no creation")?.add(ABOVE_LIMIT);
    manifest::compare(&commands)?;

    let mut findings = lacking_operations(&commands);
    findings.extend(office.findings(&other_keys).await?);
    findings.extend(office.findings_of_functions().await?);
    let reader = office.deployment.output("cognito-backup-runs", "ReaderRoleArn")?;
    let reader = roles::policies(&office.deployment.endpoint_url(), reader).await?;
    for access in office.accesses(&of_reader, &other_keys)? {
        if !reader.allow(&access)? {
            findings.push(format!("the reader role forbids a call of a copy: {access:?}"));
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
    drop(office.people.recorder);
    Ok(())
}

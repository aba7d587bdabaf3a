//! The deployment of `cdk/` in a local AWS, made by the CDK's own command line, in both Regions.
//!
//! Each function has its own recorder. So a test can compare the calls of a function with the rights of its
//! role.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sfn as sfn;
use local::aws::{self, REGION, SECONDARY_REGION};
use local::build::{self, Executables};
use local::emulator::{Emulator, Settings};
use local::executions::{self, Outcome};
use local::policy::{Access, Policies};
use local::recorder::{Action, Call, Recorder};
use local::strict::StrictProxy;
use local::{paths, provision, roles};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

/// The account of the local AWS.
pub const ACCOUNT: &str = "000000000000";

/// The logical id of a resource that cannot be created. `cdk/test/local-aws.ts` adds it to a stack.
const FAILING_RESOURCE: &str = "FailingResource";

/// The tag that opens a pool to imports.
pub const TAG: &str = "cognito-backup";

/// The roles of the groups that [`local::population`] makes, as a setting.
pub const GROUP_ROLES: &str = "arn:aws:iam::123456789012:role/admins,arn:aws:iam::123456789012:role/editors,arn:aws:iam::123456789012:role/path/research";

/// The functions of the deployment, by Region.
const FUNCTIONS: [(&str, &[&str]); 2] = [
    (
        REGION,
        &[
            "cognito-backup-export-enumerate",
            "cognito-backup-export-page",
            "cognito-backup-export-finalize",
            "cognito-backup-import-enumerate",
            "cognito-backup-import-page",
            "cognito-backup-import-finalize",
            "cognito-backup-remove",
        ],
    ),
    (
        SECONDARY_REGION,
        &["cognito-backup-import-enumerate", "cognito-backup-import-page", "cognito-backup-import-finalize"],
    ),
];

/// A deployment by the CDK in an emulator. The emulator stops when this value is dropped.
pub struct CdkDeployment {
    /// The functions, by Region and name.
    pub functions: BTreeMap<(&'static str, &'static str), Function>,
    /// The outputs of the stacks, by stack name.
    pub outputs: Value,
    emulator: Emulator,
    strict: StrictProxy,
    /// Each change of the tag of a pool: when, the ARN of the pool, and the new value.
    tagged: Mutex<Vec<(Instant, String, Option<String>)>>,
}

/// A function of the deployment.
pub struct Function {
    /// The Region of the function.
    pub region: &'static str,
    calls: Arc<Mutex<Vec<Call>>>,
    recorder: Recorder,
}

/// A local AWS before the deployment, with the functions that the deployment will hold.
pub struct EmptyAws {
    emulator: Emulator,
    strict: StrictProxy,
    functions: BTreeMap<(&'static str, &'static str), Function>,
    /// The executables, and what the CDK writes.
    folder: TempDir,
}

impl EmptyAws {
    /// Starts an empty emulator, and the strict proxy in front of it.
    ///
    /// # Errors
    /// If the emulator or the proxy does not start, or a function does not build.
    pub async fn start() -> Result<Self> {
        let emulator = Emulator::start(Settings { skip_waits: true, ..Settings::default() }).await?;
        let strict = StrictProxy::start(&emulator.server().endpoint_url()).await?;
        let folder = tempfile::tempdir()?;
        copy_functions(&build::functions(build::Output::Quiet).await?, folder.path())?;
        let mut functions = BTreeMap::new();
        for (region, names) in FUNCTIONS {
            for name in names {
                functions.insert((region, *name), Function::start(region, &strict.url()).await?);
            }
        }
        Ok(Self { emulator, strict, functions, folder })
    }

    /// The URL at which every service answers.
    pub fn endpoint_url(&self) -> String {
        self.emulator.server().endpoint_url()
    }

    /// The URL of the strict proxy, in front of every service.
    pub fn strict_url(&self) -> String {
        self.strict.url()
    }

    /// Prepares both Regions for the CDK.
    ///
    /// # Errors
    /// If the CDK fails. The message ends with its output.
    pub async fn bootstrap(&self, settings: &[(&str, &str)]) -> Result<()> {
        let environments = [REGION, SECONDARY_REGION].map(|region| format!("aws://{ACCOUNT}/{region}"));
        self.cdk(settings).bootstrap(&environments).await
    }

    /// Deploys the stacks, but the last resource of this stack cannot be created.
    ///
    /// # Errors
    /// If the deployment does not fail.
    pub async fn fail_to_deploy(&self, settings: &[(&str, &str)], failing_stack: &str) -> Result<()> {
        let cdk = Cdk { failing_stack, ..self.cdk(settings) };
        let result = cdk.deploy(&self.outputs_file()?).await;
        let error = result.err().with_context(|| format!("{failing_stack} was deployed"))?.to_string();
        ensure!(error.contains(FAILING_RESOURCE), "{failing_stack} failed for another reason: {error}");
        Ok(())
    }

    /// Deploys the stacks with these settings. Then adds the replica of the table, because the emulator's
    /// CloudFormation does not create it.
    ///
    /// # Errors
    /// If the CDK fails. The message ends with its output.
    pub async fn deploy(self, settings: &[(&str, &str)]) -> Result<CdkDeployment> {
        let outputs_file = self.outputs_file()?;
        self.cdk(settings).deploy(&outputs_file).await?;
        provision::replicate(aws::ACCESS_KEY_ID, &self.endpoint_url())
            .await
            .context("cannot add the replica")?;
        let outputs = serde_json::from_slice(&std::fs::read(outputs_file)?)?;
        let Self { emulator, strict, functions, folder: _ } = self;
        Ok(CdkDeployment { functions, outputs, emulator, strict, tagged: Mutex::default() })
    }

    fn outputs_file(&self) -> Result<String> {
        let path = self.folder.path().join("outputs.json");
        path.into_os_string().into_string().ok().context("the name of the temporary folder is not UTF-8")
    }

    fn cdk<'a>(&'a self, settings: &'a [(&'a str, &'a str)]) -> Cdk<'a> {
        let endpoints = self
            .functions
            .iter()
            .map(|((region, name), function)| (format!("{region}/{name}"), json!(function.recorder.url())));
        Cdk {
            endpoint_url: self.endpoint_url(),
            folder: self.folder.path(),
            endpoints: Value::Object(endpoints.collect()),
            settings,
            failing_stack: "",
        }
    }
}

impl CdkDeployment {
    /// The URL at which every service answers.
    pub fn endpoint_url(&self) -> String {
        self.emulator.server().endpoint_url()
    }

    /// An output of a stack.
    ///
    /// # Errors
    /// If the stack has no output with this name.
    pub fn output(&self, stack: &str, name: &str) -> Result<&str> {
        let output = self.outputs[stack][name].as_str();
        output.with_context(|| format!("stack {stack} has no output {name}: {}", self.outputs))
    }

    /// Invokes a function, as a schedule does, and returns its answer.
    ///
    /// # Errors
    /// If the function fails.
    pub async fn invoke(&self, region: &'static str, name: &str, event: &Value) -> Result<Value> {
        let lambda = aws_sdk_lambda::Client::new(&aws::config(&self.endpoint_url(), region));
        let invoked =
            lambda.invoke().function_name(name).payload(Blob::new(event.to_string())).send().await?;
        let answer = invoked.payload.map(Blob::into_inner).unwrap_or_default();
        ensure!(invoked.function_error.is_none(), "{name} failed: {}", String::from_utf8_lossy(&answer));
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Gives a pool the tag that opens it to imports, as an operator does, or takes it away.
    ///
    /// # Errors
    /// If Cognito refuses the call.
    pub async fn tag(&self, pool: &str, value: Option<&str>) -> Result<()> {
        let region = if pool.starts_with(SECONDARY_REGION) { SECONDARY_REGION } else { REGION };
        let cognito = cognito::Client::new(&aws::config(&self.strict.url(), region));
        let arn = pool_arn(pool);
        match value {
            Some(value) => drop(cognito.tag_resource().resource_arn(&arn).tags(TAG, value).send().await?),
            None => drop(cognito.untag_resource().resource_arn(&arn).tag_keys(TAG).send().await?),
        }
        let change = (Instant::now(), arn, value.map(str::to_owned));
        self.tagged.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        Ok(())
    }

    /// The distinct calls of a function so far, each on a pool with the tag that it had then.
    ///
    /// # Errors
    /// If the function called an unexpected service, or no resource.
    pub fn accesses(&self, function: &Function) -> Result<HashSet<Access>> {
        let tagged = self.tagged.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = function.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let mut accesses = HashSet::new();
        for call in calls.iter() {
            for access in Access::of_call(call, function.region, ACCOUNT)? {
                let mut before =
                    tagged.iter().filter(|(at, arn, _)| *at <= call.at && *arn == access.resource);
                let value = before.next_back().and_then(|(.., value)| value.clone());
                accesses.insert(access.with_tags(tags(value.as_deref())));
            }
        }
        Ok(accesses)
    }

    /// Notes that a pool had another value of the tag from a moment on, because a command gave it or took it away.
    pub fn note_tag(&self, from: Instant, pool: &str, value: Option<&str>) {
        let change = (from, pool_arn(pool), value.map(str::to_owned));
        let mut tagged = self.tagged.lock().unwrap_or_else(PoisonError::into_inner);
        tagged.push(change);
        tagged.sort_by_key(|(at, ..)| *at);
    }

    /// The strict proxy in front of every service.
    pub fn strict(&self) -> &StrictProxy {
        &self.strict
    }

    /// The emulator, for another account in it.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// The policies of a function's role.
    ///
    /// # Errors
    /// If the function or its role does not exist.
    pub async fn policies(&self, region: &'static str, name: &str) -> Result<Policies> {
        let lambda = aws_sdk_lambda::Client::new(&aws::config(&self.endpoint_url(), region));
        let configuration = lambda.get_function_configuration().function_name(name).send().await?;
        let role = configuration.role.with_context(|| format!("{name} has no role"))?;
        roles::policies(&self.endpoint_url(), &role).await
    }
}

impl Function {
    async fn start(region: &'static str, upstream: &str) -> Result<Self> {
        let recorder = Recorder::start(upstream).await?;
        let calls = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&calls);
        recorder.inject(move |call: &Call| {
            recorded.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
            Action::Forward
        });
        Ok(Self { region, calls, recorder })
    }
}

/// Waits until this many removals of the deployment have ended, and returns their outcomes, the newest first. The rule of
/// the deployment starts one for each sealed snapshot.
///
/// # Errors
/// If Step Functions cannot be asked, or if no removal begins and ends within a minute.
pub async fn removals(sfn: &sfn::Client, count: usize) -> Result<Vec<Outcome>> {
    let machine = format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:cognito-backup-removal");
    let begun = Instant::now();
    loop {
        let listed = sfn.list_executions().state_machine_arn(&machine).send().await?.executions;
        if listed.len() >= count {
            let mut outcomes = Vec::new();
            for execution in &listed {
                outcomes.push(executions::wait(sfn, &execution.execution_arn).await?);
            }
            return Ok(outcomes);
        }
        ensure!(begun.elapsed() < Duration::from_secs(60), "{} of {count} removals began", listed.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The ARN of a pool in the local AWS.
pub fn pool_arn(pool: &str) -> String {
    let region = pool.split('_').next().unwrap_or_default();
    format!("arn:aws:cognito-idp:{region}:{ACCOUNT}:userpool/{pool}")
}

/// The tags of a pool whose tag for imports has this value.
pub fn tags(value: Option<&str>) -> BTreeMap<String, String> {
    value.map(|value| (TAG.to_owned(), value.to_owned())).into_iter().collect()
}

/// Copies the functions to the paths at which the deployment looks for the output of cargo-lambda.
fn copy_functions(executables: &Executables, folder: &Path) -> Result<()> {
    let Executables { enumerate, export_page, import_page, finalize } = executables;
    for (name, executable) in [
        ("enumerate", enumerate),
        ("export-page", export_page),
        ("import-page", import_page),
        ("finalize", finalize),
    ] {
        std::fs::create_dir_all(folder.join(name))?;
        // The deployment checks the header of the executable, so a script does not work.
        std::fs::copy(executable, folder.join(name).join("bootstrap"))?;
    }
    Ok(())
}

/// The CDK's command line, in the version of the lock file of `cdk/`.
struct Cdk<'a> {
    endpoint_url: String,
    folder: &'a Path,
    endpoints: Value,
    settings: &'a [(&'a str, &'a str)],
    /// The stack with a resource that cannot be created. Empty: no stack.
    failing_stack: &'a str,
}

impl Cdk<'_> {
    async fn bootstrap(&self, environments: &[String]) -> Result<()> {
        let mut command = Command::new(paths::workspace().join("cdk/node_modules/.bin/cdk"));
        let config = format!("config={}", self.settings_file()?.display());
        command.arg("bootstrap").args(environments).args(["--context", &config]).args(self.options());
        self.run(command).await
    }

    /// Runs what `npm run deploy` runs, which also protects the table.
    async fn deploy(&self, outputs_file: &str) -> Result<()> {
        let mut command = Command::new("node");
        command.args(["--import", "tsx", "scripts/deploy.ts", "--no-build", "--yes", "--config"]);
        command
            .arg(self.settings_file()?)
            .arg("--")
            .args(self.options())
            .args(["--outputs-file", outputs_file]);
        self.run(command).await
    }

    /// Writes the file with the settings, and returns its path.
    fn settings_file(&self) -> Result<PathBuf> {
        let path = self.folder.join("settings.yaml");
        let lines: Vec<_> = self.settings.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        std::fs::write(&path, lines.join("\n"))?;
        Ok(path)
    }

    fn options(&self) -> Vec<OsString> {
        let mut options: Vec<OsString> = [
            "--app",
            "node --import tsx test/local-aws.ts",
            "--no-notices",
            "--no-version-reporting",
            "--no-lookups",
            "--output",
        ]
        .map(OsString::from)
        .into();
        options.push(self.folder.join("cdk.out").into());
        options
    }

    async fn run(&self, mut command: Command) -> Result<()> {
        command
            .current_dir(paths::workspace().join("cdk"))
            .env("AWS_ENDPOINT_URL", &self.endpoint_url)
            .env("AWS_ACCESS_KEY_ID", aws::ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", aws::SECRET_ACCESS_KEY)
            .env("AWS_REGION", REGION)
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .env("FUNCTIONS_FOLDER", self.folder)
            .env("FUNCTION_ENDPOINTS", self.endpoints.to_string())
            .env("FAILING_STACK", self.failing_stack)
            .stdin(Stdio::null());
        let Output { status, stdout, stderr } = command.output().await.context("cannot run the CDK")?;
        let output = [stdout, stderr].concat();
        let output = String::from_utf8_lossy(&output);
        let mut last_lines: Vec<&str> = output.lines().rev().take(40).collect();
        last_lines.reverse();
        ensure!(status.success(), "the CDK failed:\n{}", last_lines.join("\n"));
        Ok(())
    }
}

/// Whether the CDK's command line is installed. `npm ci` in `cdk/` installs it.
pub fn is_cdk_installed() -> bool {
    paths::workspace().join("cdk/node_modules/.bin/cdk").exists()
}

/// Says on the terminal that a scenario did not run, because the CDK is not installed.
///
/// # Errors
/// If standard error is closed.
pub fn notice_without_cdk() -> std::io::Result<()> {
    let notice = "\n!! NOT TESTED: deployments to the local AWS. To test it, run npm ci in cdk/.\n\n";
    // Not with eprintln!: its output is shown only if the test fails.
    std::io::stderr().write_all(notice.as_bytes())
}

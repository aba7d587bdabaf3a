//! The deployment of `cdk/`, brought to a local AWS by the CDK's own command line, in both Regions.
//!
//! Each function has a recorder of its own, so that what it asks for can be held against what its role allows.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use local::aws::{self, REGION, SECONDARY_REGION};
use local::build::{self, Executables};
use local::emulator::{Emulator, Settings};
use local::policy::{Access, Policies};
use local::recorder::{Action, Call, Recorder};
use local::strict::Strict;
use local::{paths, provision, roles};
use serde_json::{Value, json};
use tokio::process::Command;

/// The account of the local AWS.
pub const ACCOUNT: &str = "000000000000";

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
        ],
    ),
    (SECONDARY_REGION, &["cognito-backup-import-enumerate", "cognito-backup-import-page", "cognito-backup-import-finalize"]),
];

/// A deployment by the CDK in an emulator that ends with this value.
pub struct Deployed {
    /// The functions, by Region and name.
    pub functions: BTreeMap<(&'static str, &'static str), Function>,
    /// What the stacks say about themselves, by the name of the stack.
    pub outputs: Value,
    emulator: Emulator,
    _strict: Strict,
}

/// A function of the deployment.
pub struct Function {
    /// The Region it runs in.
    pub region: &'static str,
    heard: Arc<Mutex<Vec<Call>>>,
    recorder: Recorder,
}

/// A local AWS, before the deployment.
pub struct Bare {
    emulator: Emulator,
    strict: Strict,
}

impl Bare {
    /// Starts an emulator with nothing in it, and the strict Cognito in front of it.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn start() -> Result<Self> {
        let emulator = Emulator::start(Settings { skip_waits: true, ..Settings::default() }).await?;
        let strict = Strict::start(&emulator.server().endpoint_url()).await?;
        Ok(Self { emulator, strict })
    }

    /// Where every service answers.
    pub fn endpoint_url(&self) -> String {
        self.emulator.server().endpoint_url()
    }

    /// Bootstraps both Regions and deploys the stacks with these settings. The replica of the table is added afterwards, because
    /// CloudFormation in the emulator does not.
    ///
    /// # Errors
    /// When a function does not build, or the CDK fails; the message ends with what it said.
    pub async fn deploy(self, settings: &[(&str, &str)]) -> Result<Deployed> {
        let folder = tempfile::tempdir()?;
        lay_out(&build::functions(build::Output::Quiet).await?, folder.path())?;
        let mut functions = BTreeMap::new();
        let mut endpoints = serde_json::Map::new();
        for (region, names) in FUNCTIONS {
            for name in names {
                let function = Function::recorded(region, &self.strict.url()).await?;
                endpoints.insert(format!("{region}/{name}"), json!(function.recorder.url()));
                functions.insert((region, *name), function);
            }
        }
        let cdk = Cdk { endpoint_url: self.endpoint_url(), folder: folder.path(), endpoints: json!(endpoints), settings };
        let environments = [REGION, SECONDARY_REGION].map(|region| format!("aws://{ACCOUNT}/{region}"));
        cdk.run(&["bootstrap", &environments[0], &environments[1]]).await?;
        let outputs = folder.path().join("outputs.json");
        let outputs_file = outputs.to_str().context("the temporary folder has a strange name")?;
        cdk.run(&["deploy", "--all", "--require-approval", "never", "--outputs-file", outputs_file]).await?;
        provision::replicate(aws::ACCESS_KEY_ID, &self.endpoint_url()).await.context("cannot add the replica")?;
        let outputs = serde_json::from_slice(&std::fs::read(outputs)?)?;
        Ok(Deployed { functions, outputs, emulator: self.emulator, _strict: self.strict })
    }
}

impl Deployed {
    /// Where every service answers.
    pub fn endpoint_url(&self) -> String {
        self.emulator.server().endpoint_url()
    }

    /// An output of a stack.
    ///
    /// # Errors
    /// When the stack has no such output.
    pub fn output(&self, stack: &str, name: &str) -> Result<&str> {
        self.outputs[stack][name].as_str().with_context(|| format!("stack {stack} has no output {name}: {}", self.outputs))
    }

    /// Calls a function, as a schedule would, and returns its answer.
    ///
    /// # Errors
    /// When it fails.
    pub async fn call(&self, region: &'static str, name: &str, event: &Value) -> Result<Value> {
        let lambda = aws_sdk_lambda::Client::new(&aws::config(&self.endpoint_url(), region));
        let called = lambda.invoke().function_name(name).payload(Blob::new(event.to_string())).send().await?;
        let answer = called.payload.map(Blob::into_inner).unwrap_or_default();
        ensure!(called.function_error.is_none(), "{name} failed: {}", String::from_utf8_lossy(&answer));
        Ok(serde_json::from_slice(&answer)?)
    }

    /// The policies of a function's role.
    ///
    /// # Errors
    /// When the function or its role cannot be found.
    pub async fn policies(&self, region: &'static str, name: &str) -> Result<Policies> {
        let lambda = aws_sdk_lambda::Client::new(&aws::config(&self.endpoint_url(), region));
        let configuration = lambda.get_function_configuration().function_name(name).send().await?;
        let role = configuration.role.with_context(|| format!("{name} has no role"))?;
        roles::policies(&self.endpoint_url(), &role).await
    }
}

impl Function {
    async fn recorded(region: &'static str, upstream: &str) -> Result<Self> {
        let recorder = Recorder::start(upstream).await?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        recorder.inject(move |call: &Call| {
            hears.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
            Action::Forward
        });
        Ok(Self { region, heard, recorder })
    }

    /// What it asked for so far. Every call counts once, however often it was made.
    ///
    /// # Errors
    /// When it made a call that is none of its own.
    pub fn asked_for(&self) -> Result<HashSet<Access>> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().map(|call| Access::of(call, self.region, ACCOUNT)).collect()
    }
}

/// Puts the functions where the deployment looks for what cargo-lambda builds.
fn lay_out(executables: &Executables, folder: &Path) -> Result<()> {
    let Executables { enumerate, export_page, import_page, finalize } = executables;
    for (name, executable) in
        [("enumerate", enumerate), ("export-page", export_page), ("import-page", import_page), ("finalize", finalize)]
    {
        std::fs::create_dir_all(folder.join(name))?;
        let bootstrap = folder.join(name).join("bootstrap");
        std::fs::write(&bootstrap, build::bootstrap(executable))?;
        std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// The CDK's command line, as the lock file of `cdk/` has it.
struct Cdk<'a> {
    endpoint_url: String,
    folder: &'a Path,
    endpoints: Value,
    settings: &'a [(&'a str, &'a str)],
}

impl Cdk<'_> {
    async fn run(&self, arguments: &[&str]) -> Result<()> {
        let home = paths::workspace().join("cdk");
        let mut command = Command::new(home.join("node_modules/.bin/cdk"));
        command
            .current_dir(&home)
            .args(arguments)
            .args(["--app", "node --import tsx test/local-aws.ts", "--no-notices", "--no-version-reporting", "--no-lookups"])
            .arg("--output")
            .arg(self.folder.join("cdk.out"))
            .args(self.settings.iter().flat_map(|(name, value)| ["--context".to_owned(), format!("{name}={value}")]))
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
            .stdin(Stdio::null());
        let Output { status, stdout, stderr } = command.output().await.context("cannot run the CDK")?;
        let said = [stdout, stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let end: Vec<&str> = said.lines().rev().take(40).collect();
        ensure!(status.success(), "cdk {} failed:\n{}", arguments[0], end.into_iter().rev().collect::<Vec<_>>().join("\n"));
        Ok(())
    }
}

/// Whether the CDK's command line is there: `npm ci` in `cdk/` brings it.
pub fn cdk_is_installed() -> bool {
    paths::workspace().join("cdk/node_modules/.bin/cdk").exists()
}

//! `export`: take a snapshot of a user pool.

use std::future::Future;

use clap::Args;
use serde_json::{Value, json};
use shared::model::{ExportInput, PoolId};
use shared::ports::vault::Vault;

use super::run::{self, RunArgs, RunRequest};
use super::{Deployment, Session};
use crate::arguments;
use crate::aws::Executions;
use crate::guidance::of_input_in_options;
use crate::output::Answer;
use crate::problem::Result;

/// The arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The user pool
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// Look up the second factors of each user: one more call for each, and Cognito counts each as active in that month
    #[arg(long)]
    pub capture_mfa: bool,
    /// Encrypt the secrets of the configuration and keep them, if the deployment has the keys [default: true]
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    pub capture_secrets: Option<bool>,
    /// Allow 16 listings of users at once, if one listing would take over five minutes. An export with --capture-mfa, or
    /// without an earlier sealed snapshot, never splits
    #[arg(long)]
    pub split_listing: bool,
    #[command(flatten)]
    pub run: RunArgs,
}

/// An export to start.
#[derive(Debug)]
pub struct Request {
    input: ExportInput,
    /// The same input, in the form that the state machine reads.
    json: Value,
    no_wait: bool,
}

impl Request {
    /// Reads and checks the arguments. `table` is the backup table, if the settings name one.
    ///
    /// # Errors
    /// If a pool id, a limit or the table cannot be read.
    pub fn read(args: &ExportArgs, table: Option<&str>) -> Result<Self> {
        let pool = arguments::read("--pool", &args.pool, PoolId::parse)?;
        let mut json = json!({ "userPoolId": pool });
        if args.capture_mfa {
            json["captureMfa"] = true.into();
        }
        if let Some(capture_secrets) = args.capture_secrets {
            json["captureSecrets"] = capture_secrets.into();
        }
        if args.split_listing {
            json["splitListing"] = true.into();
        }
        let json = run::with_table(run::with_limits(json, &args.run)?, table);
        let input = ExportInput::parse(&json).map_err(|error| of_input_in_options(&error))?;
        Ok(Self { input, json, no_wait: args.run.no_wait })
    }

    pub fn pool(&self) -> &PoolId {
        &self.input.pool
    }

    /// Starts the export and watches it.
    ///
    /// # Errors
    /// If the export fails.
    pub async fn run<E: Executions, V: Vault, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let limit = run::limit(self.input.tps);
        session.meter.note(&format!(
            "Exporting user pool {} to table {} at {limit}.",
            self.pool(),
            deployment.table
        ));
        let request = RunRequest::export(self.input.clone(), self.json.clone(), self.no_wait);
        run::carry_out(deployment, request, session).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pool: &str, tps: Option<&str>) -> Result<Request> {
        read_with(pool, RunArgs { tps: tps.map(str::to_owned), ..RunArgs::default() })
    }

    fn read_with(pool: &str, run: RunArgs) -> Result<Request> {
        let switch = run.tps.is_some();
        let args = ExportArgs {
            pool: pool.to_owned(),
            capture_mfa: switch,
            capture_secrets: switch.then_some(false),
            split_listing: switch,
            run,
        };
        Request::read(&args, None)
    }

    #[test]
    fn the_input_names_the_table_that_the_settings_name() {
        let args = ExportArgs {
            pool: "eu-west-1_a".to_owned(),
            capture_mfa: false,
            capture_secrets: None,
            split_listing: false,
            run: RunArgs::default(),
        };
        for table in ["second", "arn:aws:dynamodb:eu-west-1:222222222222:table/second"] {
            let json = Request::read(&args, Some(table)).unwrap().json;
            assert_eq!(json, json!({"userPoolId": "eu-west-1_a", "table": "second"}));
        }
        let problem = Request::read(&args, Some("no table")).unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4));
        assert!(problem.guidance.contains("--table"), "{problem}");
    }

    #[test]
    fn the_input_has_the_form_that_the_state_machine_reads() {
        assert_eq!(read("eu-west-1_a", None).unwrap().json, json!({"userPoolId": "eu-west-1_a"}));
        let limited = json!({"userPoolId": "eu-west-1_a", "tps": 25, "captureMfa": true, "captureSecrets": false, "splitListing": true});
        assert_eq!(read("eu-west-1_a", Some("25")).unwrap().json, limited);
    }

    #[test]
    fn categories_can_be_limited_one_by_one() {
        let read = |ceilings: &[&str]| {
            let tps_by_category = ceilings.iter().map(|&ceiling| ceiling.to_owned()).collect();
            read_with("eu-west-1_a", RunArgs { tps_by_category, ..RunArgs::default() })
        };
        let limited = read(&["UserList=15", "UserPoolResourceRead=3"]).unwrap().json;
        assert_eq!(limited["tpsByCategory"], json!({"UserList": 15, "UserPoolResourceRead": 3}));
        for (wrong, says) in [
            (&["UserList"][..], "The limit is missing. The argument of --tps-by-category is \"UserList\"."),
            (&["UserList="], "The limit of category UserList is no whole number from 1 to 200."),
            (&["UserList=0"], "The limit of category UserList is no whole number from 1 to 200."),
            (&["UserList=5=6"], "The limit of category UserList is no whole number"),
            (&["=5"], "\"\" is no category of Cognito."),
            (
                &["Nix=5"],
                "\"Nix\" is no category of Cognito. The argument of --tps-by-category is \"Nix=5\".",
            ),
            (&["userlist=5"], "\"userlist\" is no category of Cognito. It may stand for UserList."),
            (&["UserList=5", "UserList=5"], "--tps-by-category limits category UserList twice."),
        ] {
            let problem = read(wrong).unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4), "{wrong:?}");
            assert!(problem.message.contains(says), "{problem}");
            let is_about_a_name = says.contains("no category") || says.contains("missing");
            assert_eq!(problem.guidance.contains("CATEGORY=N"), is_about_a_name, "{problem}");
        }
    }

    #[test]
    fn wrong_arguments_are_named_errors() {
        for (pool, tps) in [
            ("nonsense", None),
            ("eu-west-1_a", Some("0")),
            ("eu-west-1_a", Some("-1")),
            ("eu-west-1_a", Some("ten")),
        ] {
            let problem = read(pool, tps).unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4));
            assert!(!problem.guidance.is_empty());
        }
    }
}

//! `export`: take a snapshot of a user pool.

use std::future::Future;

use serde_json::{Value, json};
use shared::model::{ExportInput, PoolId, Tps};
use shared::vault::Vault;

use super::run::{self, Order};
use super::{Deployment, Session};
use crate::args::ExportArgs;
use crate::aws::{Executions, RunInput};
use crate::output::Answer;
use crate::problem::Result;

/// An export that is to be made.
#[derive(Debug)]
pub struct Request {
    input: ExportInput,
    no_wait: bool,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// For what is no pool id or no limit.
    pub fn read(args: &ExportArgs) -> Result<Self> {
        let tps = args.run.tps.as_deref().map(Tps::parse).transpose()?;
        let input = ExportInput { pool: PoolId::parse(&args.pool)?, tps, capture_mfa: args.capture_mfa };
        Ok(Self { input, no_wait: args.run.no_wait })
    }

    /// The pool.
    pub fn pool(&self) -> &PoolId {
        &self.input.pool
    }

    /// Starts the export and watches it.
    ///
    /// # Errors
    /// When it fails.
    pub async fn run<E: Executions, V: Vault, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let limit = run::limit(self.input.tps);
        session.meter.note(&format!("Exporting user pool {} to table {} at {limit}.", self.pool(), deployment.table));
        let order = Order {
            input: RunInput::Export(self.input.clone()),
            json: self.json(),
            pool: self.pool().clone(),
            no_wait: self.no_wait,
        };
        run::carry_out(deployment, order, session).await
    }

    /// The input of the execution.
    fn json(&self) -> Value {
        let mut input = json!({ "userPoolId": self.input.pool });
        if self.input.capture_mfa {
            input["captureMfa"] = true.into();
        }
        run::with_tps(input, self.input.tps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::RunArgs;

    fn read(pool: &str, tps: Option<&str>) -> Result<Request> {
        let run = RunArgs { tps: tps.map(str::to_owned), no_wait: false };
        Request::read(&ExportArgs { pool: pool.to_owned(), capture_mfa: tps.is_some(), run })
    }

    #[test]
    fn the_input_is_what_the_state_machine_reads() {
        for tps in [None, Some("25")] {
            let request = read("eu-west-1_a", tps).unwrap();
            assert_eq!(ExportInput::parse(&request.json()), Ok(request.input));
        }
        assert_eq!(read("eu-west-1_a", None).unwrap().json(), json!({"userPoolId": "eu-west-1_a"}));
    }

    #[test]
    fn wrong_arguments_are_named_errors() {
        for (pool, tps) in
            [("nonsense", None), ("eu-west-1_a", Some("0")), ("eu-west-1_a", Some("-1")), ("eu-west-1_a", Some("ten"))]
        {
            let problem = read(pool, tps).unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4));
            assert!(!problem.guidance.is_empty());
        }
    }
}

//! Requests that write a configuration: what a command sends, and what it does if Cognito does not take it.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::capture::WatchReading;
use super::listed::listed;
use super::refusals::refused;
use crate::model::RefusedCall;
use crate::model::configuration::request::ConfigurationWrite;
use crate::pacing::PacedPool;
use crate::ports::pool::{ConfigurablePool, Operation, Pool, PoolError, PoolErrorKind};
use crate::{Error, ErrorKind, Guidance, Result};

/// How often a command reads what exists, before it sends a request again whose reply was lost.
pub const MAX_READS: usize = 6;
/// The wait between two reads, and between two attempts.
pub const WAIT: Duration = Duration::from_secs(5);
/// Attempts at an object that names another one, which Cognito may not know yet. Source:
/// lgallard/terraform-aws-cognito-user-pool #71.
pub const ATTEMPTS: usize = 4;
/// The most base64 of assets in one request, which may have 2 MB. Source: facts of `CreateManagedLoginBranding`, Amazon
/// Cognito user pools API.
const MAX_ASSETS: usize = 1_500_000;

/// Follows a command that writes a configuration.
pub trait WatchWriting: WatchReading {
    /// Cognito refused what depends on a new object, and the command tries again.
    fn tries_again(&mut self, operation: Operation, wait: Duration);
}

/// A write of a configuration that Cognito refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedWrite {
    pub call: RefusedCall,
    /// The member that Cognito names.
    pub member: Option<&'static str>,
}

impl From<&PoolError> for RefusedWrite {
    fn from(error: &PoolError) -> Self {
        Self { call: error.call(), member: error.member }
    }
}

impl fmt::Display for RefusedWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)?;
        self.member.map_or(Ok(()), |member| write!(f, ", about {member}"))
    }
}

/// Why a request is not carried out.
pub enum Failed {
    /// Whether Cognito carried the call out is unknown.
    Unknown(PoolError),
    /// Cognito refuses this object.
    Refused(PoolError),
    /// The operator may not make this call.
    Denied(PoolError),
    /// Cognito says that something works on the pool.
    AtWork(PoolError),
    /// The command stops.
    Ended(Error),
}

impl Failed {
    /// The error of a command that stops for it.
    pub fn into_error<P: Pool>(self, pool: &PacedPool<P>) -> Error {
        match self {
            Self::Unknown(error) | Self::Refused(error) | Self::Denied(error) => refused(pool.id(), error),
            Self::AtWork(error) => at_work(&error),
            Self::Ended(error) => error,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Ended(error)
    }
}

/// The ids of the clients with this name, which need not be unique.
pub async fn clients_named<P: Pool>(pool: &PacedPool<P>, name: &Value) -> Result<Vec<String>> {
    let request = json!({"UserPoolId": pool.id().as_str(), "MaxResults": 60});
    let clients = listed(pool, Operation::ListUserPoolClients, request, "UserPoolClients").await;
    let clients = clients.map_err(|error| refused(pool.id(), error))?;
    let named = clients.iter().filter(|client| client["ClientName"] == *name);
    Ok(named.filter_map(|client| client["ClientId"].as_str().map(str::to_owned)).collect())
}

/// Sends a write. A parameter may be refused because Cognito does not know yet what was made just before.
pub async fn send<P: ConfigurablePool>(
    pool: &PacedPool<P>,
    write: &ConfigurationWrite,
    attempts: usize,
    watch: &mut impl WatchWriting,
) -> std::result::Result<Value, Failed> {
    let mut attempt = 1;
    loop {
        let error = match pool.write_configuration(write).await {
            Ok(answer) => return Ok(answer.into_json()),
            Err(error) => error,
        };
        return Err(match error.kind {
            PoolErrorKind::Transient => Failed::Unknown(error),
            PoolErrorKind::InvalidParameter if attempt < attempts => {
                attempt += 1;
                watch.tries_again(error.operation, WAIT);
                sleep(WAIT).await;
                continue;
            }
            _ if error.is_of_running_job() => Failed::AtWork(error),
            PoolErrorKind::InvalidParameter
            | PoolErrorKind::Refused
            | PoolErrorKind::AlreadyExists
            | PoolErrorKind::NotFound => Failed::Refused(error),
            PoolErrorKind::AccessDenied if !error.is_of_credentials() => Failed::Denied(error),
            _ => Failed::Ended(refused(pool.id(), error)),
        });
    }
}

/// What keeps the configuration of a pool as it is, in words.
pub const IMPORT_JOB: &str = "user import job";
/// The same.
pub const RECOVERY: &str = "point-in-time recovery";

/// Something works on the pool that keeps its configuration as it is.
pub fn at_work(error: &PoolError) -> Error {
    let what = format!(
        "A {IMPORT_JOB} or a {RECOVERY} works on the user pool, so Cognito refused {} ({}).",
        error.operation.name(),
        error.code
    );
    Error::new(ErrorKind::CallRefused, what, "Wait for its end. Then start the command again: it continues.")
}

/// Whether the pool exists.
pub async fn exists<P: ConfigurablePool>(pool: &PacedPool<P>) -> Result<bool> {
    let request = json!({"UserPoolId": pool.id().as_str()});
    match pool.read_configuration(Operation::DescribeUserPool, &request).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == PoolErrorKind::NotFound => Ok(false),
        Err(error) => Err(refused(pool.id(), error)),
    }
}

pub fn internal(what: &str) -> Error {
    Error::new(ErrorKind::Internal, what.to_owned(), Guidance::REPORT_THIS)
}

/// Assets for one request each. The first request has none if there are none.
pub fn asset_batches(assets: Vec<Value>) -> Vec<Vec<Value>> {
    let (mut batches, mut size): (Vec<Vec<Value>>, _) = (Vec::new(), 0);
    for asset in assets {
        let bytes = asset["Bytes"].as_str().map_or(0, str::len);
        match batches.last_mut() {
            Some(last) if size + bytes <= MAX_ASSETS => {
                size += bytes;
                last.push(asset);
            }
            _ => {
                size = bytes;
                batches.push(vec![asset]);
            }
        }
    }
    if batches.is_empty() {
        batches.push(Vec::new());
    }
    batches
}

//! The strict proxy: a proxy in front of the emulator. It refuses the calls that the real Cognito refuses
//! and the emulator accepts.
//!
//! A call takes this way: function → recorder → strict proxy → emulator. The proxy checks calls to Cognito
//! user pools by the rules of the real service and forwards all other calls unchanged. It must never refuse
//! a call that the real service accepts. If the documentation does not decide a case, the proxy accepts the
//! call.
//!
//! With [`Settings`], a test makes the proxy return short pages, throttle calls, or apply smaller limits
//! than AWS. So no test needs 10,000 groups.
//!
//! Source, unless a rule names another: the API reference and the developer guide of Amazon Cognito user
//! pools.

mod call;
mod clock;
mod configuration;
mod counters;
mod created_groups;
mod directory;
mod emulator_client;
mod filter;
mod groups;
mod import;
mod listing;
mod names;
mod overlay;
mod password;
mod pool;
mod quotas;
mod refusal;
mod schema;
mod settings;
mod shared;
mod tokens;
mod users;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::http::{self, Accepting, ConnectionDropped, Reply};
use crate::lock::lock;
use call::Call;
use clock::Clock;
use configuration::AllConfigurations;
use counters::Counters;
use created_groups::CreatedGroups;
use emulator_client::{COGNITO, EmulatorClient, unchanged};
use import::Jobs;
use overlay::Overlay;
use pool::Pools;
use refusal::CallError;
use shared::Shared;
use tokens::Tokens;

pub use quotas::{Category, Quotas};
pub use refusal::Refusal;
pub use settings::{ImportSettings, PageSettings, Settings};
pub use strict_configuration::{ConfigurationSettings, Configurations};

/// A running strict proxy. It stops when this value is dropped.
pub struct StrictProxy {
    url: String,
    shared: Arc<Shared>,
    _accepting: Accepting,
}

impl StrictProxy {
    /// Starts a strict proxy in front of the emulator at `upstream_url`, on a free port, with the default
    /// settings.
    ///
    /// # Errors
    /// If the URL has no host and port, or if no port is free.
    pub async fn start(upstream_url: &str) -> Result<Self> {
        Self::start_on(upstream_url, 0).await
    }

    /// As [`StrictProxy::start`], on a port of 127.0.0.1. 0 takes a free one.
    ///
    /// # Errors
    /// If the URL has no host and port, or if the port is not free.
    pub async fn start_on(upstream_url: &str, port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.with_context(|| match port {
            0 => "no port is free for the strict proxy".to_owned(),
            port => format!("a program listens on 127.0.0.1:{port} already; choose another port"),
        })?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            url: url.clone(),
            emulator: EmulatorClient::new(upstream_url)?,
            settings: Mutex::default(),
            clock: Clock::default(),
            counters: Counters::default(),
            windows: Mutex::default(),
            pools: Pools::default(),
            groups: CreatedGroups::default(),
            overlay: Overlay::default(),
            tokens: Tokens::default(),
            jobs: Jobs::default(),
            configurations: AllConfigurations::default(),
            creation_locks: Mutex::default(),
        });
        let handler = Arc::clone(&shared);
        let accepting = Accepting::start(listener, move |request| handle(Arc::clone(&handler), request));
        Ok(Self { url, shared, _accepting: accepting })
    }

    /// The endpoint URL for an SDK or a recorder.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Changes the settings. The change applies from the next call on.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.shared.settings));
        self.shared.jobs.changed.notify_waiters();
    }

    /// Stops the clock for tokens, quotas and import jobs. From now on, only [`StrictProxy::advance_clock`]
    /// moves it.
    pub fn stop_clock(&self) {
        self.shared.clock.stop();
    }

    /// Moves the clock forward by `time`.
    pub fn advance_clock(&self, time: Duration) {
        self.shared.clock.advance(time);
    }

    /// The number of messages that Cognito would have sent to the users of a pool: invitations, codes after a
    /// password reset, and codes that verify an e-mail address or phone number.
    pub fn messages(&self, pool: &str) -> usize {
        self.shared.counters.messages(pool)
    }

    /// The number of users of a pool that AWS would bill as active in this month. It counts only calls
    /// through this proxy.
    pub fn active_users(&self, pool: &str) -> usize {
        self.shared.counters.active(pool)
    }

    /// The number of calls that the proxy throttled, by category.
    pub fn throttled(&self) -> BTreeMap<Category, usize> {
        lock(&self.shared.windows).throttled()
    }

    /// Lets a test act on the configuration of a pool as AWS does: it registers a client, starts a recovery,
    /// adds tags of a stack, or serves a logo. `None` if no call about the configuration of the pool came
    /// yet.
    pub async fn with_configurations<T>(
        &self,
        pool: &str,
        act: impl FnOnce(&mut Configurations) -> T,
    ) -> Option<T> {
        self.shared.configurations.with(pool, act).await
    }

    /// All calls that the proxy refused, in order, throttled calls included. Calls that the emulator
    /// refused are not among them.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.shared.counters.refusals()
    }
}

impl fmt::Debug for StrictProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StrictProxy").field("url", &self.url).finish_non_exhaustive()
    }
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, ConnectionDropped> {
    let (head, body) = http::received(request).await?;
    if import::is_upload(&head) {
        return Ok(import::upload(&shared, &head, body));
    }
    let (service, operation) = http::name(&head.headers, &body);
    if service != COGNITO {
        let sent = shared.emulator.send(&head, &body).await.map_err(|error| CallError::bad_gateway(&error));
        return Ok(sent.map_or_else(|error| shared.error_reply("", error), unchanged));
    }
    let call = Call::new(operation, head, body);
    Ok(answer(&shared, &call).await.unwrap_or_else(|error| shared.error_reply(&call.operation, error)))
}

/// Checks a call by the rules and answers it.
async fn answer(shared: &Arc<Shared>, call: &Call) -> Result<Reply, CallError> {
    let settings = shared.settings();
    let pool = call.text("UserPoolId").unwrap_or_default();
    lock(&shared.windows).admit(&settings.quotas, &call.operation, pool, shared.clock.now())?;
    listing::check_page_size(call)?;
    for (parameter, field) in [("Username", "username"), ("GroupName", "groupName")] {
        call.text(parameter).map_or(Ok(()), |name| names::check(name, field))?;
    }
    match dispatch(shared, call).await {
        Err(error) if error.name() == "UserNotFoundException" => {
            match users::with_stored_name(shared, call).await? {
                Some(call) => dispatch(shared, &call).await,
                None => Err(error),
            }
        }
        answered => answered,
    }
}

/// Answers a call by the rules of its operation.
async fn dispatch(shared: &Arc<Shared>, call: &Call) -> Result<Reply, CallError> {
    match call.operation.as_str() {
        "ListUsers" | "ListUsersInGroup" | "ListGroups" | "AdminListGroupsForUser" => {
            listing::answer(shared, call).await
        }
        "AdminCreateUser" => users::create(shared, call).await,
        "AdminGetUser" => users::get(shared, call).await,
        "AdminUpdateUserAttributes" => users::update(shared, call).await,
        "AdminDeleteUserAttributes" => users::delete_attributes(shared, call).await,
        "AdminSetUserMFAPreference" => users::set_factors(shared, call).await,
        "AdminSetUserPassword" => users::set_password(shared, call).await,
        "AdminLinkProviderForUser" => users::link(shared, call).await,
        "GetProvisionedLimit" => Ok(shared.settings().quotas.answer(call)?),
        "CreateGroup" => groups::create(shared, call).await,
        "GetGroup" => groups::get(shared, call).await,
        "UpdateGroup" => groups::update(shared, call).await,
        "AdminAddUserToGroup" => groups::add_user(shared, call).await,
        "GetCSVHeader"
        | "CreateUserImportJob"
        | "DescribeUserImportJob"
        | "ListUserImportJobs"
        | "StartUserImportJob"
        | "StopUserImportJob" => import::answer(shared, call).await,
        operation if configuration::answers(operation) => configuration::answer(shared, call).await,
        _ => shared.forward(call).await,
    }
}

//! A strict Cognito: a proxy before the emulator that refuses what the real service refuses and the emulator does not.
//!
//! It stands behind the recorder: function, recorder, strict Cognito, emulator. Calls to Cognito user pools are judged by the
//! rules of the real service; calls to anything else pass untouched. What it must never do is refuse what the real service
//! takes: where the documentation is silent, it lets through. [`Settings`] make it hand out short pages, throttle, or have
//! smaller limits than AWS, so that tests need no 10,000 groups.
//!
//! Source, where a rule names none: the API reference and the developer guide of Amazon Cognito user pools.

mod backend;
mod call;
mod clock;
mod counters;
mod directory;
mod filter;
mod groups;
mod import;
mod listing;
mod names;
mod password;
mod pool;
mod quotas;
mod refusal;
mod schema;
mod settings;
mod tokens;
mod users;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;

use crate::http::{self, ConnectionDropped, Reply};
use backend::{Backend, COGNITO};
use call::Call;
use clock::Clock;
use counters::Counters;
use groups::Groups;
use import::Jobs;
use pool::Pools;
use quotas::Windows;
use refusal::Halt;
use tokens::Tokens;

pub use quotas::{Category, Quotas};
pub use refusal::Refusal;
pub use settings::{Import, Pages, Settings};

/// The strict Cognito: running until it is dropped.
pub struct Strict {
    url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    url: String,
    backend: Backend,
    settings: Mutex<Settings>,
    clock: Clock,
    counters: Counters,
    windows: Mutex<Windows>,
    pools: Pools,
    groups: Groups,
    tokens: Tokens,
    jobs: Jobs,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Strict {
    /// Starts a strict Cognito in front of the emulator at `upstream_url`, on a free port, with the default settings.
    ///
    /// # Errors
    /// When the URL has no host and port, or no port is free.
    pub async fn start(upstream_url: &str) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the strict Cognito")?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            url: url.clone(),
            backend: Backend::new(upstream_url)?,
            settings: Mutex::default(),
            clock: Clock::default(),
            counters: Counters::default(),
            windows: Mutex::default(),
            pools: Pools::default(),
            groups: Groups::default(),
            tokens: Tokens::default(),
            jobs: Jobs::default(),
            turns: Mutex::default(),
        });
        let handler = Arc::clone(&shared);
        let accepting = tokio::spawn(http::accept(listener, move |request| handle(Arc::clone(&handler), request)));
        Ok(Self { url, shared, accepting })
    }

    /// Where it listens: the endpoint URL to give to an SDK or a recorder.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Changes the settings, from the next call on.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.shared.settings));
        self.shared.jobs.changed.notify_waiters();
    }

    /// Stops the clock that tokens and quotas go by: from now on only [`Strict::advance_clock`] moves it.
    pub fn stop_clock(&self) {
        self.shared.clock.stop();
    }

    /// Puts the clock forward.
    pub fn advance_clock(&self, time: Duration) {
        self.shared.clock.advance(time);
    }

    /// How many messages the users of a pool would have got: invitations, codes after a password reset, codes to verify an
    /// address.
    pub fn messages(&self, pool: &str) -> usize {
        self.shared.counters.messages(pool)
    }

    /// How many users of a pool AWS would bill as active this month, for what was done through here.
    pub fn active_users(&self, pool: &str) -> usize {
        self.shared.counters.active(pool)
    }

    /// How many calls were refused because of a quota, by category.
    pub fn throttled(&self) -> BTreeMap<Category, usize> {
        lock(&self.shared.windows).throttled()
    }

    /// Everything that was refused here, in order, quotas included. What the emulator refused is not in it.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.shared.counters.refusals()
    }
}

impl fmt::Debug for Strict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Strict").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        // Ends the connections too: their tasks belong to the task that accepts.
        self.accepting.abort();
    }
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, ConnectionDropped> {
    let (head, body) = http::received(request).await?;
    if import::is_upload(&head) {
        return Ok(import::upload(&shared, &head, body));
    }
    let (service, operation) = http::name(&head.headers, &body);
    if service != COGNITO {
        let sent = shared.backend.send(&head, &body).await.map_err(|error| Halt::broken(&error));
        return Ok(sent.map_or_else(|halt| shared.ended("", halt), listing::as_it_is));
    }
    let call = Call::new(operation, head, body);
    Ok(answer(&shared, &call).await.unwrap_or_else(|halt| shared.ended(&call.operation, halt)))
}

/// Judges a call and answers it.
async fn answer(shared: &Arc<Shared>, call: &Call) -> Result<Reply, Halt> {
    let settings = shared.settings();
    let pool = call.text("UserPoolId").unwrap_or_default();
    lock(&shared.windows).admit(&settings.quotas, &call.operation, pool, shared.clock.now())?;
    listing::check_size(call)?;
    for (parameter, field) in [("Username", "username"), ("GroupName", "groupName")] {
        call.text(parameter).map_or(Ok(()), |name| names::check(name, field))?;
    }
    match call.operation.as_str() {
        "ListUsers" | "ListUsersInGroup" | "ListGroups" | "AdminListGroupsForUser" => listing::answer(shared, call).await,
        "AdminCreateUser" => users::create(shared, call).await,
        "AdminUpdateUserAttributes" => users::update(shared, call).await,
        "AdminSetUserPassword" => users::set_password(shared, call).await,
        "AdminLinkProviderForUser" => users::link(shared, call).await,
        "GetProvisionedLimit" => Ok(settings.quotas.answer(call)?),
        "CreateGroup" => groups::create(shared, call).await,
        "GetGroup" => groups::get(shared, call).await,
        "AdminAddUserToGroup" => groups::add_user(shared, call).await,
        "GetCSVHeader"
        | "CreateUserImportJob"
        | "DescribeUserImportJob"
        | "ListUserImportJobs"
        | "StartUserImportJob"
        | "StopUserImportJob" => import::answer(shared, call).await,
        "UpdateUserPool" | "DeleteUserPool" | "AddCustomAttributes" | "SetUserPoolMfaConfig" => {
            if call.operation != "SetUserPoolMfaConfig" {
                import::check_idle(shared, pool)?;
            }
            let reply = shared.forward(call).await;
            shared.pools.forget(pool);
            reply
        }
        _ => shared.forward(call).await,
    }
}

impl Shared {
    fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    /// Has the emulator carry a call out, and counts what it means.
    async fn forward(&self, call: &Call) -> Result<Reply, Halt> {
        let reply = self.backend.send(&call.head, &call.body).await.map_err(|error| Halt::broken(&error))?;
        if reply.status().is_success() {
            self.counters.carried_out(call, &serde_json::from_slice(reply.body()).unwrap_or_default());
        }
        Ok(listing::as_it_is(reply))
    }

    /// What a call gets that went no further.
    fn ended(&self, operation: &str, halt: Halt) -> Reply {
        match halt {
            Halt::Answered(reply) => listing::as_it_is(reply),
            Halt::Refused(refusal) => {
                let refusal = Refusal { operation: operation.to_owned(), ..refusal };
                let reply = refusal.reply();
                self.counters.refused(refusal);
                reply
            }
        }
    }

    /// Waits until nobody else creates something in a pool; ends with the value.
    async fn turn(&self, pool: &str) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(lock(&self.turns).entry(pool.to_owned()).or_default());
        turn.lock_owned().await
    }
}

/// A thread that panicked while it held the lock left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

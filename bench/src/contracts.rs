//! The bench's pools and table keep the contracts of Cognito and DynamoDB, except for the listed
//! cases.
//!
//! Method: the package `contracts` holds the cases. Here each case runs on a new service in this
//! process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::pool::{Settings, Stage};
use contracts::{Deviation, Exception};
use shared::model::{GroupRecord, PoolId};
use shared::ports::pool::{NewUser, Password};

use crate::job_files::SimulatedJobFiles;
use crate::pool::SimulatedPool;
use crate::population::{People, Population};
use crate::service::{Behaviour, PageFill, Service};
use crate::vault::SimulatedVault;

/// The number of users and groups that the cases create.
const PEOPLE: Population = Population { users: 200, groups: 70, seed: 1, people: People::Ordinary };

const fn refuses(case: &'static str, why: &'static str) -> Exception {
    Exception { case, deviation: Deviation::Refuses, why }
}

const NAMES: &str = "users of the bench have the names and attributes of its population";
const SETTINGS: &str = "pools of the bench have one setting: usernames that ignore case, no aliases, no MFA";
const CHANGES: &str = "no scenario of the bench changes users or groups that exist";
const MEMBERS: &str = "memberships of a target are counted, not kept";
const PROVIDERS: &str = "pools of the bench have no providers";
const MESSAGES: &str = "the bench sends no invitation and counts no message";

const LISTS: &str = "no run of the bench asks what works on a pool";

const OF_POOL: [Exception; 60] = [
    refuses("a user is enabled again", CHANGES),
    refuses("a user that is not there is found by no call", SETTINGS),
    refuses("no message is sent without an invitation", MESSAGES),
    refuses("an invitation is a message", MESSAGES),
    refuses("an invitation is sent again until the user has a password", MESSAGES),
    refuses("a user whose invitation cannot be delivered is created", MESSAGES),
    refuses("a pool whose administrators alone reset passwords says so", SETTINGS),
    refuses("second factors are turned on together", SETTINGS),
    refuses("a listing shows no second factors", SETTINGS),
    refuses("a username has any script and punctuation, and no white space", NAMES),
    refuses("usernames that differ by case are one", NAMES),
    refuses("usernames that differ by case are two if the pool says so", SETTINGS),
    refuses("a username looks like no alias", SETTINGS),
    refuses("a verified address is the alias of one user", SETTINGS),
    refuses("an alias finds its user", SETTINGS),
    refuses("a preferred username is an alias without being verified", SETTINGS),
    refuses("a preferred username may be refused until the user is confirmed", SETTINGS),
    refuses("a user who signs in by e-mail is created by address and named by an identifier", SETTINGS),
    refuses("a user who signs in by phone is created by number", SETTINGS),
    refuses("a user who signs in by either is created by either", SETTINGS),
    refuses("a new user has attributes that the pool declares, within their limits", SETTINGS),
    refuses("a value has the form of its attribute, and no control characters", SETTINGS),
    refuses("a new user has every attribute that the pool requires", SETTINGS),
    refuses("the address by which a user signs in is the one that the pool requires", SETTINGS),
    refuses("an update sets attributes and leaves the others", SETTINGS),
    refuses("an update keeps to the schema", SETTINGS),
    refuses("attributes are deleted by name", SETTINGS),
    refuses("a changed address is told unless it is said to be verified", NAMES),
    refuses("custom attributes are declared once, and used from then on", CHANGES),
    refuses("an attribute that was declared with a prefix has the prefix twice", CHANGES),
    refuses("a group has the settings that it was given, and no others", NAMES),
    refuses("the settings of a group are changed together", NAMES),
    refuses("a precedence of 0 is another than none", NAMES),
    refuses("an update removes the description of a group, and no precedence or role", NAMES),
    refuses("a group gets a role only from a caller who can pass it", NAMES),
    refuses("a group's name has any script and punctuation, and no white space", NAMES),
    refuses("a user joins a group, as often as it is asked for", MEMBERS),
    refuses("a user is in at most 100 groups", NAMES),
    refuses("the groups of a user are listed by their names", NAMES),
    refuses("the groups of a user are listed by pages of at most 60", NAMES),
    refuses("members are listed by pages of at most 60", MEMBERS),
    refuses("a listing answers at most as many members as its limit says", MEMBERS),
    refuses("providers are listed by name", PROVIDERS),
    refuses("an identity is linked to a user", PROVIDERS),
    refuses("an identity of no provider is linked to no user", NAMES),
    refuses("an identity signs in as one user", PROVIDERS),
    refuses("a user has at most five identities", PROVIDERS),
    refuses("a file has a column for every custom attribute", SETTINGS),
    refuses("a job sends no message", MESSAGES),
    refuses("jobs are listed from the latest one, by pages", LISTS),
    refuses("a list of jobs says which have ended", LISTS),
    refuses("a new pool has no job, and a pool that does not exist lists none", LISTS),
    refuses("a new pool has no recovery", LISTS),
    refuses("recoveries are listed from the latest one, also those that have ended", LISTS),
    refuses("a job skips users that the pool has and fails on rows that break a rule", NAMES),
    refuses("every setting of a pool is described", SETTINGS),
    refuses("the tier Lite has no recoveries", SETTINGS),
    Exception {
        case: "a pool that does not exist lists no recoveries",
        deviation: Deviation::Differs,
        why: LISTS,
    },
    Exception {
        case: "a job reads what a file escapes and turns dates round",
        deviation: Deviation::Differs,
        why: NAMES,
    },
    Exception {
        case: "a pool that verifies no address starts no job",
        deviation: Deviation::Differs,
        why: "pools of the bench verify e-mail addresses",
    },
];

const OF_VAULT: [Exception; 1] = [refuses(
    "a query finds sort keys that end in an identifier",
    "ten million identifiers are kept without their order, and no step of the bench asks for it",
)];

/// Services in this process, one for each case.
struct SimulatedStage(Mutex<Arc<Service>>);

impl SimulatedStage {
    fn service(&self) -> Arc<Service> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn service() -> Arc<Service> {
    // Successive calls stay below every quota.
    Service::new(PEOPLE, Behaviour { latency: Duration::from_millis(200), page_fill: PageFill::Full })
        .unwrap()
}

impl Stage for SimulatedStage {
    type Pool = SimulatedPool;
    type JobFiles = SimulatedJobFiles;

    async fn pool(&self, settings: &Settings) -> Option<SimulatedPool> {
        let has_default =
            *settings == Settings { auto_verified: settings.auto_verified.clone(), ..Settings::default() };
        let verifies = settings.auto_verified.iter().all(|name| *name == "email");
        let service = service();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&service);
        (has_default && verifies).then(|| SimulatedPool::new(Arc::clone(&service), service.target()))
    }

    fn missing_pool(&self) -> SimulatedPool {
        SimulatedPool::new(self.service(), PoolId::parse("eu-west-1_Missing01").unwrap())
    }

    fn job_files(&self) -> SimulatedJobFiles {
        SimulatedJobFiles::new(self.service())
    }

    fn person(&self, number: u32) -> NewUser {
        let record = PEOPLE.record(number, 0);
        NewUser {
            username: record.username,
            attributes: record.attributes,
            temporary_password: Password::new("Temporary-1".to_owned()),
            invitation: None,
        }
    }

    fn group(&self, number: u32) -> GroupRecord {
        Population::group(number)
    }

    async fn add_provider(&self, _: &SimulatedPool, _: &str) -> bool {
        false
    }

    async fn recover(&self, _: &SimulatedPool, _: bool) -> bool {
        false
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn messages(&self, _: &SimulatedPool) -> Option<u64> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn the_pools_of_the_bench_keep_the_contract_of_a_pool() {
    let wrong = contracts::pool::disagreements(&SimulatedStage(Mutex::new(service())), &OF_POOL).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn the_table_of_the_bench_keeps_the_contract_of_a_vault() {
    let wrong = contracts::vault::disagreements(&SimulatedVault::new(service()), &OF_VAULT).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

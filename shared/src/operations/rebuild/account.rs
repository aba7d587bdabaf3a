//! The pools of an account and Region: the calls that name no pool.

use std::sync::Arc;

use serde_json::json;

use super::MARKER;
use crate::model::PoolId;
use crate::model::configuration::ObjectKind;
use crate::model::configuration::rebuild::RebuildPlan;
use crate::model::configuration::request::ConfigurationWrite;
use crate::operations::listed::listed;
use crate::operations::refusals::refused_on;
use crate::operations::sending::{exists, internal};
use crate::pacing::{PacedPool, Tenure};
use crate::ports::pool::{ConfigurablePool, Operation, Pool, PoolError, PoolErrorKind};
use crate::{Error, ErrorKind, Guidance, Result};

/// The account and Region in which a pool is created.
pub struct Account<P, F> {
    /// 12 digits.
    id: String,
    region: String,
    /// Connects to a pool.
    pool_at: F,
    /// Leads to the account and Region. No call names this pool, and it need not exist.
    connection: PacedPool<P>,
}

impl<P: ConfigurablePool, F: Fn(&PoolId) -> PacedPool<P>> Account<P, F> {
    /// The account `id` in `region`. `pool_at` connects to a pool there.
    ///
    /// # Errors
    /// If `region` is no name of a Region.
    pub fn new(id: &str, region: &str, pool_at: F) -> Result<Self> {
        let connection = pool_at(&PoolId::parse(&format!("{region}_none"))?);
        Ok(Self { id: id.to_owned(), region: region.to_owned(), pool_at, connection })
    }

    /// The same account for a command that calls only within its tenure.
    pub(super) fn during(&self, tenure: Arc<Tenure>) -> Account<P, impl Fn(&PoolId) -> PacedPool<P>> {
        let pool_at = move |id: &PoolId| (self.pool_at)(id).during(tenure.clone());
        let connection = pool_at(self.connection.id());
        Account { id: self.id.clone(), region: self.region.clone(), pool_at, connection }
    }

    /// Connects to a pool of the account.
    pub fn connect(&self, id: &PoolId) -> PacedPool<P> {
        (self.pool_at)(id)
    }

    /// Whether the account has the pool.
    ///
    /// # Errors
    /// If Cognito refuses to say so.
    pub async fn has(&self, id: &PoolId) -> Result<bool> {
        exists(&self.connect(id)).await
    }

    /// The id by which requests are made of the table of fields. `CreateUserPool` has no id.
    pub(super) fn no_pool(&self) -> &PoolId {
        self.connection.id()
    }

    /// Creates a pool. Returns its id.
    pub(super) async fn create(&self, write: &ConfigurationWrite) -> Result<Result<PoolId, PoolError>> {
        match self.connection.write_configuration(write).await {
            Ok(answer) => {
                let id = answer.reveal()["UserPool"]["Id"].as_str().map(PoolId::parse);
                Ok(Ok(id.ok_or_else(|| internal("CreateUserPool answered no id."))??))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Refuses a name that another pool has, and domains that are taken.
    ///
    /// # Errors
    /// If one is taken, or Cognito refuses to say so.
    pub async fn require_free(&self, name: &str, plan: &RebuildPlan) -> Result<()> {
        if let Some(pool) = self.pools_named(name).await?.first() {
            let what = format!("User pool {pool} has the name {name:?}.");
            return Err(Error::new(ErrorKind::InvalidInput, what, "Give another name."));
        }
        for step in plan.steps.iter().filter(|step| step.name.kind == ObjectKind::Domain) {
            let domain = step.reveal()["Domain"].clone();
            let request = json!({"Domain": domain});
            match self.connection.read_configuration(Operation::DescribeUserPoolDomain, &request).await {
                Ok(answer) if answer.reveal()["DomainDescription"]["Domain"].is_string() => {
                    let what = format!("The domain {domain} is taken.");
                    let next = "Map it to another domain. Or leave it out of the map, and create it when the old user pool \
                                has given it up.";
                    return Err(Error::new(ErrorKind::InvalidInput, what, next));
                }
                Ok(_) => {}
                Err(error) if error.kind == PoolErrorKind::NotFound => {}
                Err(error) => return Err(self.refused(&error)),
            }
        }
        Ok(())
    }

    /// The pool with this name that has the marker of a creation.
    pub(super) async fn marked(&self, name: &str, marker: &str) -> Result<Option<PoolId>> {
        let mut found = Vec::new();
        for id in self.pools_named(name).await? {
            let request = json!({"UserPoolId": id.as_str()});
            let pool = self.connect(&id);
            match pool.read_configuration(Operation::DescribeUserPool, &request).await {
                Ok(answer) if answer.reveal()["UserPool"]["UserPoolTags"][MARKER] == marker => found.push(id),
                Ok(_) => {}
                // It was deleted meanwhile.
                Err(error) if error.kind == PoolErrorKind::NotFound => {}
                Err(error) => return Err(self.refused(&error)),
            }
        }
        if let [first, second, ..] = &found[..] {
            let what = format!("User pools {first} and {second} both have the tag of this creation.");
            let next = "Delete the one that has no clients and providers. Then start the command again.";
            return Err(Error::new(ErrorKind::InvalidInput, what, next));
        }
        Ok(found.pop())
    }

    /// The pools with this name, which need not be unique.
    async fn pools_named(&self, name: &str) -> Result<Vec<PoolId>> {
        let request = json!({"MaxResults": 60});
        let pools = listed(&self.connection, Operation::ListUserPools, request, "UserPools").await;
        let pools = pools.map_err(|error| self.refused(&error))?;
        let named = pools.iter().filter(|pool| pool["Name"] == name).filter_map(|pool| pool["Id"].as_str());
        Ok(named.filter_map(|id| PoolId::parse(id).ok()).collect())
    }

    /// The error of a command whose call Cognito refused. There is no pool yet that it could name.
    pub(super) fn refused(&self, error: &PoolError) -> Error {
        let place = format!("in account {}, Region {}", self.id, self.region);
        let allow = format!("Allow cognito-idp:{} on all resources (`*`).", error.operation.name());
        refused_on(&place, error, Guidance::from(allow))
    }
}

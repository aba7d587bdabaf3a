//! The clients, and the objects that each client may have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value, json};

use super::listed::READS_AT_ONCE;
use super::pool::{ALL, PoolFacts};
use super::reading::{Answered, listing_row, read_row, unreadable};
use super::{Capturing, Keeper};
use crate::Result;
use crate::model::configuration::{
    Found, NotCaptured, NotCapturedReason, ObjectKind, ObjectName, Operation as Row, Tier, Uncaptured,
    shows_secret,
};
use crate::ports::pool::{LogoError, Pool};

/// The member that names the client in requests and answers.
const CLIENT: &str = "ClientId";
/// The member of a classic look that holds its logo.
const LOGO: &str = "ImageFile";
/// Clients that are described at once. One waits for its description, or for its secrets.
const CLIENTS_AT_ONCE: usize = 2 * READS_AT_ONCE;
/// The kinds of objects that each client may have.
const OF_CLIENTS: [ObjectKind; 5] = [
    ObjectKind::ClientSecrets,
    ObjectKind::UiCustomization,
    ObjectKind::Branding,
    ObjectKind::RiskConfiguration,
    ObjectKind::Sessions,
];
/// What the objects of a client hold although nothing is chosen.
const NO_CHOICE: [&str; 5] = ["UserPoolId", CLIENT, "LastModifiedDate", "CreationDate", "CSSVersion"];

impl<P: Pool, K: Keeper> Capturing<'_, P, K> {
    pub(super) async fn read_clients(&self, pool: &PoolFacts) -> Result<()> {
        let (looks, risks) = futures::try_join!(self.read_look_of_pool(), self.read_risk_of_pool(pool))?;
        let listed = match self.list(listing_row(ObjectKind::Client)?).await? {
            Ok(listed) => listed,
            Err(given_up) => {
                for kind in OF_CLIENTS.into_iter().chain([ObjectKind::Client]) {
                    self.lacks(given_up.of(Uncaptured::All(kind))).await;
                }
                return Ok(());
            }
        };
        let ids = listed.iter().filter_map(|client| client[CLIENT].as_str());
        let ids: Vec<String> = ids.map(str::to_owned).collect();
        if ids.len() < listed.len() {
            self.lacks(unreadable(listing_row(ObjectKind::Client)?)?.of(Uncaptured::All(ObjectKind::Client)))
                .await;
        }
        futures::try_join!(
            self.describe_clients(&ids),
            self.read_looks(&ids, looks),
            self.read_risks(&ids, risks),
            self.read_sessions(&ids, pool),
            self.read_brandings(&ids, pool),
        )?;
        Ok(())
    }

    /// The clients, and the ids of the secrets of those that have any.
    async fn describe_clients(&self, ids: &[String]) -> Result<()> {
        // Owned, because a stream of references has no `Send` future here.
        stream::iter(ids.to_vec())
            .map(|id| self.describe_client(id))
            .buffer_unordered(CLIENTS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        self.has_finished(ObjectKind::Client).await;
        self.has_finished(ObjectKind::ClientSecrets).await;
        Ok(())
    }

    /// A client and its secrets.
    async fn describe_client(&self, id: String) -> Result<()> {
        let name = ObjectName::of(ObjectKind::Client, id.as_str());
        let of_secrets = ObjectName::of(ObjectKind::ClientSecrets, id.as_str());
        if self.has(&name).await && self.has(&of_secrets).await {
            return Ok(());
        }
        let row = read_row(ObjectKind::Client, |found| matches!(found, Found::Listed(_)))?;
        let answered = self.read(row, &[(CLIENT, &id)], json!({})).await?;
        match &answered {
            Answered::Object(_) if self.has(&of_secrets).await => {}
            Answered::Object(client) => self.read_secrets(client, &name, of_secrets).await?,
            Answered::Absent => self.is_settled(of_secrets).await,
            Answered::Failed(given_up) => self.lacks_by(given_up.clone(), of_secrets).await,
        }
        self.take_answer(row, name, answered).await.map(drop)
    }

    /// The ids of the secrets of a client.
    ///
    /// Cognito hides a secret that the owner supplied or rotated. So the captures ask about a client that shows none until
    /// Cognito has answered once. Otherwise a rebuild would make a public client of it.
    async fn read_secrets(&self, client: &Value, name: &ObjectName, of_secrets: ObjectName) -> Result<()> {
        let has_secret = shows_secret(client) || self.keeper.had(&of_secrets).await?;
        if !has_secret && self.keeper.was_answered(&of_secrets, name).await? {
            self.is_settled(of_secrets).await;
            return Ok(());
        }
        let row = read_row(ObjectKind::ClientSecrets, |found| *found == Found::EachClient)?;
        let mut answered = self.read(row, &[(CLIENT, &name.id)], json!({})).await?;
        if !has_secret && is_of_public_client(&answered) {
            answered = Answered::Absent;
        }
        let is_denied = matches!(&answered, Answered::Failed(given_up)
            if given_up.reason != NotCapturedReason::Unavailable);
        self.take_object(row, of_secrets.clone(), answered).await?;
        if is_denied {
            self.is_settled(of_secrets).await;
        }
        Ok(())
    }

    /// The look of the pool. Returns whether the clients can have looks.
    async fn read_look_of_pool(&self) -> Result<bool> {
        self.read_of_pool(ObjectKind::UiCustomization).await
    }

    async fn read_looks(&self, ids: &[String], of_pool: bool) -> Result<()> {
        self.read_like_pool(ids, ObjectKind::UiCustomization, of_pool).await
    }

    /// The threat protection of the pool. Returns whether the clients can have their own.
    async fn read_risk_of_pool(&self, pool: &PoolFacts) -> Result<bool> {
        let kind = ObjectKind::RiskConfiguration;
        if pool.is_unprotected {
            self.lacks(NotCaptured::new(Uncaptured::All(kind), NotCapturedReason::AddOnOff)).await;
            return Ok(false);
        }
        self.read_of_pool(kind).await
    }

    async fn read_risks(&self, ids: &[String], of_pool: bool) -> Result<()> {
        self.read_like_pool(ids, ObjectKind::RiskConfiguration, of_pool).await
    }

    /// Reads the object of the pool. Returns whether the clients are asked for theirs. If Cognito refuses that of the
    /// pool, they are not: the whole kind is noted.
    async fn read_of_pool(&self, kind: ObjectKind) -> Result<bool> {
        let row = read_row(kind, |found| *found == Found::PoolAndEachClient)?;
        match self.read(row, &[], json!({})).await? {
            Answered::Failed(given_up) if given_up.reason == NotCapturedReason::Unavailable => {
                self.lacks_by(given_up, ObjectName::of(kind, ALL)).await;
                Ok(true)
            }
            Answered::Failed(given_up) => {
                self.lacks(given_up.of(Uncaptured::All(kind))).await;
                Ok(false)
            }
            answered => {
                self.take_object(row, ObjectName::of(kind, ALL), answered).await?;
                Ok(true)
            }
        }
    }

    /// Reads the objects of the clients, if the pool has answered its own.
    async fn read_like_pool(&self, ids: &[String], kind: ObjectKind, of_pool: bool) -> Result<()> {
        let row = read_row(kind, |found| *found == Found::PoolAndEachClient)?;
        self.read_of_each(if of_pool { ids } else { &[] }, kind, row, json!({}), READS_AT_ONCE).await
    }

    async fn read_sessions(&self, ids: &[String], pool: &PoolFacts) -> Result<()> {
        self.read_above_lite(ids, pool, ObjectKind::Sessions, json!({}), READS_AT_ONCE).await
    }

    /// The managed login styles, one at a time: each answer has the bytes of its assets.
    async fn read_brandings(&self, ids: &[String], pool: &PoolFacts) -> Result<()> {
        let unmerged = json!({"ReturnMergedResources": false});
        self.read_above_lite(ids, pool, ObjectKind::Branding, unmerged, 1).await
    }

    /// Reads the objects of the clients, unless the pool is of the tier Lite, which has none.
    async fn read_above_lite(
        &self,
        ids: &[String],
        pool: &PoolFacts,
        kind: ObjectKind,
        more: Value,
        at_once: usize,
    ) -> Result<()> {
        if pool.tier == Some(Tier::Lite) {
            self.lacks(NotCaptured::new(Uncaptured::All(kind), NotCapturedReason::Tier)).await;
            return Ok(());
        }
        let row = read_row(kind, |found| *found == Found::EachClient)?;
        self.read_of_each(ids, kind, row, more, at_once).await
    }

    /// Reads an object of each client, at most `at_once` at a time.
    async fn read_of_each(
        &self,
        ids: &[String],
        kind: ObjectKind,
        row: &'static Row,
        more: Value,
        at_once: usize,
    ) -> Result<()> {
        stream::iter(ids.to_vec())
            .map(|id| {
                let more = more.clone();
                async move {
                    let name = ObjectName::of(kind, id.as_str());
                    if self.has(&name).await {
                        return Ok(());
                    }
                    let answered = self.read(row, &[(CLIENT, &id)], more).await?;
                    self.take_object(row, name, answered).await
                }
            })
            .buffer_unordered(at_once)
            .try_collect::<()>()
            .await?;
        self.has_finished(kind).await;
        Ok(())
    }

    /// Takes the object of a client or of the pool, unless it is the one that the client inherits or holds nothing.
    async fn take_object(&self, row: &Row, name: ObjectName, answered: Answered) -> Result<()> {
        if self.has(&name).await {
            return Ok(());
        }
        let Answered::Object(mut object) = answered else {
            return self.take_answer(row, name, answered).await.map(drop);
        };
        let answers_for = object[CLIENT].as_str().filter(|id| !id.is_empty());
        let is_inherited = answers_for.is_some_and(|id| id != name.id);
        let is_bare = object.as_object().is_none_or(|members| !has_choice(name.kind, members));
        if is_inherited || is_bare {
            self.is_settled(name).await;
            return Ok(());
        }
        // No answer about a branding has the client.
        if name.kind == ObjectKind::Branding {
            object[CLIENT] = name.id.as_str().into();
        }
        let logo = match logo_of(name.kind, &object) {
            Some(url) => Some(Box::pin(self.pool.fetch_logo(url)).await),
            None => None,
        };
        if let Some(Ok(bytes)) = &logo {
            object[LOGO] = STANDARD.encode(bytes).into();
        }
        let object_name = name.clone();
        let is_captured = self.take_answer(row, name, Answered::Object(object)).await?;
        if is_captured && let Some(Err(error)) = logo {
            let reason = match error {
                LogoError::TooLarge => NotCapturedReason::TooLarge,
                LogoError::NotFetched => NotCapturedReason::NotFetched,
            };
            let lacking = NotCaptured::new(Uncaptured::One(object_name), reason);
            self.lacks(NotCaptured { member: Some(LOGO.to_owned()), ..lacking }).await;
        }
        Ok(())
    }
}

/// Whether the list of the secrets of a client says that it has none. Whether Cognito answers an empty list for a public
/// client, or refuses, is not known.
fn is_of_public_client(secrets: &Answered) -> bool {
    match secrets {
        Answered::Object(list) => list["ClientSecrets"].as_array().is_none_or(Vec::is_empty),
        Answered::Absent => true,
        Answered::Failed(given_up) => {
            given_up.code.as_ref().is_some_and(|code| code.as_str() == "InvalidParameterException")
        }
    }
}

/// Whether an object holds anything that the owner of the pool chose. The secrets of a client always count.
pub(in crate::operations) fn has_choice(kind: ObjectKind, members: &Map<String, Value>) -> bool {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    kind == ObjectKind::ClientSecrets
        || members.iter().any(|(name, value)| !NO_CHOICE.contains(&name.as_str()) && !is_empty(value))
}

/// The address of the logo of a classic look.
fn logo_of(kind: ObjectKind, look: &Value) -> Option<&str> {
    let url = look["ImageUrl"].as_str().filter(|url| !url.is_empty());
    url.filter(|_| kind == ObjectKind::UiCustomization)
}

//! The objects that Cognito lists, other than clients.

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::reading::{Answered, listing_row, read_row, unreadable};
use super::{Capturing, Keeper};
use crate::Result;
use crate::model::configuration::{
    Capture, Found, NotCapturedReason, ObjectKind, ObjectName, Operation as Row, Uncaptured,
};
use crate::ports::pool::Pool;

/// Reads of one operation at once. Cognito allows 5 a second.
pub(super) const READS_AT_ONCE: usize = 5;

impl<P: Pool, K: Keeper> Capturing<'_, P, K> {
    pub(super) async fn read_listed(&self) -> Result<()> {
        futures::try_join!(
            self.describe_each(ObjectKind::IdentityProvider, "ProviderName"),
            self.describe_each(ObjectKind::Terms, "TermsId"),
            self.describe_each(ObjectKind::CimdPolicy, "CIMDPolicyId"),
            self.list_whole(ObjectKind::ResourceServer, "Identifier"),
            self.list_whole(ObjectKind::Replica, "RegionName"),
        )?;
        Ok(())
    }

    /// Lists objects, and reads each. `key` is the member that finds the object.
    async fn describe_each(&self, kind: ObjectKind, key: &str) -> Result<()> {
        let Some(entries) = self.list_or_lack(kind).await? else { return Ok(()) };
        let row = read_row(kind, |found| matches!(found, Found::Listed(_)))?;
        stream::iter(entries)
            .map(|entry| async move {
                let Some(id) = entry[key].as_str() else {
                    self.lacks(unreadable(row)?.of(Uncaptured::All(kind))).await;
                    return Ok(());
                };
                let listed = ObjectName::of(kind, id);
                if self.has(&listed).await {
                    return Ok(());
                }
                let answered = self.read(row, &[(key, id)], json!({})).await?;
                if kind == ObjectKind::Terms {
                    return self.take_terms(row, listed, answered).await;
                }
                self.take_answer(row, listed, answered).await.map(drop)
            })
            .buffer_unordered(READS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        self.has_finished(kind).await;
        Ok(())
    }

    /// Takes a document of terms. Its name has the client, which only the description tells. If it cannot be described,
    /// the missing document has no name, and all terms are noted. The next look describes it again.
    async fn take_terms(&self, row: &Row, listed: ObjectName, answered: Answered) -> Result<()> {
        let lacking = match answered {
            Answered::Absent => None,
            Answered::Object(terms) => match name_of_terms(&terms) {
                Some(name) => {
                    self.take_answer(row, name, Answered::Object(terms)).await?;
                    None
                }
                None => Some(unreadable(row)?),
            },
            Answered::Failed(given_up) => Some(given_up),
        };
        let all = Uncaptured::All(ObjectKind::Terms);
        match lacking {
            // One note stands for all documents. If one is asked for again, the note must say so.
            Some(given_up) if given_up.reason == NotCapturedReason::Unavailable => {
                self.lacks_now(given_up.of(all)).await;
            }
            Some(given_up) => self.lacks(given_up.of(all)).await,
            None => self.is_settled(listed).await,
        }
        Ok(())
    }

    /// Lists objects that the listing has whole.
    async fn list_whole(&self, kind: ObjectKind, key: &str) -> Result<()> {
        let Some(entries) = self.list_or_lack(kind).await? else { return Ok(()) };
        for entry in entries {
            let captured = entry[key].as_str().and_then(|id| Capture::of(ObjectName::of(kind, id), &entry));
            match captured {
                Some(captured) if self.has(&captured.object.name).await => {}
                Some(captured) => {
                    self.keeper.sees(&captured.object.name, &entry);
                    self.take(captured).await?;
                }
                None => self.lacks(unreadable(listing_row(kind)?)?.of(Uncaptured::All(kind))).await,
            }
        }
        self.has_finished(kind).await;
        Ok(())
    }

    /// The entries of a listing. None if it failed, which is noted.
    async fn list_or_lack(&self, kind: ObjectKind) -> Result<Option<Vec<Value>>> {
        match self.list(listing_row(kind)?).await? {
            Ok(entries) => Ok(Some(entries)),
            Err(given_up) => {
                self.lacks(given_up.of(Uncaptured::All(kind))).await;
                Ok(None)
            }
        }
    }
}

/// The name of a document of terms. None if the answer lacks a part of it.
fn name_of_terms(terms: &Value) -> Option<ObjectName> {
    let (client, name) = (terms["ClientId"].as_str()?, terms["TermsName"].as_str()?);
    Some(ObjectName::of(ObjectKind::Terms, format!("{client}/{name}")))
}

//! The pool object, the objects that a pool has once, and its domains.

use serde_json::{Value, json};

use super::reading::{Answered, not_found, read_row, unreadable};
use super::{Capturing, Keeper};
use crate::Result;
use crate::model::configuration::{
    Found, NotCaptured, NotCapturedReason, ObjectKind, ObjectName, Tier, Uncaptured,
};
use crate::ports::pool::Pool;

/// What the capture knows of the pool before it reads anything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PoolFacts {
    /// None if the pool cannot be read, or has a tier that came later.
    pub tier: Option<Tier>,
    /// Whether threat protection is off. False if the pool cannot be read.
    pub is_unprotected: bool,
    /// Its domains. None if the pool cannot be read.
    domains: Option<Vec<String>>,
}

impl PoolFacts {
    fn of(user_pool: &Value) -> Self {
        let tier = match user_pool["UserPoolTier"].as_str() {
            Some("LITE") => Some(Tier::Lite),
            Some("ESSENTIALS") => Some(Tier::Essentials),
            Some("PLUS") => Some(Tier::Plus),
            _ => None,
        };
        let mode = user_pool["UserPoolAddOns"]["AdvancedSecurityMode"].as_str();
        let domains = ["Domain", "CustomDomain"].into_iter().filter_map(|member| user_pool[member].as_str());
        let domains = domains.filter(|domain| !domain.is_empty()).map(str::to_owned).collect();
        Self { tier, is_unprotected: mode.is_none_or(|mode| mode == "OFF"), domains: Some(domains) }
    }
}

impl<P: Pool, K: Keeper> Capturing<'_, P, K> {
    /// DescribeUserPool. It is read in each invocation, because the other reads depend on it. None if the pool was
    /// deleted a moment ago.
    pub(super) async fn read_pool(&self) -> Result<Option<PoolFacts>> {
        let name = ObjectName::single(ObjectKind::UserPool);
        let row = read_row(ObjectKind::UserPool, |found| *found == Found::Single)?;
        let answered = self.read(row, &[], json!({})).await?;
        let facts = match &answered {
            Answered::Object(user_pool) => PoolFacts::of(user_pool),
            Answered::Absent => {
                // Its users are listed, and the snapshot is worth more than ever.
                for &kind in ObjectKind::ALL {
                    let of_kind = Uncaptured::parse(kind.name()).unwrap_or(Uncaptured::All(kind));
                    self.lacks(not_found(row)?.of(of_kind)).await;
                }
                return Ok(None);
            }
            Answered::Failed(_) => PoolFacts::default(),
        };
        if !self.has(&name).await {
            self.take_answer(row, name, answered).await?;
        }
        Ok(Some(facts))
    }

    /// The objects that a pool has once, and the sessions of the pool.
    pub(super) async fn read_single(&self) -> Result<()> {
        let names = [
            ObjectName::single(ObjectKind::Mfa),
            ObjectName::single(ObjectKind::LogDelivery),
            ObjectName::single(ObjectKind::SigningCertificate),
            ObjectName::of(ObjectKind::Sessions, ALL),
        ];
        for name in names {
            if self.has(&name).await {
                continue;
            }
            let row = read_row(name.kind, |found| *found == Found::Single)?;
            let answered = self.read(row, &[], json!({})).await?;
            self.take_answer(row, name, answered).await?;
        }
        let web_acl = Uncaptured::One(ObjectName::single(ObjectKind::WebAcl));
        self.lacks(NotCaptured::new(web_acl, NotCapturedReason::NotRead)).await;
        Ok(())
    }

    /// The domains that the pool names.
    pub(super) async fn read_domains(&self, pool: &PoolFacts) -> Result<()> {
        let row = read_row(ObjectKind::Domain, |found| matches!(found, Found::Named(_)))?;
        let Some(domains) = &pool.domains else {
            self.lacks(unreadable(row)?.of(Uncaptured::All(ObjectKind::Domain))).await;
            return Ok(());
        };
        for domain in domains {
            let name = ObjectName::of(ObjectKind::Domain, domain.as_str());
            if self.has(&name).await {
                continue;
            }
            match self.read(row, &[("Domain", domain)], json!({})).await? {
                // An unknown domain answers an empty object. A pool in a secondary Region answers so for its prefix.
                Answered::Object(described) if described["Domain"].as_str() != Some(domain.as_str()) => {
                    self.lacks(unreadable(row)?.of(Uncaptured::One(name))).await;
                }
                Answered::Absent => self.lacks(unreadable(row)?.of(Uncaptured::One(name))).await,
                answered => drop(self.take_answer(row, name, answered).await?),
            }
        }
        Ok(())
    }
}

/// The name of the object of the pool itself, if clients have such objects, too.
pub(super) const ALL: &str = "ALL";

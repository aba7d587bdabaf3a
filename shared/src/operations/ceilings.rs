//! The ceilings of a run: how many calls of each category it makes in a second, so that it stays within Cognito's quotas without being told so
//! by them.

use crate::model::{Category, Ceilings, Headroom, Progress, RunKind};
use crate::pacing::PacedPool;
use crate::ports::pool::Pool;

/// The categories of which an export makes calls; an import makes some of all.
const EXPORT_CATEGORIES: [Category; 4] =
    [Category::UserPoolRead, Category::UserPoolResourceRead, Category::UserList, Category::UserRead];

/// The ceilings of a run before its quotas are known: those that its input states, and one for asking.
pub fn provisional(stated: &Ceilings, headroom: Option<Headroom>) -> Ceilings {
    let (mut ceilings, asking) = (stated.clone(), Category::UserPoolRead);
    if let (Some(headroom), None) = (headroom, ceilings.of(asking)) {
        ceilings.set(asking, headroom.within(asking.default_quota()));
    }
    ceilings
}

/// Works out the ceilings of a run: those that it has already; for the others, where a `headroom` is to be left, Cognito's quotas without it.
///
/// Only quotas that could keep the run from its TPS are asked for. Where Cognito does not say (a permission is missing, for one), the quota
/// is taken to be that of an account that has not asked for more.
pub async fn of_run<P: Pool>(pool: &PacedPool<P>, run: &Progress, headroom: Option<Headroom>) -> Ceilings {
    let mut ceilings = run.ceilings.clone();
    let Some(headroom) = headroom else { return ceilings };
    let categories: &[Category] = if run.operation == RunKind::Export { &EXPORT_CATEGORIES } else { &Category::ALL };
    for &category in categories {
        let by_default = headroom.within(category.default_quota());
        let is_low = by_default < run.tps.get();
        let is_low_by_pool = category.quota_of_an_operation().is_some_and(|low| low < run.tps.get());
        if ceilings.of(category).is_some() || !(is_low || is_low_by_pool) {
            continue;
        }
        let quota = match is_low {
            true => pool.provisioned_limit(category).await,
            false => Ok(category.default_quota()),
        };
        let ceiling = match quota {
            Ok(quota) => headroom.within(quota),
            Err(error) => {
                tracing::warn!(pool = %pool.id(), category = category.name(), code = error.code, "quota unknown, taken to be the default");
                by_default
            }
        };
        ceilings.set(category, ceiling);
    }
    ceilings
}

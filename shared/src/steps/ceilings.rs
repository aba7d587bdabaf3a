//! The ceilings of a run: how many calls of each category it makes in a second, so that it stays within Cognito's quotas without being told so
//! by them.

use crate::model::{Category, Ceilings, Headroom, Tps};
use crate::pacing::PacedPool;
use crate::pool::Pool;

/// Works out the ceilings of a run: those that its input states; for the others, where a `headroom` is to be left, Cognito's quotas without it.
///
/// Only quotas that could keep the run from its `tps` are asked for. Where Cognito does not say (a permission is missing, for one), the quota
/// is taken to be that of an account that has not asked for more.
pub async fn of_run<P: Pool>(pool: &PacedPool<P>, tps: Tps, stated: Ceilings, headroom: Option<Headroom>) -> Ceilings {
    let mut ceilings = stated;
    let Some(headroom) = headroom else { return ceilings };
    for category in Category::ALL {
        let by_default = headroom.within(category.default_quota());
        let is_low = by_default < tps.get();
        if ceilings.of(category).is_some() || !(is_low || category.quota_of_an_operation().is_some_and(|low| low < tps.get())) {
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

//! The ceilings of a run: its calls per second in each category, so that it stays within Cognito's
//! quotas.

use crate::model::{Category, Ceilings, Headroom, Progress, RunKind};
use crate::pacing::PacedPool;
use crate::ports::pool::Pool;

/// The categories in which an export makes calls. An import makes calls in all but that of clients.
const EXPORT_CATEGORIES: [Category; 5] = [
    Category::UserPoolRead,
    Category::UserPoolResourceRead,
    Category::UserPoolClientRead,
    Category::UserList,
    Category::UserRead,
];

/// The ceilings before the quotas are known: the ceilings of the input, and one for the calls that
/// ask for quotas.
pub fn provisional(stated: &Ceilings, headroom: Option<Headroom>) -> Ceilings {
    let (mut ceilings, asking) = (stated.clone(), Category::UserPoolRead);
    if let (Some(headroom), None) = (headroom, ceilings.of(asking)) {
        ceilings.set(asking, headroom.within(asking.default_quota()));
    }
    ceilings
}

/// The ceilings of a run. A ceiling that the run has stays. The ceiling of any other category is
/// `quota − headroom`.
///
/// It asks Cognito only for quotas that could slow the run down. If Cognito does not answer, for
/// lack of a permission for example, the ceiling follows from the default quota.
pub async fn resolve<P: Pool>(pool: &PacedPool<P>, run: &Progress, headroom: Option<Headroom>) -> Ceilings {
    let mut ceilings = run.ceilings.clone();
    let Some(headroom) = headroom else { return ceilings };
    let makes_calls_in = |category: &Category| match run.operation {
        RunKind::Export => EXPORT_CATEGORIES.contains(category),
        RunKind::Import => *category != Category::UserPoolClientRead,
    };
    for category in Category::ALL.into_iter().filter(makes_calls_in) {
        let by_default = headroom.within(category.default_quota());
        let is_low = by_default < run.tps.get();
        let is_low_by_pool = category.quota_of_an_operation().is_some_and(|low| low < run.tps.get());
        if ceilings.of(category).is_some() || !(is_low || is_low_by_pool) {
            continue;
        }
        let quota =
            if is_low { pool.provisioned_limit(category).await } else { Ok(category.default_quota()) };
        let ceiling = match quota {
            Ok(quota) => headroom.within(quota),
            Err(error) => {
                let (category, code) = (category.name(), error.code);
                tracing::warn!(pool = %pool.id(), category, %code, "quota unknown, using the default");
                by_default
            }
        };
        ceilings.set(category, ceiling);
    }
    ceilings
}

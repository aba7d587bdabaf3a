//! Request quotas: how many calls of a category the service takes in a second.

use std::collections::HashMap;
use std::time::Duration;

use shared::model::Category;

/// Counts calls by the seconds of the service's own clock, and refuses what is above the quota.
#[derive(Debug, Default)]
pub struct Quotas {
    /// The second that is counted, and the calls taken in it.
    windows: HashMap<Category, (u64, u32)>,
}

impl Quotas {
    /// Whether a call that arrives at `at` is taken. A refused one counts against no quota.
    pub fn take(&mut self, category: Category, at: Duration) -> bool {
        let window = self.windows.entry(category).or_default();
        if window.0 != at.as_secs() {
            *window = (at.as_secs(), 0);
        }
        let is_taken = window.1 < category.default_quota();
        window.1 += u32::from(is_taken);
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_category_has_its_own_quota_every_second_anew() {
        let mut quotas = Quotas::default();
        let mut taken = |category, at| (0..100).filter(|_| quotas.take(category, Duration::from_millis(at))).count();
        assert_eq!(taken(Category::UserList, 5_000), 30);
        assert_eq!(taken(Category::UserList, 5_999), 0);
        assert_eq!(taken(Category::UserUpdate, 5_999), 25);
        assert_eq!(taken(Category::UserList, 6_000), 30);
    }
}

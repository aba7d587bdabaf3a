//! Request quotas: how many calls of a category the service accepts in one second.

use std::collections::HashMap;
use std::time::Duration;

use shared::model::Category;

/// Counts calls by whole seconds of the service's clock, and refuses calls above the quota.
#[derive(Debug, Default)]
pub struct Quotas {
    /// For each category: the current second, and the calls accepted in it.
    windows: HashMap<Category, (u64, u32)>,
}

impl Quotas {
    /// Whether the service accepts a call that arrives at `at`. A refused call uses no quota.
    pub fn accept(&mut self, category: Category, at: Duration) -> bool {
        let window = self.windows.entry(category).or_default();
        if window.0 != at.as_secs() {
            *window = (at.as_secs(), 0);
        }
        let is_accepted = window.1 < category.default_quota();
        window.1 += u32::from(is_accepted);
        is_accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_category_has_its_own_quota_in_every_second() {
        let mut quotas = Quotas::default();
        let mut accepted =
            |category, at| (0..100).filter(|_| quotas.accept(category, Duration::from_millis(at))).count();
        assert_eq!(accepted(Category::UserList, 5_000), 30);
        assert_eq!(accepted(Category::UserList, 5_999), 0);
        assert_eq!(accepted(Category::UserUpdate, 5_999), 25);
        assert_eq!(accepted(Category::UserList, 6_000), 30);
    }
}

//! The lineage of users in the own pool: earlier restores have created lost users again under a new
//! `sub`.
//!
//! Such a user may be lost again, and a later restore creates it once more. So [`Lineage`] follows
//! the sub maps in the order of the restores, oldest first. A snapshot user is never the successor
//! of another one, and ends the line that leads to it.

use std::collections::HashMap;
use std::hash::Hash;

/// The successors of snapshot users. `K` stands for a `sub`.
#[derive(Debug)]
pub struct Lineage<K> {
    /// By successor: the snapshot user that it stands for.
    origins: HashMap<K, K>,
}

impl<K> Default for Lineage<K> {
    fn default() -> Self {
        Self { origins: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash> Lineage<K> {
    /// Takes an entry of a sub map: a restore has created the user `old` again as `new`. Sub maps
    /// of older restores come first. Returns the snapshot user that `new` stands for, if there is
    /// one.
    pub fn follow(&mut self, old: &K, new: &K, is_snapshot_user: impl Fn(&K) -> bool) -> Option<K> {
        if is_snapshot_user(new) {
            return None;
        }
        let origin = if is_snapshot_user(old) { old.clone() } else { self.origins.get(old)?.clone() };
        self.origins.entry(new.clone()).or_insert_with(|| origin.clone());
        Some(origin)
    }

    /// All successors so far.
    pub fn successors(&self) -> impl Iterator<Item = &K> {
        self.origins.keys()
    }

    /// All successors, each with the snapshot user that it stands for.
    pub fn into_origins(self) -> impl Iterator<Item = (K, K)> {
        self.origins.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows sub maps for a snapshot that holds the users `a` and `b`. Returns the successors
    /// with their origins.
    fn origins(sub_maps: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        let mut lineage = Lineage::default();
        for (old, new) in sub_maps {
            lineage.follow(old, new, |sub| ["a", "b"].contains(sub));
        }
        let mut origins: Vec<_> = lineage.into_origins().collect();
        origins.sort_unstable();
        origins
    }

    #[test]
    fn a_user_that_was_lost_again_is_followed_through_each_restore() {
        assert_eq!(
            origins(&[("a", "a2"), ("a2", "a3"), ("b", "b2"), ("a3", "a4")]),
            [("a2", "a"), ("a3", "a"), ("a4", "a"), ("b2", "b")]
        );
    }

    #[test]
    fn successors_of_users_outside_the_snapshot_have_no_origin() {
        assert_eq!(origins(&[("x", "y"), ("a2", "a3"), ("a", "a2")]), [("a2", "a")]);
    }

    #[test]
    fn a_snapshot_user_is_no_successor_and_ends_the_line() {
        assert_eq!(origins(&[("a", "b"), ("b", "b2"), ("a", "a")]), [("b2", "b")]);
    }
}

//! The cases of a vault.
//!
//! Sources: "Constraints in Amazon DynamoDB", "Using time to live (TTL) in DynamoDB", the API reference of its operations, and the docs of the trait.

mod deletions;
mod expiry;
mod items;
mod parts;
mod queries;

use crate::vault::Case;

pub fn cases() -> Vec<Case> {
    [items::cases(), deletions::cases(), queries::cases(), expiry::cases()].into_iter().flatten().collect()
}

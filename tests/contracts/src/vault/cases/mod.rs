//! The cases of a vault.
//!
//! Sources: "Constraints in Amazon DynamoDB", the API reference of its operations, and the docs of the trait.

mod deletions;
mod items;
mod parts;
mod queries;

use crate::vault::Case;

pub fn cases() -> Vec<Case> {
    [items::cases(), deletions::cases(), queries::cases()].into_iter().flatten().collect()
}

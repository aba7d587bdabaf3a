//! What to do if a snapshot is damaged.

use shared::format::{form, plural};
use shared::model::PoolId;

use super::flags::command;

/// How the operator gets damaged parts of a snapshot of `pool` back. `nouns` name them: `["record", "records"]`.
///
/// An export finds missing records of users and groups that have not changed. It looks at no altered record.
pub fn recovery(pool: &PoolId, damaged: u64, nouns: [&str; 2]) -> String {
    let parts = plural(damaged, nouns[0], nouns[1]);
    format!(
        "{parts} {} damaged. If user pool {pool} still holds the users and groups as they were, a new export writes missing \
         records again, with:\n  {}\nRecover altered records and lost pages from point-in-time recovery \
         (docs/guides/operate.md says how), or use another snapshot.",
        form(damaged, "is", "are"),
        command(format!("export --pool {pool}"))
    )
}

//! Reads the progress of a run from its header in the backup table. No other code of the chores knows the
//! form of a header.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

/// The place of the newest header of a kind.
pub(super) struct Header {
    partition: String,
    prefix: &'static str,
    /// The attribute with the number of entries that are done.
    done: &'static str,
}

impl Header {
    /// The header of the newest snapshot of a pool.
    pub fn newest_snapshot(pool: &str) -> Self {
        Self { partition: format!("POOL#{pool}"), prefix: "SNAP#", done: "counts" }
    }

    /// The header of the newest restore into a pool.
    pub fn newest_restore(pool: &str) -> Self {
        Self { partition: format!("TARGET#{pool}"), prefix: "RESTORE#", done: "handled" }
    }

    /// The key of the header, and the sum of users, groups and memberships that are done. `None` if there is
    /// no header or the table does not answer: then the progress bar does not move.
    pub async fn read(&self, client: &Client, table: &str) -> Option<(String, u64)> {
        let found = client
            .query()
            .table_name(table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(self.partition.clone()))
            .expression_attribute_values(":prefix", AttributeValue::S(self.prefix.to_owned()))
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await;
        let header = found.ok()?.items?.into_iter().next()?;
        let key = header.get("sk")?.as_s().ok()?.clone();
        let done = header.get(self.done).and_then(|counts| counts.as_m().ok())?;
        let count =
            |name: &str| done.get(name).and_then(|n| n.as_n().ok()).and_then(|n| n.parse::<u64>().ok());
        Some((key, ["users", "groups", "memberships"].into_iter().filter_map(count).sum()))
    }
}

//! Counts in words.

use crate::format::{listed, plural};
use crate::model::{Counts, RecordKind, VerificationResult};

impl Counts {
    /// `5 users, 1 group and 7 memberships`.
    pub fn summary(&self) -> String {
        listed(RecordKind::ALL.map(|kind| plural(self.of(kind), kind.singular(), kind.plural())))
    }
}

impl VerificationResult {
    pub fn summary(&self) -> String {
        let users = |count| plural(count, "user", "users");
        let mut words =
            format!("The restore listed the target again: {} as in the snapshot", users(self.same));
        for (count, finding) in [
            (self.without_refused_values, "as in the snapshot without refused values"),
            (self.different, "different"),
            (self.missing, "missing"),
            (self.extra, "not of this restore"),
        ] {
            if count > 0 {
                words += &format!(", {} {finding}", users(count));
            }
        }
        words + "."
    }
}

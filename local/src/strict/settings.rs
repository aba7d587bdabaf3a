//! What a test may set, and what AWS has it set to.

use std::time::Duration;

use super::quotas::Quotas;

/// The settings of a strict Cognito. The defaults are AWS's own numbers, quotas switched off and pages as full as can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Requests per second; any number by default.
    pub quotas: Quotas,
    /// Groups of a pool, 10,000.
    pub groups_per_pool: usize,
    /// Groups of a user, 100.
    pub groups_per_user: usize,
    /// Linked identities of a user, 5.
    pub identities_per_user: usize,
    /// How long a pagination token is good for, one hour.
    pub token_lifetime: Duration,
    /// How listings are cut into pages.
    pub pages: Pages,
    /// User import jobs.
    pub import: Import,
}

/// How listings of users, members and groups are cut into pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages {
    /// The most new entries of the first page of a listing, of its second and so on, from the beginning again after the last;
    /// 0 makes an empty page with a token. Without any, pages are as long as was asked. With some, a page that ends where the
    /// listing ends carries a token all the same, and an empty page without one comes after it.
    pub sizes: Vec<usize>,
    /// How many entries of the page before a page shows again, before its new ones and on top of what was asked.
    pub repeats: usize,
}

/// The limits of user import jobs:
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Users of a job, 500,000.
    pub users: usize,
    /// Bytes of a file, 100 MB.
    pub bytes: usize,
    /// Characters of a row, 16,000.
    pub row_characters: usize,
    /// How long the URL takes a file, 15 minutes.
    pub url_lifetime: Duration,
    /// How long a job can be started, 24 hours: AWS says 24 to 48.
    pub start_within: Duration,
    /// How many users may fail or be skipped before the whole job fails. AWS publishes no number; none by default.
    pub failures: Option<usize>,
    /// Whether no job can be created while one is active. AWS says only that one at a time can be active; `false` by default.
    pub active_blocks_creating: bool,
    /// The line number of the first user in the log. AWS does not say whether it counts the header; 2 by default, as an editor
    /// shows it.
    pub first_line: usize,
    /// Keeps jobs that were started in `Pending`, for as long as it is set.
    pub hold: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quotas: Quotas::default(),
            groups_per_pool: 10_000,
            groups_per_user: 100,
            identities_per_user: 5,
            token_lifetime: Duration::from_secs(3_600),
            pages: Pages::default(),
            import: Import::default(),
        }
    }
}

impl Default for Import {
    fn default() -> Self {
        Self {
            users: 500_000,
            bytes: 100 * 1_024 * 1_024,
            row_characters: 16_000,
            url_lifetime: Duration::from_secs(15 * 60),
            start_within: Duration::from_secs(24 * 3_600),
            failures: None,
            active_blocks_creating: false,
            first_line: 2,
            hold: false,
        }
    }
}

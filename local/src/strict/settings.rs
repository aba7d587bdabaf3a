//! The settings of the strict proxy that a test can change, with AWS's values as defaults.

use std::time::Duration;

use strict_configuration::ConfigurationSettings;

use super::quotas::Quotas;

/// The settings of a strict proxy. By default, limits are AWS's, no quota applies, and pages are full.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Requests per second. By default, no quota applies.
    pub quotas: Quotas,
    /// Default: 10,000.
    pub max_groups_per_pool: usize,
    /// Default: 100.
    pub max_groups_per_user: usize,
    /// Whether invitations cannot be delivered. The user is created in any case: `CodeDeliveryFailureException`,
    /// AdminCreateUser, Amazon Cognito user pools API reference. Default: `false`.
    pub fails_deliveries: bool,
    /// Whether `preferred_username` is refused for users that are not confirmed, if it is an alias. AWS documents the rule
    /// for sign-ups: "Customizing sign-in attributes", Amazon Cognito developer guide. Default: `false`.
    pub refuses_unconfirmed_alias: bool,
    /// The roles of groups that IAM does not let the caller pass, or that belong to another account. Default: none.
    pub denied_roles: Vec<String>,
    /// Linked identities. Default: 5.
    pub max_identities_per_user: usize,
    /// The lifetime of a pagination token. Default: one hour.
    pub token_expires_after: Duration,
    /// The division of listings into pages.
    pub pages: PageSettings,
    /// User import jobs.
    pub import: ImportSettings,
    /// The configuration of pools.
    pub configuration: ConfigurationSettings,
}

/// The division of listings of users, members and groups into pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageSettings {
    /// The maximum number of new entries on the first page of a listing, the second, and so on. After the
    /// last size, the sizes begin again. A size of 0 makes an empty page with a token.
    ///
    /// If the list is empty, pages are as long as the client asks. If not, a page at the end of the listing
    /// can carry a token too. Then an empty page without a token follows it.
    pub sizes: Vec<usize>,
    /// The number of entries of the previous page that a page repeats. They stand before the new entries and
    /// are not counted against the size.
    pub repeats: usize,
}

/// The limits of user import jobs:
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSettings {
    /// Users in one file. Default: 500,000.
    pub max_users: usize,
    /// Bytes of one file. Default: 100 MB.
    pub max_bytes: usize,
    /// Characters of one row. Default: 16,000.
    pub max_row_characters: usize,
    /// The time for the upload of the file, from the creation of the job. Default: 15 minutes.
    pub url_expires_after: Duration,
    /// The time for the start of the job, from its creation. Default: 24 hours. AWS says 24 to 48 hours.
    pub job_expires_after: Duration,
    /// If more users fail or are skipped, the whole job fails. AWS publishes no number. Default: no limit.
    pub max_failures: Option<usize>,
    /// Whether no job can be created while a job is active. AWS says only that one job at a time can be
    /// active. Default: `false`.
    pub active_job_blocks_creation: bool,
    /// The line number of the first user in the log. AWS does not say whether the header counts. Default:
    /// 2, the number that an editor shows.
    pub first_line_number: usize,
    /// While this is set, a started job stays `Pending`.
    pub hold_jobs: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            quotas: Quotas::default(),
            max_groups_per_pool: 10_000,
            max_groups_per_user: 100,
            fails_deliveries: false,
            refuses_unconfirmed_alias: false,
            denied_roles: Vec::new(),
            max_identities_per_user: 5,
            token_expires_after: Duration::from_secs(3_600),
            pages: PageSettings::default(),
            import: ImportSettings::default(),
            configuration: ConfigurationSettings::default(),
        }
    }
}

impl Default for ImportSettings {
    fn default() -> Self {
        Self {
            max_users: 500_000,
            max_bytes: 100 * 1_024 * 1_024,
            max_row_characters: 16_000,
            url_expires_after: Duration::from_secs(15 * 60),
            job_expires_after: Duration::from_secs(24 * 3_600),
            max_failures: None,
            active_job_blocks_creation: false,
            first_line_number: 2,
            hold_jobs: false,
        }
    }
}

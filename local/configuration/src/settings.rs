//! What AWS documents in two ways or not at all. A test plays both ways.

/// The settings of [`Configurations`](crate::Configurations). The defaults are what AWS documents or what was
/// measured.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigurationSettings {
    /// Whether an update resets the members that a request omits and that were never measured. AWS documents
    /// the reset: UpdateUserPool and UpdateUserPoolClient, API reference. Default: `true`.
    pub resets_undocumented: bool,
    /// Whether UpdateUserPool gives a pool another name. The API model has the member, terraform takes the
    /// name for immutable. Otherwise the name is ignored. Default: `true`.
    pub update_renames_pools: bool,
    /// Whether a client can be created with a secret that Cognito generated for another client. Default:
    /// `true`.
    pub accepts_generated_secrets: bool,
    /// Whether `UnusedAccountValidityDays: 0` is accepted beside `TemporaryPasswordValidityDays`. A typed SDK
    /// sends it. Default: `true`.
    pub accepts_zero_unused_account_days: bool,
    /// Whether an empty `SnsCallerArn` is accepted beside `EumsSms`. A typed SDK sends it. Default: `true`.
    pub accepts_empty_caller_beside_eums: bool,
    /// Which text wins if a request sends two different ones: the older member, such as
    /// `EmailVerificationMessage`, or `VerificationMessageTemplate`. Default: `true`, the older member.
    pub older_messages_win: bool,
    /// Whether reads show empty lists for `AutoVerifiedAttributes`, `AliasAttributes` and
    /// `UsernameAttributes`. Default: `true`.
    pub shows_empty_lists: bool,
    /// Whether the schema has `identities`. Pools of today have it. Default: `true`.
    pub shows_identities: bool,
    /// Whether UpdateUserPool keeps the tags that a request leaves out, also if it has others or none. AWS does not say
    /// whether an update takes tags away. Default: `false`.
    pub keeps_omitted_tags: bool,
    /// The most tags of a pool. It is the general limit of AWS. Default: 50.
    pub max_tags: usize,
    /// Whether `SetUserPoolMfaConfig` keeps the passkey block that a request omits. Default: `true`.
    pub keeps_omitted_web_authn: bool,
    /// Whether threat protection exists in the Region. Default: `true`.
    pub has_threat_protection: bool,
    /// Whether a client without a risk configuration of its own reads the pool's. Default: `false`, it reads
    /// an empty one.
    pub inherits_risk_in_reads: bool,
    /// Whether DescribeUserPoolClient shows a secret that the caller supplied. Default: `false`, as measured.
    pub shows_supplied_secrets: bool,
    /// Whether the secrets of a public client are an empty list. Otherwise the listing is refused. Default:
    /// `true`.
    pub lists_secrets_of_public_clients: bool,
    /// Whether a client reads `PreventUserExistenceErrors: LEGACY` if it never set it. Default: `false`.
    pub shows_legacy_existence_errors: bool,
    /// Whether `AllowedOAuthFlowsUserPoolClient` must be `true` for flows, scopes and URLs:
    /// CreateUserPoolClient, API reference. Default: `true`.
    pub needs_oauth_switch: bool,
    /// Whether a client with refresh token rotation may keep `ALLOW_REFRESH_TOKEN_AUTH`. Default: `true`.
    pub accepts_refresh_flow_with_rotation: bool,
    /// Whether `AnalyticsConfiguration` is accepted. Amazon Pinpoint ended on 30 October 2026. Default:
    /// `true`.
    pub accepts_analytics: bool,
    /// The most new clients on the first page of ListUserPoolClients, the second, and so on. After the last,
    /// the sizes begin again. A size of 0 makes an empty page with a token: ListUserPoolClients, API
    /// reference. Default: none, pages are full.
    pub client_page_sizes: Vec<usize>,
    /// Whether Cognito maps `username` to `sub` for OIDC providers, as it does for social ones. Default:
    /// `true`.
    pub maps_oidc_username: bool,
    /// Whether a request may contain the `ActiveEncryptionCertificate` that Cognito made. Default: `false`.
    pub accepts_encryption_certificate: bool,
    /// Metadata and discovery documents that do not answer. Cognito reads them when it stores a provider.
    /// Default: none.
    pub unreachable_urls: Vec<String>,
    /// Domains that pools of other accounts hold. Default: none.
    pub taken_domains: Vec<String>,
    /// Whether DescribeUserPoolDomain describes a domain of another account. Default: `false`, its
    /// description is empty.
    pub describes_taken_domains: bool,
    /// Seconds until the name of a deleted custom domain can be used again. CloudFront may hold it for hours:
    /// aws-amplify/amplify-hosting #718 and #734. Default: 0.
    pub custom_domain_free_after: f64,
    /// Seconds until clients can name a new identity provider: lgallard/terraform-aws-cognito-user-pool #71.
    /// Default: 0.
    pub provider_known_after: f64,
    /// The ARNs of SES identities that are not verified, or that Cognito may not use. Default: none.
    pub unusable_senders: Vec<String>,
    /// The ARNs of roles that Cognito cannot use for SMS yet. IAM takes minutes after a role was made.
    /// Default: none.
    pub unusable_sms_roles: Vec<String>,
    /// Seconds until a prefix domain is active. AWS says up to one minute. Default: 0.
    pub prefix_domain_active_after: f64,
    /// Seconds until a custom domain is active. Terraform waits up to an hour. Default: 900.
    pub custom_domain_active_after: f64,
    /// Custom domains of one account: "Quotas in Amazon Cognito", developer guide. Default: 4.
    pub max_custom_domains: usize,
    /// Whether SetUICustomization with CSS and without an image keeps the logo. Default: `true`.
    pub css_alone_keeps_logo: bool,
    /// Seconds that must pass between two changes of one pool. A change before that is a concurrent one.
    /// Default: 0.
    pub changes_conflict_within: f64,
    /// App clients of one pool: "Quotas in Amazon Cognito", developer guide. Default: 1,000.
    pub max_clients: usize,
    /// Identity providers of one pool. Default: 300.
    pub max_identity_providers: usize,
    /// Resource servers of one pool. Default: 25.
    pub max_resource_servers: usize,
}

impl Default for ConfigurationSettings {
    fn default() -> Self {
        Self {
            resets_undocumented: true,
            update_renames_pools: true,
            accepts_generated_secrets: true,
            accepts_zero_unused_account_days: true,
            accepts_empty_caller_beside_eums: true,
            older_messages_win: true,
            shows_empty_lists: true,
            shows_identities: true,
            keeps_omitted_tags: false,
            max_tags: 50,
            keeps_omitted_web_authn: true,
            has_threat_protection: true,
            inherits_risk_in_reads: false,
            shows_supplied_secrets: false,
            lists_secrets_of_public_clients: true,
            shows_legacy_existence_errors: false,
            needs_oauth_switch: true,
            accepts_refresh_flow_with_rotation: true,
            accepts_analytics: true,
            client_page_sizes: Vec::new(),
            maps_oidc_username: true,
            accepts_encryption_certificate: false,
            unreachable_urls: Vec::new(),
            taken_domains: Vec::new(),
            describes_taken_domains: false,
            custom_domain_free_after: 0.0,
            provider_known_after: 0.0,
            unusable_senders: Vec::new(),
            unusable_sms_roles: Vec::new(),
            prefix_domain_active_after: 0.0,
            custom_domain_active_after: 900.0,
            max_custom_domains: 4,
            css_alone_keeps_logo: true,
            changes_conflict_within: 0.0,
            max_clients: 1_000,
            max_identity_providers: 300,
            max_resource_servers: 25,
        }
    }
}

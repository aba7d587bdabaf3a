//! The domains to which a map leads.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Home;

/// Why a pool cannot have a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainProblem {
    /// It is no prefix and no name of a host.
    Malformed,
    /// It has a word that Cognito refuses in a prefix.
    Reserved,
    /// It is a custom domain, and the old domain has no certificate.
    NoCertificate,
    /// Another domain of the map leads to it, too.
    Twice,
    /// A pool has at most one prefix and one custom domain.
    SecondOfItsForm,
}

/// The words that Cognito refuses in a prefix. Source: "Using the Amazon Cognito domain for managed login", Amazon
/// Cognito developer guide.
const RESERVED: [&str; 3] = ["aws", "amazon", "cognito"];
/// The most characters of a prefix, and of a part of a host name. Source: `DomainType`, Amazon Cognito user pools API.
const MAX_LABEL: usize = 63;

/// Whether a domain is the owner's own, and no prefix of a domain of Cognito.
pub(super) fn is_custom(domain: &str) -> bool {
    domain.contains('.')
}

/// The first new domain of a map that a pool cannot have. `captured` has the captured domain of each old one.
pub(super) fn problem_of<'a>(
    domains: &'a BTreeMap<String, String>,
    captured: impl Fn(&str) -> Option<&'a Value>,
) -> Option<(&'a str, DomainProblem)> {
    let mut before: Vec<&str> = Vec::new();
    for (old, new) in domains {
        let old = captured(old);
        let has_certificate = old.is_some_and(|old| old["CustomDomainConfig"]["CertificateArn"].is_string());
        let problem = if !new.split('.').all(is_label) {
            DomainProblem::Malformed
        } else if !is_custom(new) && RESERVED.iter().any(|word| new.contains(word)) {
            DomainProblem::Reserved
        } else if is_custom(new) && !has_certificate {
            DomainProblem::NoCertificate
        } else if before.contains(&new.as_str()) {
            DomainProblem::Twice
        } else if before.iter().any(|other| is_custom(other) == is_custom(new)) {
            DomainProblem::SecondOfItsForm
        } else {
            before.push(new);
            continue;
        };
        return Some((new, problem));
    }
    None
}

/// The host name of the login pages of the new pool, if `host` is that of a domain of the old one.
pub(super) fn new_host(
    domains: &BTreeMap<String, String>,
    host: &str,
    from: &Home,
    to: &Home,
) -> Option<String> {
    let (_, new) = domains.iter().find(|(old, _)| host_of(old, &from.region) == host)?;
    Some(host_of(new, &to.region))
}

/// The host name of a domain. Source: "Amazon Cognito endpoints and quotas", AWS General Reference.
fn host_of(domain: &str, region: &str) -> String {
    let kind = if region.starts_with("us-gov-") { "auth-fips" } else { "auth" };
    if is_custom(domain) { domain.to_owned() } else { format!("{domain}.{kind}.{region}.amazoncognito.com") }
}

fn is_label(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= MAX_LABEL
        && text.bytes().all(|byte| is_plain(byte) || byte == b'-')
        && text.bytes().next().is_some_and(is_plain)
        && text.bytes().last().is_some_and(is_plain)
}

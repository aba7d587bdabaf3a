//! The map of `pool create`: what the new pool has instead of values that belong to the old account, Region or pool.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shared::model::configuration::rebuild::{Rewrites, SuppliedMap, SuppliedSecrets};
use shared::model::is_role;
use shared::{Error, ErrorKind};

use crate::problem::Result;

/// The file, in YAML.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct MapFile {
    arns: BTreeMap<String, String>,
    accounts: BTreeMap<String, String>,
    regions: BTreeMap<String, String>,
    domains: BTreeMap<String, String>,
    secrets: BTreeMap<String, Source>,
    group_roles: BTreeMap<String, String>,
}

/// Where a secret is. A value in the file itself is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Source {
    file: Option<PathBuf>,
    env: Option<String>,
}

/// Reads the map, and the secrets that it names.
///
/// # Errors
/// If the file cannot be read, has an unknown key or a malformed value, or a secret is not where the map says.
pub fn read(path: &Path) -> Result<SuppliedMap> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("The map {} cannot be read: {}.", path.display(), error.kind())))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(parse(&text, folder, |name| std::env::var(name).ok())?)
}

fn parse(
    text: &str,
    folder: &Path,
    variable: impl Fn(&str) -> Option<String>,
) -> std::result::Result<SuppliedMap, Error> {
    let MapFile { arns, accounts, regions, domains, secrets, group_roles } = serde_saphyr::from_str(text)
        .map_err(|error| {
            let text = error.to_string();
            wrong(format!(
                "The map cannot be read: {}.",
                text.lines().next().unwrap_or_default().trim_end_matches('.')
            ))
        })?;
    for (old, new) in &arns {
        for value in [old, new] {
            if value.starts_with("arn:") && value.split(':').count() < 6 {
                return Err(wrong(format!("The ARN {value:?} in arns of the map is malformed.")));
            }
        }
        if old.starts_with("arn:") != new.starts_with("arn:") {
            return Err(wrong(format!(
                "The key {old:?} in arns of the map leads to a value of another kind."
            )));
        }
    }
    for account in accounts.iter().flat_map(|(old, new)| [old, new]) {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong(format!(
                "The account {account:?} in accounts of the map does not have 12 digits."
            )));
        }
    }
    for role in group_roles.iter().flat_map(|(old, new)| [old, new]) {
        if !is_role(role) {
            return Err(wrong(format!("{role:?} in groupRoles of the map is not the ARN of a role.")));
        }
    }
    let mut found = BTreeMap::new();
    for (object, source) in secrets {
        let secret = match (&source.file, &source.env) {
            (Some(file), None) => std::fs::read_to_string(folder.join(file)).map_err(|error| {
                wrong(format!("The file of the secret of {object} cannot be read: {}.", error.kind()))
            })?,
            (None, Some(name)) => variable(name).ok_or_else(|| {
                wrong(format!("The environment variable {name} of the secret of {object} is not set."))
            })?,
            _ => return Err(wrong(format!("The secret of {object} in the map needs either file or env."))),
        };
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(wrong(format!("The secret of {object} is empty.")));
        }
        found.insert(object, secret.to_owned());
    }
    Ok(SuppliedMap {
        rewrites: Rewrites { arns, accounts, regions, domains },
        secrets: SuppliedSecrets::new(found),
        group_roles,
    })
}

fn wrong(what: String) -> Error {
    Error::new(ErrorKind::InvalidInput, what, "Correct the map. The guide \"A lost pool\" shows one.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> std::result::Result<SuppliedMap, Error> {
        parse(text, Path::new("/nowhere"), |name| (name == "SECRET").then(|| "planted".to_owned()))
    }

    #[test]
    fn a_map_is_read_and_its_secret_is_not_shown() {
        let map = parsed(
            "arns: {'arn:aws:kms:a:1:key/1': 'arn:aws:kms:b:2:key/2'}\naccounts: {'111111111111': '222222222222'}\n\
             regions: {eu-west-1: eu-central-1}\ndomains: {old: new}\n\
             groupRoles: {'arn:aws:iam::111111111111:role/old': 'arn:aws:iam::222222222222:role/new'}\nsecrets: {identityProviders/Google: {env: SECRET}}",
        )
        .unwrap();
        assert_eq!(map.rewrites.domains["old"], "new");
        assert_eq!(map.group_roles.len(), 1);
        assert_eq!(map.secrets.names().collect::<Vec<_>>(), ["identityProviders/Google"]);
        assert!(!format!("{map:?}").contains("planted"));
    }

    #[test]
    fn a_wrong_map_is_refused_by_its_key() {
        for (text, named) in [
            ("domain: {a: b}", "domain"),
            ("arns: {'arn:aws:kms': 'arn:aws:kms:b:2:key/2'}", "malformed"),
            ("arns: {'arn:aws:kms:a:1:key/1': x}", "another kind"),
            ("accounts: {'1': '222222222222'}", "12 digits"),
            ("secrets: {clients/web: {env: ABSENT}}", "ABSENT"),
            ("secrets: {clients/web: {file: absent.txt}}", "clients/web"),
            ("secrets: {clients/web: {}}", "file or env"),
            ("secrets: {clients/web: {value: x}}", "value"),
            ("groupRoles: {'arn:aws:iam::111111111111:role/old': new}", "groupRoles"),
        ] {
            let message = parsed(text).unwrap_err().to_string();
            assert!(message.contains(named), "{text}: {message}");
        }
    }
}

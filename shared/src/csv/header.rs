//! The header of a file, as GetCSVHeader gives it.

use std::collections::BTreeSet;

use super::value;
use crate::model::{NoJobs, PoolDescription, is_custom_attribute, is_standard_attribute};

pub(super) const USERNAME: &str = "cognito:username";
const MFA_ENABLED: &str = "cognito:mfa_enabled";
/// A column of the template in "Importing users with password hashes". Left empty, it leaves the
/// user without a password.
const PASSWORD_HASH: &str = "password_hash";

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Username,
    MfaEnabled,
    /// A value that no snapshot holds.
    Blank,
    Attribute(String),
}

/// The columns of a pool's files, in the order in which the pool gave them.
///
/// Source: `CSVHeader` of GetCSVHeader. "The order of columns in the CSV file doesn't matter", but
/// "all columns in the header must be present".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    names: Vec<String>,
    columns: Vec<Column>,
}

impl Header {
    /// Takes the columns of GetCSVHeader.
    ///
    /// # Errors
    /// Why no file can have these columns.
    pub fn parse(names: Vec<String>) -> Result<Self, NoJobs> {
        let mut seen = BTreeSet::new();
        for name in &names {
            if name.is_empty() || name.contains(',') || value::check(name).is_err() {
                return Err(NoJobs::Unwritable);
            }
            if !seen.insert(name.as_str()) {
                return Err(NoJobs::Repeated);
            }
        }
        if !seen.contains(USERNAME) {
            return Err(NoJobs::NoUsername);
        }
        let columns = names.iter().map(|name| column(name)).collect();
        Ok(Self { names, columns })
    }

    /// Checks that `target` starts jobs, by its description and these columns.
    pub fn check(&self, target: &PoolDescription) -> Result<(), NoJobs> {
        let has = |name: &str| self.names.iter().any(|column| column == name);
        let verifiable = |name: &String| has(name) && has(&format!("{name}_verified"));
        if target.auto_verified_attributes.iter().any(verifiable) {
            Ok(())
        } else {
            Err(NoJobs::NothingVerified)
        }
    }

    /// The first line of a file, without its end.
    pub fn row(&self) -> String {
        self.names.join(",")
    }

    /// The columns that the developer guide does not name. Files leave them empty. A user with an
    /// attribute of that name goes through the API.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| !is_known(name))
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(super) fn has_attribute(&self, name: &str) -> bool {
        self.columns.iter().any(|column| matches!(column, Column::Attribute(attribute) if attribute == name))
    }
}

fn column(name: &str) -> Column {
    match name {
        USERNAME => Column::Username,
        MFA_ENABLED => Column::MfaEnabled,
        PASSWORD_HASH | "sub" | "identities" => Column::Blank,
        name if name.starts_with("cognito:") => Column::Blank,
        name => Column::Attribute(name.to_owned()),
    }
}

fn is_known(name: &str) -> bool {
    matches!(name, USERNAME | MFA_ENABLED | PASSWORD_HASH)
        || is_standard_attribute(name)
        || is_custom_attribute(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::fixtures::{header, names, pool};

    #[test]
    fn every_column_of_the_developer_guide_is_known() {
        let header = header(&["custom:tier", "dev:custom:x", PASSWORD_HASH]);
        assert_eq!(header.unknown().count(), 0);
        assert!(
            header.row().starts_with("name,given_name,")
                && header.row().ends_with(",custom:tier,dev:custom:x,password_hash")
        );
        assert_eq!(header.columns().len(), header.row().split(',').count());
        assert_eq!(header.check(&pool()), Ok(()));
    }

    #[test]
    fn unknown_columns_are_named() {
        let header = header(&["cognito:favourite", "shoe_size"]);
        assert_eq!(header.unknown().collect::<Vec<_>>(), ["cognito:favourite", "shoe_size"]);
    }

    #[test]
    fn a_header_that_no_file_can_have_is_refused() {
        let with = |name: &str| Header::parse(names(&[name]));
        assert_eq!(with("email"), Err(NoJobs::Repeated));
        for name in ["custom:a,b", "custom:a\\b", "", "custom:a\n", "custom:\"a\"", " custom:a"] {
            assert_eq!(with(name), Err(NoJobs::Unwritable));
        }
        assert_eq!(Header::parse(vec!["email".into()]), Err(NoJobs::NoUsername));
    }

    #[test]
    fn a_pool_that_verifies_nothing_starts_no_job() {
        let mut nothing = pool();
        nothing.auto_verified_attributes.clear();
        assert_eq!(header(&[]).check(&nothing), Err(NoJobs::NothingVerified));
        let short = Header::parse(vec![USERNAME.into(), "email".into()]);
        assert_eq!(short.unwrap().check(&pool()), Err(NoJobs::NothingVerified));
    }
}

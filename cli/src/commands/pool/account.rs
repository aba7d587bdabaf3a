//! The account of the credentials, as an operator may require it.

use clap::Args;
use shared::{Error, ErrorKind};

use crate::arguments;
use crate::aws::{Caller, is_account};

/// The account, as the operator gives it.
#[derive(Debug, Clone, Default, Args)]
pub struct AccountArgs {
    /// Refuse, unless the credentials are of this account
    #[arg(long, value_name = "ACCOUNT_ID")]
    pub account: Option<String>,
}

impl AccountArgs {
    /// The id of the account, if the operator gives one.
    ///
    /// # Errors
    /// `InvalidInput` if it is no id of an account.
    pub fn read(&self) -> Result<Option<String>, Error> {
        arguments::read_if_given("--account", self.account.as_deref(), parse)
    }
}

fn parse(text: &str) -> Result<String, Error> {
    if is_account(text) {
        return Ok(text.to_owned());
    }
    Err(Error::new(ErrorKind::InvalidInput, "This is not the id of an account.", "Give 12 digits."))
}

/// Refuses credentials of another account than the required one. `next` says what to do.
///
/// # Errors
/// `InvalidInput` if they are of another account.
pub fn require(required: Option<&str>, caller: &Caller, next: &str) -> Result<(), Error> {
    match required {
        Some(account) if account != caller.account => {
            let what = format!(
                "The credentials are of account {}, and the argument of --account is {account}.",
                caller.account
            );
            Err(Error::new(ErrorKind::InvalidInput, what, next))
        }
        _ => Ok(()),
    }
}

//! The account of the credentials, as an operator may require it.

use shared::{Error, ErrorKind};

use crate::aws::{Caller, is_account};

/// Reads the id of an account.
///
/// # Errors
/// `InvalidInput` if it is none.
pub fn parse(text: &str) -> Result<String, Error> {
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

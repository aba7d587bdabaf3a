//! Arguments that the library reads. Its errors repeat no value. The terminal that typed an argument may see it
//! again.

use shared::Error;

/// Reads the argument of `option` with `parse`.
///
/// # Errors
/// The error of `parse`, with the argument.
pub fn read<T>(option: &str, text: &str, parse: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
    parse(text).map_err(|error| {
        let message = format!("{} The argument of {option} is {text:?}.", error.message());
        Error::new(error.kind(), message, error.guidance().clone())
    })
}

/// The same for an option that may be left out.
///
/// # Errors
/// The error of `parse`, with the argument.
pub fn read_if_given<T>(
    option: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    text.map(|text| read(option, text, parse)).transpose()
}

#[cfg(test)]
mod tests {
    use shared::ErrorKind;
    use shared::model::{PoolId, Tps};

    use super::*;

    #[test]
    fn the_error_of_an_argument_repeats_it_and_names_the_option() {
        let error = read("--pool", "nonsense", PoolId::parse).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.message(), "This is not a user pool id. The argument of --pool is \"nonsense\".");
        assert_eq!(read_if_given("--tps", None, Tps::parse), Ok(None));
    }
}

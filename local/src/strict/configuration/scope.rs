//! The account and Region of a caller.

use super::super::call::Caller;

/// The account of the emulator for access keys that are no account id.
const DEFAULT_ACCOUNT: &str = "000000000000";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub account: String,
    pub region: String,
}

impl Scope {
    /// Reads the credential scope of a signature: `Credential=<access key>/<date>/<Region>/…`. As in the
    /// emulator, an access key of 12 digits is an account id. Source: "Elements of a signed request", IAM
    /// user guide.
    pub fn of(caller: &Caller) -> Self {
        let header = caller.authorization.get("authorization").and_then(|value| value.to_str().ok());
        let credential =
            header.and_then(|header| header.split_once("Credential=")).map_or("", |(_, rest)| rest);
        let mut parts = credential.split('/');
        let key = parts.next().unwrap_or_default();
        let is_account = key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit());
        Self {
            account: if is_account { key.to_owned() } else { DEFAULT_ACCOUNT.to_owned() },
            region: parts.nth(1).unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_signature_names_the_account_and_the_region() {
        let scope = |key: &str| {
            let text = format!(
                "AWS4-HMAC-SHA256 Credential={key}/20260801/eu-west-1/cognito-idp/aws4_request, Signature=0"
            );
            let mut authorization = HeaderMap::new();
            authorization.insert("authorization", HeaderValue::try_from(text).unwrap());
            Scope::of(&Caller { authorization })
        };
        let expected = |account: &str| Scope { account: account.to_owned(), region: "eu-west-1".to_owned() };
        assert_eq!(scope("111122223333"), expected("111122223333"));
        assert_eq!(scope("test"), expected(DEFAULT_ACCOUNT));
    }
}

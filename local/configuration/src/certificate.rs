//! The certificates that Cognito makes for a pool. No call sets them, so another pool never has the same
//! ones.

use serde_json::json;

use crate::pool::Pool;
use crate::request::{Answer, Request};
use crate::{Account, blob};

/// GetSigningCertificate: the certificate that signs requests to SAML providers.
pub(crate) fn get(pool: &mut Pool, _: &mut Account, _: &Request<'_>) -> Answer {
    Ok(json!({"Certificate": made_for("signing", &pool.id)}))
}

/// A text in the place of a certificate. It differs by pool and use.
pub(crate) fn made_for(purpose: &str, pool: &str) -> String {
    blob::encoded(format!("certificate for {purpose} of {pool}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn every_pool_has_another_signing_certificate() {
        let mut fixture = Fixture::new();
        let first = fixture.call("GetSigningCertificate", json!({}));
        assert_eq!(fixture.call("GetSigningCertificate", json!({})), first);
        let other = fixture.create(json!({})).unwrap();
        assert_ne!(fixture.call("GetSigningCertificate", json!({"UserPoolId": other})), first);
    }
}

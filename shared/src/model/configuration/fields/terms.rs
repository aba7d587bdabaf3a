//! Documents of terms. Source: `TermsType`, `CreateTerms`, `UpdateTerms`.

use crate::model::configuration::{Bound, Field};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("TermsId").bound(Bound::Pool),
    Field::derived("UserPoolId").bound(Bound::Pool),
    Field::name("ClientId").bound(Bound::Pool),
    // `terms-of-use` or `privacy-policy`, one of each for a client. Another name is another document.
    Field::name("TermsName"),
    Field::setting("TermsSource").kept(),
    Field::setting("Enforcement").kept(),
    // By language. The whole map is replaced.
    Field::setting("Links.*").default("{}").kept(),
    Field::derived("CreationDate"),
    Field::volatile("LastModifiedDate"),
];

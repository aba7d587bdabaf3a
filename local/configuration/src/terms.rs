//! The documents that users agree to: terms of use and privacy policy, one of each for a client.

use serde_json::{Value, json};

use crate::pool::Pool;
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::{Account, pages};

#[derive(Debug, Clone)]
pub(crate) struct Terms {
    id: String,
    pub client: String,
    name: String,
    source: String,
    enforcement: String,
    links: Value,
    created: f64,
    modified: f64,
}

impl Terms {
    fn shown(&self, pool: &str) -> Value {
        json!({
            "TermsId": self.id, "UserPoolId": pool, "ClientId": self.client, "TermsName": self.name,
            "TermsSource": self.source, "Enforcement": self.enforcement, "Links": self.links,
            "CreationDate": self.created, "LastModifiedDate": self.modified,
        })
    }
}

fn not_found() -> ConfigurationRefusal {
    ConfigurationRefusal::not_found("Terms document does not exist.")
}

fn index(pool: &Pool, request: &Request<'_>) -> Result<usize, ConfigurationRefusal> {
    let id = request.text("TermsId");
    pool.terms.iter().position(|terms| terms.id == id).ok_or_else(not_found)
}

/// Refuses a second document of a name for a client: TermsExistsException, API reference.
fn check_unique(pool: &Pool, id: &str, client: &str, name: &str) -> Result<(), ConfigurationRefusal> {
    if pool.terms.iter().any(|terms| terms.id != id && terms.client == client && terms.name == name) {
        let message = "Terms document already exists for the client";
        return Err(ConfigurationRefusal::new("TermsExistsException", message));
    }
    Ok(())
}

/// CreateTerms.
pub(crate) fn create(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let client = pool.client(request.text("ClientId"))?.id.clone();
    check_unique(pool, "", &client, request.text("TermsName"))?;
    let terms = Terms {
        id: account.ids.uuid(),
        client,
        name: request.text("TermsName").to_owned(),
        source: request.text("TermsSource").to_owned(),
        enforcement: request.text("Enforcement").to_owned(),
        links: request.member("Links").cloned().unwrap_or_else(|| json!({})),
        created: request.now,
        modified: request.now,
    };
    let shown = terms.shown(&pool.id);
    pool.terms.push(terms);
    Ok(json!({"Terms": shown}))
}

/// UpdateTerms: omitted members are kept, links are replaced as a whole.
pub(crate) fn update(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request)?;
    let mut terms = pool.terms[index].clone();
    let members = [
        ("TermsName", &mut terms.name),
        ("TermsSource", &mut terms.source),
        ("Enforcement", &mut terms.enforcement),
    ];
    for (name, member) in members {
        if let Some(sent) = request.member(name).and_then(Value::as_str) {
            sent.clone_into(member);
        }
    }
    check_unique(pool, &terms.id, &terms.client, &terms.name)?;
    if let Some(links) = request.member("Links") {
        terms.links = links.clone();
    }
    terms.modified = request.now;
    let shown = terms.shown(&pool.id);
    pool.terms[index] = terms;
    Ok(json!({"Terms": shown}))
}

/// DescribeTerms.
pub(crate) fn describe(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request)?;
    Ok(json!({"Terms": pool.terms[index].shown(&pool.id)}))
}

/// DescribeTermsByClient.
pub(crate) fn by_client(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let (client, name) = (request.text("ClientId"), request.text("TermsName"));
    let found =
        pool.terms.iter().find(|terms| terms.client == client && terms.name == name).ok_or_else(not_found)?;
    Ok(json!({"Terms": found.shown(&pool.id)}))
}

/// DeleteTerms.
pub(crate) fn delete(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let index = index(pool, request)?;
    pool.terms.remove(index);
    Ok(json!({}))
}

/// ListTerms: 60 a page, without clients and links.
pub(crate) fn list(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let summaries: Vec<Value> = pool
        .terms
        .iter()
        .map(|terms| {
            json!({
                "TermsId": terms.id, "TermsName": terms.name, "Enforcement": terms.enforcement,
                "CreationDate": terms.created, "LastModifiedDate": terms.modified,
            })
        })
        .collect();
    let (entries, token) = pages::page(&summaries, request, 60, |_| None)?;
    Ok(pages::answer("Terms", entries, token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn a_client_has_one_document_of_each_name() {
        let mut fixture = Fixture::new();
        let client = fixture.client(json!({"ClientName": "a"}));
        let create = |name: &str| {
            json!({
                "ClientId": client, "TermsName": name, "TermsSource": "LINK", "Enforcement": "NONE",
                "Links": {"cognito:default": "https://example.com"},
            })
        };
        let terms = fixture.call("CreateTerms", create("terms-of-use"))["Terms"].take();
        assert_eq!(fixture.refused("CreateTerms", create("terms-of-use")).code, "TermsExistsException");
        fixture.refused("CreateTerms", create("cookies"));
        fixture.call("CreateTerms", create("privacy-policy"));
        let renamed = json!({"TermsId": terms["TermsId"], "TermsName": "privacy-policy"});
        assert_eq!(fixture.refused("UpdateTerms", renamed).code, "TermsExistsException");
        let links = json!({"cognito:german": "https://example.com/de"});
        let updated = fixture.call("UpdateTerms", json!({"TermsId": terms["TermsId"], "Links": links}));
        assert_eq!(
            (&updated["Terms"]["Links"], &updated["Terms"]["TermsName"]),
            (&links, &json!("terms-of-use"))
        );
        let listed = fixture.call("ListTerms", json!({}))["Terms"].take();
        assert_eq!(listed.as_array().unwrap().len(), 2);
        assert!(listed[0]["ClientId"].is_null() && listed[0]["Links"].is_null());
        let by_client = json!({"ClientId": client, "TermsName": "terms-of-use"});
        assert_eq!(fixture.call("DescribeTermsByClient", by_client.clone()), updated);
        assert_eq!(fixture.call("DescribeTerms", json!({"TermsId": terms["TermsId"]})), updated);
        fixture.call("DeleteTerms", json!({"TermsId": terms["TermsId"]}));
        assert_eq!(fixture.refused("DescribeTermsByClient", by_client).code, "ResourceNotFoundException");
    }
}

//! The style of the classic sign-in pages: CSS and a logo, for the pool (`ALL`) and for single clients.

use serde_json::{Value, json};

use crate::pool::Pool;
use crate::request::{Answer, Request};
use crate::{Account, blob, domain};

const ALL: &str = "ALL";

#[derive(Debug, Clone, Default)]
pub(crate) struct Customization {
    css: Option<String>,
    image: Option<Image>,
    created: f64,
    modified: f64,
}

#[derive(Debug, Clone)]
struct Image {
    url: String,
    bytes: Vec<u8>,
}

impl Customization {
    fn shown(&self, pool: &str, client: &str) -> Value {
        let mut shown = json!({
            "UserPoolId": pool, "ClientId": client, "CreationDate": self.created,
            "LastModifiedDate": self.modified,
        });
        if let Some(css) = &self.css {
            shown["CSS"] = css.as_str().into();
            shown["CSSVersion"] = "20190128172214".into();
        }
        if let Some(image) = &self.image {
            shown["ImageUrl"] = image.url.as_str().into();
        }
        shown
    }
}

/// The bytes behind an `ImageUrl`.
pub(crate) fn image<'a>(pool: &'a Pool, url: &str) -> Option<&'a [u8]> {
    let mut images = pool.customizations.values().filter_map(|style| style.image.as_ref());
    images.find(|image| image.url == url).map(|image| image.bytes.as_slice())
}

/// The client of a request, or `ALL`.
fn client(pool: &Pool, request: &Request<'_>) -> Result<String, crate::ConfigurationRefusal> {
    match request.text("ClientId") {
        "" | ALL => Ok(ALL.to_owned()),
        id => pool.client(id).map(|client| client.id.clone()),
    }
}

/// GetUICustomization. A client without a style reads the pool's. Nothing at all is an empty object.
pub(crate) fn get(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let client = client(pool, request)?;
    let found =
        [client.as_str(), ALL].into_iter().find_map(|owner| Some((owner, pool.customizations.get(owner)?)));
    let shown = found.map_or_else(|| json!({}), |(owner, style)| style.shown(&pool.id, owner));
    Ok(json!({"UICustomization": shown}))
}

/// SetUICustomization. Without CSS and image it removes the style: terraform-provider-aws.
pub(crate) fn set(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    domain::require_active(account, &pool.id, request.now)?;
    let client = client(pool, request)?;
    let css = request.member("CSS").and_then(Value::as_str).filter(|css| !css.is_empty()).map(str::to_owned);
    let bytes = request.text("ImageFile");
    if css.is_none() && bytes.is_empty() {
        pool.customizations.remove(&client);
        return Ok(json!({"UICustomization": {}}));
    }
    let before = pool.customizations.get(&client);
    let image = if bytes.is_empty() {
        before.and_then(|style| style.image.clone()).filter(|_| account.settings.css_alone_keeps_logo)
    } else {
        let url = format!(
            "https://d{}.cloudfront.net/{}/{}/{}/{client}/assets/images/image.jpg",
            account.ids.lower(13),
            account.region,
            pool.id,
            account.ids.lower(14)
        );
        Some(Image { url, bytes: blob::decoded(bytes).unwrap_or_default() })
    };
    let created = before.map_or(request.now, |style| style.created);
    let style = Customization { css, image, created, modified: request.now };
    let shown = style.shown(&pool.id, &client);
    pool.customizations.insert(client, style);
    Ok(json!({"UICustomization": shown}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CERTIFICATE, Fixture};

    const CSS: &str = ".banner-customizable {color: red}";

    fn fixture() -> Fixture {
        let mut fixture = Fixture::new();
        fixture.call("CreateUserPoolDomain", json!({"Domain": "login"}));
        fixture
    }

    fn shown(fixture: &mut Fixture, client: &str) -> Value {
        fixture.call("GetUICustomization", json!({"ClientId": client}))["UICustomization"].take()
    }

    #[test]
    fn a_style_needs_an_active_domain() {
        let mut fixture = Fixture::new();
        let style = json!({"CSS": CSS});
        assert!(fixture.refused("SetUICustomization", style.clone()).message.starts_with("There has to be"));
        let config = json!({"CertificateArn": CERTIFICATE});
        fixture.call(
            "CreateUserPoolDomain",
            json!({"Domain": "auth.example.com", "CustomDomainConfig": config}),
        );
        assert!(
            fixture.refused("SetUICustomization", style.clone()).message.ends_with("is currently not Active")
        );
        fixture.now += 900.0;
        fixture.call("SetUICustomization", style);
    }

    #[test]
    fn a_client_without_a_style_reads_that_of_the_pool() {
        let mut fixture = fixture();
        let client = fixture.client(json!({"ClientName": "a"}));
        assert_eq!(shown(&mut fixture, &client), json!({}));
        fixture.call("SetUICustomization", json!({"CSS": CSS}));
        assert_eq!(shown(&mut fixture, &client)["ClientId"], "ALL");
        fixture.call("SetUICustomization", json!({"ClientId": client, "CSS": CSS}));
        assert_eq!(shown(&mut fixture, &client)["ClientId"], client.as_str());
        fixture.call("SetUICustomization", json!({"ClientId": client}));
        assert_eq!(shown(&mut fixture, &client)["ClientId"], "ALL");
        fixture.refused("GetUICustomization", json!({"ClientId": "unknown"}));
    }

    #[test]
    fn a_logo_is_read_by_its_url_only() {
        let mut fixture = fixture();
        fixture.call("SetUICustomization", json!({"CSS": CSS, "ImageFile": blob::encoded(b"picture")}));
        let style = shown(&mut fixture, "ALL");
        let url = style["ImageUrl"].as_str().unwrap();
        assert!(style["ImageFile"].is_null());
        assert_eq!(fixture.configurations.image(url), Some(&b"picture"[..]));
        assert_eq!(fixture.configurations.image("https://other"), None);
        fixture.refused("SetUICustomization", json!({"ImageFile": "no base64!"}));
    }

    #[test]
    fn a_setting_says_whether_css_alone_keeps_the_logo() {
        for keeps in [true, false] {
            let mut fixture = fixture();
            fixture.settings().css_alone_keeps_logo = keeps;
            fixture.call("SetUICustomization", json!({"ImageFile": blob::encoded(b"picture")}));
            fixture.call("SetUICustomization", json!({"CSS": CSS}));
            assert_eq!(shown(&mut fixture, "ALL")["ImageUrl"].is_string(), keeps);
        }
    }
}

//! The messages that verify an e-mail address or phone number. Each has two members: one in
//! `VerificationMessageTemplate`, and an older one in the pool object. Cognito keeps one text and returns
//! both members. Source: measured, 2026-08.

use serde_json::{Value, json};

use crate::json::{Object, object};
use crate::request::Request;
use crate::settings::ConfigurationSettings;

pub(super) const TEMPLATE: &str = "VerificationMessageTemplate";

/// The older member, and the member of the template.
const TWINS: [(&str, &str); 3] = [
    ("SmsVerificationMessage", "SmsMessage"),
    ("EmailVerificationMessage", "EmailMessage"),
    ("EmailVerificationSubject", "EmailSubject"),
];

pub(super) fn default() -> Value {
    json!({"DefaultEmailOption": "CONFIRM_WITH_CODE"})
}

/// The template that a request makes of `omitted`, the template of a request without messages. `None` if the
/// request has none.
pub(super) fn sent(
    request: &Request<'_>,
    omitted: &Value,
    settings: &ConfigurationSettings,
) -> Option<Value> {
    let sent = request.member(TEMPLATE);
    let older: Vec<_> =
        TWINS.into_iter().filter_map(|(older, twin)| Some((twin, request.member(older)?.clone()))).collect();
    if sent.is_none() && older.is_empty() {
        return None;
    }
    let mut template = sent.map_or_else(|| object(omitted), |sent| with_option(object(sent)));
    for (twin, text) in older {
        if settings.older_messages_win || !template.contains_key(twin) {
            template.insert(twin.to_owned(), text);
        }
    }
    Some(Value::Object(template))
}

fn with_option(template: Object) -> Object {
    let mut all = object(&default());
    all.extend(template);
    all
}

/// The older members of a template.
pub(super) fn older(template: &Value) -> impl Iterator<Item = (String, Value)> {
    TWINS.into_iter().filter_map(|(older, twin)| Some((older.to_owned(), template.get(twin)?.clone())))
}

/// The template of a pool that another Cognito described.
pub(super) fn adopted(described: &Value) -> Value {
    let mut template = with_option(object(&described[TEMPLATE]));
    template.retain(|_, value| !value.is_null());
    for (older, twin) in TWINS {
        if let Some(text) = described.get(older).filter(|text| !text.is_null()) {
            template.entry(twin).or_insert_with(|| text.clone());
        }
    }
    Value::Object(template)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::Fixture;

    #[test]
    fn a_message_is_read_under_both_names() {
        let mut fixture = Fixture::with(json!({"EmailVerificationSubject": "A"}));
        let pool = fixture.described();
        assert_eq!(pool["VerificationMessageTemplate"]["EmailSubject"], "A");
        assert_eq!(pool["VerificationMessageTemplate"]["DefaultEmailOption"], "CONFIRM_WITH_CODE");
        fixture.call("UpdateUserPool", json!({"VerificationMessageTemplate": {"SmsMessage": "B {####}"}}));
        let pool = fixture.described();
        assert_eq!(pool["SmsVerificationMessage"], "B {####}");
        assert!(pool["EmailVerificationSubject"].is_null(), "the template is replaced as a whole");
    }

    #[test]
    fn a_setting_says_which_of_two_different_texts_wins() {
        for (older_wins, expected) in [(true, "old"), (false, "new")] {
            let mut fixture = Fixture::new();
            fixture.settings().older_messages_win = older_wins;
            let template = json!({"EmailSubject": "new"});
            let input = json!({"EmailVerificationSubject": "old", "VerificationMessageTemplate": template});
            fixture.call("UpdateUserPool", input);
            assert_eq!(fixture.described()["EmailVerificationSubject"], expected);
        }
    }
}

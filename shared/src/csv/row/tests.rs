use proptest::prelude::*;

use super::*;
use crate::csv::fixtures::{anna, expected, header, named, names, pool, schema};
use crate::model::{DataType, UserStatus};

fn encode(user: &UserRecord, target: &PoolDescription) -> Result<String, NotInCsv> {
    Row { header: &header(CUSTOM), target, sign_in_name: "anna", user }.encode()
}

const CUSTOM: &[&str] = &[
    "custom:tier",
    "custom:count",
    "custom:flag",
    "custom:when",
    "password_hash",
    "cognito:new",
    "shoe_size",
];

fn refused(more: &[(&str, &str)]) -> NotInCsv {
    encode(&anna(more), &pool()).unwrap_err()
}

fn value(column: &str, because: Unwritable) -> NotInCsv {
    NotInCsv::Value { column: column.into(), because }
}

#[test]
fn a_row_follows_the_developer_guide() {
    let user = anna(&[
        ("name", "Doe, John"),
        ("birthdate", "1985-02-01"),
        ("phone_number", "+12345550100"),
        ("phone_number_verified", "TRUE"),
        ("address", "123 Any Street, Any Town"),
        ("updated_at", "1471453471"),
        ("custom:flag", "false"),
        ("sub", "00000000-0000-4000-8000-000000000000"),
        ("identities", "[{\"userId\":\"1\"}]"),
        ("cognito:user_status", "CONFIRMED"),
    ]);
    insta::assert_snapshot!(
        encode(&user, &pool()).unwrap(),
        @r"Doe\, John,,,,,,,,,anna@example.com,true,,02/01/1985,,,+12345550100,true,123 Any Street\, Any Town,1471453471,false,anna,,,false,,,,"
    );
}

#[test]
fn every_refusal_of_a_row_has_its_reason() {
    for (more, because) in [
        (("custom:new", "1"), NotInCsv::NoColumn { attribute: "custom:new".into() }),
        (("email_verified", "false"), NotInCsv::NothingVerified),
        (("email", ""), NotInCsv::NothingToVerify { attribute: "email".into() }),
        (("phone_number_verified", "True"), NotInCsv::NothingToVerify { attribute: "phone_number".into() }),
        (("name", "a\\b"), value("name", Unwritable::Backslash)),
        (("address", "Any Street\nAny Town"), value("address", Unwritable::LineBreak)),
        (("address", "{\"locality\":\"Any Town\"}"), value("address", Unwritable::QuotationMark)),
        (("nickname", "a\tb"), value("nickname", Unwritable::ControlCharacter)),
        (("nickname", " a"), value("nickname", Unwritable::BlankAtEdge)),
        (("birthdate", "01.02.1985"), value("birthdate", Unwritable::NotADate)),
        (("updated_at", "today"), value("updated_at", Unwritable::NotATime)),
        (("custom:flag", "1"), value("custom:flag", Unwritable::NotABoolean)),
        (("custom:when", "2026-01-01"), value("custom:when", Unwritable::UndocumentedType)),
        (("shoe_size", "43"), value("shoe_size", Unwritable::UndocumentedType)),
    ] {
        let refused = refused(&[more]);
        assert_eq!(refused, because, "{more:?}");
    }
}

#[test]
fn a_row_without_a_required_attribute_is_refused() {
    let mut strict = pool();
    strict.attributes.insert("family_name".into(), schema(DataType::String, true));
    let missing = Err(NotInCsv::RequiredMissing { attribute: "family_name".into() });
    assert_eq!(encode(&anna(&[]), &strict), missing);
    assert_eq!(encode(&anna(&[("family_name", "")]), &strict), missing);
    assert!(encode(&anna(&[("family_name", "Doe")]), &strict).is_ok());
}

#[test]
fn an_empty_value_is_no_value() {
    let user = anna(&[("name", ""), ("birthdate", ""), ("custom:flag", ""), ("custom:gone", "")]);
    assert_eq!(encode(&user, &pool()), encode(&anna(&[]), &pool()));
}

#[test]
fn one_verified_attribute_is_enough() {
    let mut both = pool();
    both.auto_verified_attributes.push("phone_number".into());
    let phone = [("email_verified", "false"), ("phone_number", "+1"), ("phone_number_verified", "true")];
    assert!(encode(&anna(&phone), &both).is_ok());
    assert_eq!(encode(&anna(&phone), &pool()), Err(NotInCsv::NothingVerified));
    assert_eq!(encode(&anna(&phone[..1]), &both), Err(NotInCsv::NothingVerified));
}

#[test]
fn the_sign_in_name_is_checked() {
    let (header, mut target, user) = (header(&[]), pool(), anna(&[]));
    let mut federated = anna(&[]);
    federated.status = UserStatus::ExternalProvider;
    let row = |target: &PoolDescription, sign_in_name, user| {
        Row { header: &header, target, sign_in_name, user }.encode()
    };
    assert_eq!(row(&target, "anna", &federated), Err(NotInCsv::Federated));
    assert_eq!(row(&target, "", &user), Err(NotInCsv::NoSignInName));
    for name in ["anna b", "anna\tb", "anna\u{a0}"] {
        assert_eq!(row(&target, name, &user), Err(NotInCsv::BlankInSignInName), "{name:?}");
    }
    assert_eq!(row(&target, "a\\b", &user), Err(value(USERNAME, Unwritable::Backslash)));
    assert_eq!(row(&target, "a\nb", &user), Err(value(USERNAME, Unwritable::LineBreak)));
    assert!(row(&target, "a,b#漢", &user).unwrap().ends_with(",a\\,b#漢"));

    target.username_attributes = vec!["phone_number".into(), "email".into()];
    assert_eq!(row(&target, "anna", &user), Err(NotInCsv::ForeignSignInName));
    assert!(row(&target, "anna@example.com", &user).is_ok());
}

#[test]
fn mfa_enabled_follows_the_setting_of_the_pool() {
    let mfa = |setting: &str, options: &[&str], more: &[(&str, &str)]| {
        let (mut target, mut user) = (pool(), anna(more));
        target.mfa = MfaSetting::parse(setting);
        user.mfa_options = options.iter().map(|&option| option.to_owned()).collect();
        let row = encode(&user, &target).unwrap();
        named(&names(CUSTOM), &row)["cognito:mfa_enabled"].clone()
    };
    let phone = [("phone_number", "+12345550100")];
    let sms = ["phone_number"];
    assert_eq!([mfa("ON", &[], &[]), mfa("OFF", &sms, &phone)], ["true", "false"]);
    assert_eq!([mfa("OPTIONAL", &sms, &phone), mfa("OPTIONAL", &[], &phone)], ["true", "false"]);
    assert_eq!([mfa("OPTIONAL", &sms, &[]), mfa("NEW", &sms, &phone)], ["false", ""]);
}

#[test]
fn a_row_is_at_most_16_000_bytes_with_its_end() {
    let empty = encode(&anna(&[("name", "x")]), &pool()).unwrap().len() - 1;
    let fits = "x".repeat(16_000 - 1 - empty);
    assert_eq!(encode(&anna(&[("name", &fits)]), &pool()).unwrap().len(), 15_999);
    assert_eq!(refused(&[("name", &format!("{fits}x"))]), NotInCsv::RowTooLong);
    assert_eq!(refused(&[("name", &",".repeat(8_000))]), NotInCsv::RowTooLong);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9äß漢😀,,;'#=/|+@ -]{1,30}".prop_map(|text| text.trim().to_owned()),
        2 => "\\PC{0,20}",
        1 => any::<String>(),
        1 => "[a, \\\\\"\t\r\n\u{0}\u{2028}\u{feff}\u{200b}]{0,4}",
    ]
}

fn date() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..2100, 0..14, 0..33).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}")),
        text()
    ]
}

fn flag() -> impl Strategy<Value = String> {
    prop_oneof![8 => Just("true".to_owned()), 1 => Just("FALSE".to_owned()), 1 => text()]
}

/// Values that a row can mostly hold: up to four attributes beside the verified address.
fn attributes() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let one = prop_oneof![
        prop::sample::select(vec!["name", "address", "custom:tier", "custom:count", "phone_number"])
            .prop_flat_map(|name| text().prop_map(move |value| (name, value))),
        date().prop_map(|value| ("birthdate", value)),
        prop_oneof!["[0-9]{1,12}", text()].prop_map(|value| ("updated_at", value)),
        flag().prop_map(|value| ("email_verified", value)),
        flag().prop_map(|value| ("custom:flag", value)),
        text().prop_map(|value| ("identities", value)),
    ];
    prop::collection::vec(one, 0..5)
}

/// Whether `value` has the flaw. The code under test finds it in another way.
fn has_flaw(column: &str, value: &str, flaw: Unwritable) -> bool {
    match flaw {
        Unwritable::Backslash => value.split('\\').count() > 1,
        Unwritable::LineBreak => {
            "\n\r\u{b}\u{c}\u{85}\u{2028}\u{2029}".chars().any(|end| value.contains(end))
        }
        Unwritable::ControlCharacter => value.chars().any(|c| matches!(u32::from(c), 0..=31 | 127..=159)),
        Unwritable::QuotationMark => value.contains('"'),
        Unwritable::BlankAtEdge => {
            value.trim() != value || value.trim_matches(['\u{feff}', '\u{200b}', '\u{180e}']) != value
        }
        Unwritable::NotADate => {
            column == "birthdate"
                && (value < "0001" || value.len() != 10 || value.parse::<jiff::civil::Date>().is_err())
        }
        Unwritable::NotATime => {
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            column == "updated_at"
                && (!digits || (value.starts_with('0') && value != "0") || value.len() > 18)
        }
        Unwritable::NotABoolean => {
            ["custom:flag", "email_verified"].contains(&column)
                && !["true", "false"].contains(&value.to_lowercase().as_str())
        }
        Unwritable::UndocumentedType => column == "custom:when",
    }
}

const FLAWS: [Unwritable; 8] = [
    Unwritable::Backslash,
    Unwritable::LineBreak,
    Unwritable::ControlCharacter,
    Unwritable::QuotationMark,
    Unwritable::BlankAtEdge,
    Unwritable::NotADate,
    Unwritable::NotATime,
    Unwritable::NotABoolean,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_row_reads_back_and_every_refusal_has_its_cause(more in attributes(), name in text()) {
        let more: Vec<_> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (user, target, header) = (anna(&more), pool(), header(CUSTOM));
        let value_of = |column: &str| if column == USERNAME { &name } else { &user.attributes[column] };
        let encoded = Row { header: &header, target: &target, sign_in_name: &name, user: &user }.encode();
        let blank_name = name.chars().any(char::is_whitespace);
        match encoded {
            Ok(row) => {
                for (column, value) in named(&names(CUSTOM), &row) {
                    let expected = match column.as_str() {
                        "cognito:mfa_enabled" => "false".to_owned(),
                        column => expected(column, &name, &user),
                    };
                    prop_assert_eq!(value, expected, "{}", column);
                }
                for (column, value) in user.settable_attributes().chain([(USERNAME, name.as_str())]).filter(|(_, value)| !value.is_empty()) {
                    prop_assert!(FLAWS.iter().all(|&flaw| !has_flaw(column, value, flaw)), "{} {:?}", column, value);
                }
                prop_assert!(!blank_name && !name.is_empty());
            }
            Err(NotInCsv::NoSignInName) => prop_assert!(name.is_empty()),
            Err(NotInCsv::BlankInSignInName) => prop_assert!(blank_name),
            Err(NotInCsv::NothingVerified) => prop_assert_ne!(user.attributes["email_verified"].to_lowercase(), "true"),
            Err(NotInCsv::Value { column, because }) => {
                prop_assert!(has_flaw(&column, value_of(&column), because), "{} {:?} {:?}", column, value_of(&column), because);
            }
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}

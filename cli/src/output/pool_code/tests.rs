//! Goal: the files are valid for their tools, and whole.
//!
//! Method: record the files of a large pool, read them back, and write texts that the syntax could misread.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::model::configuration::code::as_code;
use shared::model::configuration::{
    Capture, CapturedEntry, CapturedList, CapturedObject, CapturedSecret, ObjectKind, ObjectName, assets_in,
};
use shared::model::{Digest, PoolId, RunId};

use super::*;

/// The pool that the tests of the comparison have, with objects of every kind and a canary in place of each secret.
const DOCUMENT: &str =
    include_str!("../../../../shared/src/model/configuration/difference/tests/document.json");

fn captured(document: &Value) -> (CapturedList, Vec<CapturedObject>) {
    let mut answers: BTreeMap<ObjectName, Value> = BTreeMap::new();
    for kind in ObjectKind::ALL.iter().copied().filter(|kind| *kind != ObjectKind::ClientSecrets) {
        match &document[kind.name()] {
            Value::Array(objects) => {
                answers.extend(
                    objects.iter().map(|object| (ObjectName::of(kind, id(kind, object)), object.clone())),
                );
            }
            Value::Null => {}
            object => drop(answers.insert(ObjectName::single(kind), object.clone())),
        }
    }
    let (mut entries, mut objects) = (Vec::new(), Vec::new());
    for (name, answer) in answers {
        let Capture { mut object, assets, withheld } = Capture::of(name.clone(), &answer).unwrap();
        // As the command reads them back.
        for text in assets_in(name.kind, &mut object.document) {
            let asset = assets.iter().find(|asset| asset.digest().to_string() == *text).unwrap();
            asset.base64().clone_into(text);
        }
        let secrets = withheld.iter().map(|member| CapturedSecret {
            member: member.path.clone(),
            place: member.place.clone(),
            mac: "mac".to_owned(),
            mac_key: "key".to_owned(),
            record: Digest::from_bytes([0; 16]),
        });
        entries.push(CapturedEntry {
            name,
            digest: object.digest(),
            assets: Vec::new(),
            secrets: secrets.collect(),
            secrets_left_out: 0,
        });
        objects.push(object);
    }
    (CapturedList::new(entries, Vec::new()), objects)
}

fn id(kind: ObjectKind, object: &Value) -> String {
    let text = |member: &str| object[member].as_str().unwrap_or("ALL").to_owned();
    match kind {
        ObjectKind::IdentityProvider => text("ProviderName"),
        ObjectKind::ResourceServer => text("Identifier"),
        ObjectKind::Domain => text("Domain"),
        ObjectKind::CimdPolicy => text("CIMDPolicyId"),
        ObjectKind::Replica => text("RegionName"),
        ObjectKind::Terms => format!("{}/{}", text("ClientId"), text("TermsName")),
        _ => text("ClientId"),
    }
}

fn code_of(document: &Value, tool: Tool) -> PoolCode {
    let (list, objects) = captured(document);
    let pool = PoolId::parse("eu-west-1_EXAMPLE").unwrap();
    let snapshot = RunId::parse("20261121T100000000Z-0000000a").unwrap();
    let code = as_code(tool, &pool, &list, &objects);
    PoolCode::new(&pool, &snapshot, tool, &code).unwrap()
}

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

fn content(code: &PoolCode, name: &str) -> String {
    code.files.iter().find(|file| file.name == name).unwrap().content.clone()
}

#[test]
fn the_files_of_cloudformation_are_as_recorded() {
    let code = code_of(&document(), Tool::CloudFormation);
    insta::assert_snapshot!("template.yaml", content(&code, "template.yaml"));
    insta::assert_snapshot!("resources-to-import.json", content(&code, "resources-to-import.json"));
}

#[test]
fn the_files_of_terraform_are_as_recorded() {
    let code = code_of(&document(), Tool::Terraform);
    insta::assert_snapshot!("main.tf", content(&code, "main.tf"));
    insta::assert_snapshot!("imports.tf", content(&code, "imports.tf"));
}

#[test]
fn a_template_on_stdout_is_the_template_although_the_imports_follow() {
    let code = code_of(&document(), Tool::CloudFormation);
    let printed = code.human(Timestamp::UNIX_EPOCH);
    assert!(printed.contains("\n# resources-to-import.json\n# [\n"), "{printed}");
    let read = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
    assert_eq!(read(&printed), read(&content(&code, "template.yaml")));
    assert!(hcl::parse(&code_of(&document(), Tool::Terraform).human(Timestamp::UNIX_EPOCH)).is_ok());
}

/// Texts that YAML 1.1 or HCL could take for something else.
const AWKWARD: [&str; 9] = [
    "yes",
    "0123",
    "12:30:45",
    "2026-01-01",
    "${jsonencode(1)} %{ if true } $ {x} %",
    "line one\n  line two\n\ttab \"quoted\" \\ back\n",
    " # no comment: it's {####}",
    "Ünïcödé 日本 <b>&amp;</b> which is so long that a writer may fold it, with  two blanks and a trailing one ",
    "null",
];

#[test]
fn every_text_is_read_back_as_it_was() {
    for text in AWKWARD {
        let provider = json!({
            "ProviderName": "x", "ProviderType": "OIDC",
            "ProviderDetails": {"client_id": text}, "AttributeMapping": {text: text},
        });
        let tags = json!({"key": text});
        let pool = json!({"Id": "eu-west-1_EXAMPLE", "Name": "shop", "SmsAuthenticationMessage": text, "UserPoolTags": tags});
        let document = json!({"userPool": pool, "identityProviders": [provider]});
        let template = content(&code_of(&document, Tool::CloudFormation), "template.yaml");
        let read: Value = serde_saphyr::from_str(&template).unwrap();
        let resources = &read["Resources"];
        assert_eq!(resources["UserPool"]["Properties"]["SmsAuthenticationMessage"], text, "{template}");
        assert_eq!(resources["UserPool"]["Properties"]["UserPoolTags"]["key"], text, "{template}");
        assert_eq!(resources["ProviderX"]["Properties"]["AttributeMapping"][text], text, "{template}");

        let main = content(&code_of(&document, Tool::Terraform), "main.tf");
        let read: Value = evaluated(&main);
        let resource = &read["resource"];
        assert_eq!(resource["aws_cognito_user_pool"]["main"]["sms_authentication_message"], text, "{main}");
        assert_eq!(resource["aws_cognito_user_pool"]["main"]["tags"]["key"], text, "{main}");
        assert_eq!(resource["aws_cognito_identity_provider"]["x"]["attribute_mapping"][text], text, "{main}");
    }
}

/// Every text of these signs with up to four of them. Terraform takes `${` and `%{` for the beginning of a template.
fn texts_of_signs() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut longest = all.clone();
    for _ in 0..4 {
        let longer =
            |text: &String| ["$", "%", "{", "}", "\"", "\\", "a"].map(|sign| format!("{text}{sign}"));
        longest = longest.iter().flat_map(longer).collect();
        all.extend(longest.iter().cloned());
    }
    all
}

#[test]
fn no_text_becomes_a_template_of_terraform() {
    let mut texts = texts_of_signs();
    texts.push("${a} %${var.google_client_secret} {####}".to_owned());
    texts.push("${a}$%{ if true }x%{ endif }".to_owned());
    let tags: BTreeMap<String, &String> =
        texts.iter().enumerate().map(|(index, text)| (format!("tag{index}"), text)).collect();
    // The text is a value, a key, the index of a key, a description and the id of an import.
    let awkward = "${a}%${b}";
    let server = json!({"Identifier": awkward, "Name": "x"});
    let provider = json!({
        "ProviderName": awkward, "ProviderType": "OIDC",
        "ProviderDetails": {"client_id": "x", "client_secret": "x", awkward: "x"}, "AttributeMapping": {awkward: awkward},
    });
    let document = json!({
        "userPool": {"Id": "eu-west-1_EXAMPLE", "Name": "shop", "UserPoolTags": tags},
        "resourceServers": [server], "identityProviders": [provider],
    });
    let code = code_of(&document, Tool::Terraform);
    let mut decoded = Vec::new();
    for name in ["main.tf", "imports.tf"] {
        let content = content(&code, name);
        let lines = content.lines().filter(|line| !line.starts_with('#'));
        decoded.extend(lines.flat_map(decoded_texts));
    }
    for (key, text) in &tags {
        let place = decoded.iter().position(|found| found == key).unwrap();
        assert_eq!(decoded[place + 1], **text);
    }
    for expected in [format!("eu-west-1_EXAMPLE|{awkward}"), format!("eu-west-1_EXAMPLE:{awkward}")] {
        assert!(decoded.contains(&expected), "{expected}");
    }
    let description = format!("identityProviders/{awkward} ProviderDetails.client_secret");
    assert!(decoded.contains(&description), "{decoded:?}");
    assert!(decoded.iter().filter(|text| *text == awkward).count() >= 4);
}

/// The quoted texts of a line of HCL, by the rules of its specification ("Quoted literals", "Template literals"). A
/// template within a text is a failure.
fn decoded_texts(line: &str) -> Vec<String> {
    let signs: Vec<char> = line.chars().collect();
    let (mut texts, mut at) = (Vec::new(), 0);
    while at < signs.len() {
        if signs[at] != '"' {
            at += 1;
            continue;
        }
        at += 1;
        let mut text = String::new();
        while signs[at] != '"' {
            assert!(!matches!(signs[at..], ['$' | '%', '{', ..]), "a template begins: {line}");
            match signs[at..] {
                ['$', '$', '{', ..] | ['%', '%', '{', ..] => {
                    text.extend([signs[at], '{']);
                    at += 3;
                }
                ['\\', 'u', a, b, c, d, ..] => {
                    let code = u32::from_str_radix(&String::from_iter([a, b, c, d]), 16).unwrap();
                    text.push(char::from_u32(code).unwrap());
                    at += 6;
                }
                ['\\', sign, ..] => {
                    text.push(match sign {
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        '"' | '\\' => sign,
                        _ => panic!("no such escape: {line}"),
                    });
                    at += 2;
                }
                _ => {
                    text.push(signs[at]);
                    at += 1;
                }
            }
        }
        at += 1;
        texts.push(text);
    }
    texts
}

/// The values of a file, without its references.
fn evaluated(text: &str) -> Value {
    let lines = text
        .lines()
        .filter(|line| !line.contains("aws_cognito_user_pool.") && !line.contains("ignore_changes"));
    let text = lines.map(|line| format!("{line}\n")).collect::<String>();
    let text = text.replace("type = string\n", "");
    hcl::eval::from_str(&text, &hcl::eval::Context::new()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn nothing_of_a_name_leaves_a_comment() {
    let provider =
        json!({"ProviderName": "a\nResources: {}", "ProviderType": "NewType", "ProviderDetails": {"x": "y"}});
    let code = code_of(&json!({"identityProviders": [provider]}), Tool::CloudFormation);
    let template = content(&code, "template.yaml");
    let lines = template.lines().filter(|line| line.starts_with("Resources"));
    assert_eq!(lines.count(), 1, "{template}");
}

#[test]
fn no_secret_is_in_a_file_or_in_the_json() {
    for tool in Tool::ALL {
        let code = code_of(&document(), tool);
        let json = json!(code).to_string();
        assert!(!json.contains("canary") && !code.human(Timestamp::UNIX_EPOCH).contains("canary"));
        assert!(code.left_out().unwrap().contains("sessions/ALL"));
        assert_eq!(json!(code)["secrets"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn a_template_above_the_limits_of_cloudformation_is_refused_in_a_note() {
    assert_eq!(code_of(&document(), Tool::CloudFormation).refused(), None);
    let provider = json!({
        "ProviderName": "x", "ProviderType": "SAML", "ProviderDetails": {"MetadataFile": "x".repeat(1_000_000)},
    });
    let large = json!({"identityProviders": [provider]});
    assert!(code_of(&large, Tool::CloudFormation).refused().unwrap().contains("Divide it"));
    assert_eq!(code_of(&large, Tool::Terraform).refused(), None);
}

#[test]
fn a_file_that_cannot_be_written_leaves_no_other_file() {
    let folder = std::env::temp_dir().join(format!("cognito-backup-half-{}", std::process::id()));
    let mut code = code_of(&document(), Tool::Terraform);
    // The folder of the second file does not exist.
    code.files[1].name = "missing/imports.tf";
    code.write_into(&folder).unwrap_err();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir(&folder).unwrap();
}

use serde_json::json;

use super::*;

fn custom(n: usize) -> Value {
    json!({
        "Name": format!("custom:a{n:02}"), "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
        "Mutable": true, "Required": false,
    })
}

/// The names in requests that add attributes.
fn added(writes: &[ConfigurationWrite]) -> Vec<String> {
    let attributes = writes.iter().flat_map(|write| {
        assert_eq!(write.operation(), Operation::AddCustomAttributes);
        write.reveal()["CustomAttributes"].as_array().unwrap().clone()
    });
    attributes.map(|attribute| attribute["Name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn attributes_above_the_limit_are_added_also_if_the_pool_has_the_others() {
    let pool = PoolId::parse("eu-west-1_A").unwrap();
    let mut email = schema::standard_attribute("email").unwrap().read_form();
    email["Required"] = json!(true);
    let sub = custom(0).as_object().unwrap().clone();
    let ambiguous = json!({"Name": "custom:sub"});
    let ambiguous: Map<_, _> = sub.into_iter().chain(ambiguous.as_object().unwrap().clone()).collect();
    let standard = schema::STANDARD_ATTRIBUTE_DEFAULTS.iter().map(|attribute| match attribute.name {
        "email" => email.clone(),
        _ => attribute.read_form(),
    });
    let all: Vec<Value> = standard.chain([ambiguous.into()]).chain((0..50).map(custom)).collect();
    let document = json!({"SchemaAttributes": all});
    let created = request_of(&document);
    assert_eq!(created.len(), MAX_ATTRIBUTES);
    let wanted = ["sub", "a49"];
    assert_eq!(added(&ConfigurationWrite::adding_attributes(&document, &pool)), wanted);

    // The pool after its creation has all attributes but those two.
    let mut live = all.clone();
    live.retain(|attribute| !["custom:sub", "custom:a49"].contains(&attribute["Name"].as_str().unwrap()));
    let lacking = |live: &[Value]| {
        let live = json!({"SchemaAttributes": live});
        added(&ConfigurationWrite::lacking_attributes(&document, &live, &pool))
    };
    assert_eq!(lacking(&live), wanted);
    live.push(all.last().unwrap().clone());
    assert_eq!(lacking(&live), ["sub"]);
    assert_eq!(lacking(&all), Vec::<String>::new());
}

/// The attributes in the request that creates the pool.
fn request_of(document: &Value) -> Vec<Value> {
    let name = ObjectName::single(ObjectKind::UserPool);
    let pool = PoolId::parse("eu-west-1_A").unwrap();
    let write = ConfigurationWrite::creating(&name, document, &pool, None).unwrap();
    write.reveal()["Schema"].as_array().unwrap().clone()
}

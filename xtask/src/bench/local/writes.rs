//! Counts the writes of a run to the backup table by kind of item, from the requests that passed the
//! recorder.

use std::collections::BTreeMap;

use ::bench::kind::Kind;
use local::partiql;
use local::recorder::{Call, write_units};
use serde_json::{Map, Value, json};

/// Writes of items of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    /// Writes. An item that is written twice counts twice.
    pub writes: u64,
    /// Write units in one Region.
    pub units: u64,
}

/// Writes by kind of item.
pub(super) type Writes = BTreeMap<Kind, Count>;

/// Adds up the writes among these calls to DynamoDB.
pub(super) fn add_up<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Writes {
    let mut writes = Writes::new();
    for call in calls {
        let request = call.json();
        match call.operation.as_str() {
            "BatchWriteItem" => members(&request["RequestItems"])
                .filter_map(Value::as_array)
                .flatten()
                .flat_map(members)
                .for_each(|write| add(&mut writes, write)),
            "BatchExecuteStatement" => partiql::inserts(&request)
                .unwrap_or_default()
                .into_iter()
                .for_each(|insert| add(&mut writes, &json!({"Item": insert.item}))),
            "PutItem" | "UpdateItem" | "DeleteItem" => add(&mut writes, &request),
            _ => {}
        }
    }
    writes
}

/// The number of keys that these calls read in batches.
pub(super) fn keys_looked_up<'a>(calls: impl IntoIterator<Item = &'a Call>) -> u64 {
    let of_call = |call: &Call| match call.operation.as_str() {
        "BatchGetItem" => members(&call.json()["RequestItems"])
            .filter_map(|table| table["Keys"].as_array())
            .map(|keys| keys.len() as u64)
            .sum(),
        _ => 0,
    };
    calls.into_iter().map(of_call).sum()
}

fn members(object: &Value) -> impl Iterator<Item = &Value> {
    object.as_object().into_iter().flat_map(Map::values)
}

/// Adds one write: a put has an `Item`, and an update or a delete has a `Key`.
fn add(writes: &mut Writes, write: &Value) {
    let attributes = write.get("Item").unwrap_or(&write["Key"]);
    let key = |name: &str| attributes[name]["S"].as_str().unwrap_or_default();
    let count = writes.entry(Kind::of(key("pk"), key("sk"))).or_default();
    count.writes += 1;
    // The units of a single request do not depend on its operation.
    count.units += write_units("PutItem", write.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn call(operation: &str, body: &Value) -> Call {
        Call {
            at: Instant::now(),
            service: "DynamoDB_20120810".into(),
            operation: operation.into(),
            sequence: 1,
            access_key_id: String::new(),
            region: String::new(),
            body: body.to_string().into(),
        }
    }

    fn item(pk: &str, sk: &str, length: usize) -> Value {
        json!({"pk": {"S": pk}, "sk": {"S": sk}, "e": {"S": "x".repeat(length)}})
    }

    #[test]
    fn writes_are_counted_by_kind_of_item() {
        let put = |item: Value| json!({"PutRequest": {"Item": item}});
        let calls = [
            call(
                "BatchWriteItem",
                &json!({"RequestItems": {"t": [
                    put(item("USER#p#1", "REC#a", 1)),
                    put(item("USER#p#2", "REC#b", 1_500)),
                    put(item("SNAP#s", "UNIT#users", 1)),
                ]}}),
            ),
            call(
                "PutItem",
                &json!({"Item": item("SNAP#s", "PAGES#users#001#0000001", 2_000), "ConditionExpression": "c"}),
            ),
            call(
                "BatchExecuteStatement",
                &json!({"Statements": [{
                    "Statement": r#"INSERT INTO "t" VALUE {'e': ?, 'pk': ?, 'sk': ?}"#,
                    "Parameters": [{"S": "x".repeat(1_500)}, {"S": "USER#p#3"}, {"S": "REC#c"}],
                }]}),
            ),
            call("DeleteItem", &json!({"Key": {"pk": {"S": "POOL#p"}, "sk": {"S": "LEASE#EXPORT"}}})),
            call("Query", &json!({"TableName": "t"})),
        ];
        let count = |writes, units| Count { writes, units };
        let expected = [
            (Kind::UserRecord, count(3, 5)),
            (Kind::PageBatch, count(1, 2)),
            (Kind::Unit, count(1, 1)),
            (Kind::Lease, count(1, 1)),
        ];
        let writes = add_up(&calls);
        assert_eq!(writes, Writes::from(expected));
        // The recorder counts the same sum.
        let units: u64 = calls.iter().map(|call| write_units(&call.operation, &call.body)).sum();
        assert_eq!(units, writes.values().map(|count| count.units).sum::<u64>());
    }

    #[test]
    fn keys_are_counted_over_tables_and_calls() {
        let get =
            call("BatchGetItem", &json!({"RequestItems": {"t": {"Keys": [{}, {}]}, "u": {"Keys": [{}]}}}));
        assert_eq!(keys_looked_up(&[get.clone(), get, call("GetItem", &json!({"Key": {}}))]), 6);
    }
}

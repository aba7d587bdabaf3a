//! The cost of a call in DynamoDB write units, computed from the item sizes in the request.
//!
//! Source: "DynamoDB item sizes and formats" and "DynamoDB read and write operations" in the developer guide,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.

use serde_json::{Map, Value, json};

use crate::partiql;

/// The write units of a request in one Region: for each item `ceil(size / 1 KB)`, in a transaction twice as
/// many. An insert costs as much as a put, also if an item with its key stands already.
///
/// The count is exact for a put, except that AWS gives only approximate sizes of numbers. For an update or
/// delete, it is a lower bound: it counts the key and the values in the request, but not the existing item.
/// A read counts 0.
pub fn write_units(operation: &str, body: &[u8]) -> u64 {
    if !matches!(
        operation,
        "PutItem"
            | "UpdateItem"
            | "DeleteItem"
            | "BatchWriteItem"
            | "BatchExecuteStatement"
            | "TransactWriteItems"
    ) {
        return 0;
    }
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return 0;
    };
    match operation {
        "BatchWriteItem" => batch_entries(&request).map(units_of_entry).sum(),
        "BatchExecuteStatement" => {
            let inserts = partiql::inserts(&request).unwrap_or_default();
            inserts.into_iter().map(|insert| units(&json!({"Item": insert.item}))).sum()
        }
        "TransactWriteItems" => {
            let items = request["TransactItems"].as_array().into_iter().flatten();
            items
                .map(|item| 2 * item.as_object().into_iter().flat_map(Map::values).map(units).sum::<u64>())
                .sum()
        }
        _ => units(&request),
    }
}

fn batch_entries(request: &Value) -> impl Iterator<Item = &Value> {
    let tables = request["RequestItems"].as_object().into_iter().flat_map(Map::values);
    tables.filter_map(Value::as_array).flatten()
}

/// The units of one entry of a batch: `{"PutRequest": {"Item": …}}` or `{"DeleteRequest": {"Key": …}}`.
fn units_of_entry(entry: &Value) -> u64 {
    entry.as_object().into_iter().flat_map(Map::values).map(units).sum()
}

/// The units of one `{"Item": …}`, `{"Key": …}` or `{"Key": …, "ExpressionAttributeValues": …}`.
fn units(request: &Value) -> u64 {
    let bytes = match request.get("Item") {
        Some(item) => item_bytes(item),
        None => {
            let values = request.get("ExpressionAttributeValues").and_then(Value::as_object);
            item_bytes(&request["Key"])
                + values.into_iter().flat_map(Map::values).map(value_bytes).sum::<u64>()
        }
    };
    bytes.div_ceil(1024).max(1)
}

/// The size of an item: the names and values of its attributes.
fn item_bytes(item: &Value) -> u64 {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() as u64 + value_bytes(value)).sum()
}

/// The size of a value in DynamoDB's JSON: `{"S": "text"}` and so on.
fn value_bytes(value: &Value) -> u64 {
    let Some((kind, value)) = value.as_object().and_then(|object| object.iter().next()) else {
        return 0;
    };
    let text = |value: &Value| value.as_str().map_or(0, |text| text.len() as u64);
    let set = |each: &dyn Fn(&Value) -> u64| value.as_array().into_iter().flatten().map(each).sum();
    match kind.as_str() {
        "S" => text(value),
        "N" => number_bytes(value),
        "B" => base64_bytes(value),
        "SS" => set(&text),
        "NS" => set(&number_bytes),
        "BS" => set(&base64_bytes),
        // 3 bytes for the container and 1 byte for each element.
        "L" => {
            3 + value.as_array().into_iter().flatten().map(|element| 1 + value_bytes(element)).sum::<u64>()
        }
        "M" => 3 + item_bytes(value) + value.as_object().map_or(0, |members| members.len() as u64),
        // `BOOL` and `NULL`.
        _ => 1,
    }
}

/// The size of a number: `ceil(significant digits / 2) + 1`. Leading and trailing zeros are not significant.
fn number_bytes(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or_default();
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    (digits.trim_matches('0').len() as u64).div_ceil(2) + 1
}

/// The size of the bytes in a base64 text.
fn base64_bytes(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or_default().trim_end_matches('=');
    text.len() as u64 * 3 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_sizes_follow_the_rules_that_aws_publishes() {
        let sizes = [
            (json!({"S": "häß"}), 5),
            (json!({"S": ""}), 0),
            (json!({"N": "0"}), 1),
            (json!({"N": "-1200"}), 2),
            (json!({"N": "0.00123"}), 3),
            (json!({"N": "1.5e10"}), 2),
            (json!({"B": "AAEC"}), 3),
            (json!({"B": "AAE="}), 2),
            (json!({"B": "AA=="}), 1),
            (json!({"BOOL": false}), 1),
            (json!({"NULL": true}), 1),
            (json!({"SS": ["ab", "c"]}), 3),
            (json!({"L": []}), 3),
            (json!({"L": [{"S": "ab"}, {"BOOL": true}]}), 3 + 3 + 2),
            (json!({"M": {"key": {"S": "v"}}}), 3 + 4 + 1),
        ];
        for (value, bytes) in sizes {
            assert_eq!(value_bytes(&value), bytes, "{value}");
        }
        assert_eq!(item_bytes(&json!({"pk": {"S": "abc"}, "n": {"N": "7"}})), 5 + 3);
    }

    #[test]
    fn a_started_kilobyte_costs_one_write_unit() {
        let put = |length: usize| json!({"Item": {"pk": {"S": "x".repeat(length - 2)}}}).to_string();
        assert_eq!(write_units("PutItem", put(3).as_bytes()), 1);
        assert_eq!(write_units("PutItem", put(1_024).as_bytes()), 1);
        assert_eq!(write_units("PutItem", put(1_025).as_bytes()), 2);
        assert_eq!(write_units("GetItem", put(1_025).as_bytes()), 0);
    }

    #[test]
    fn the_write_units_of_a_batch_or_transaction_count_each_item() {
        let item = json!({"Item": {"pk": {"S": "x".repeat(1_500)}}});
        let key = json!({"Key": {"pk": {"S": "x"}}});
        let batch = json!({"RequestItems": {
            "one": [{"PutRequest": item}, {"DeleteRequest": key}],
            "two": [{"PutRequest": item}],
        }});
        assert_eq!(write_units("BatchWriteItem", batch.to_string().as_bytes()), 5);
        let insert = json!({
            "Statement": r#"INSERT INTO "one" VALUE {'pk': ?, 'sk': ?}"#,
            "Parameters": [{"S": "x".repeat(1_500)}, {"S": "y"}],
        });
        let inserts = json!({"Statements": [insert, insert]});
        assert_eq!(write_units("BatchExecuteStatement", inserts.to_string().as_bytes()), 4);
        let transaction = json!({"TransactItems": [{"Put": item}, {"Delete": key}]});
        assert_eq!(write_units("TransactWriteItems", transaction.to_string().as_bytes()), 6);
        let update =
            json!({"Key": {"pk": {"S": "x"}}, "ExpressionAttributeValues": {":a": {"S": "y".repeat(1_200)}}});
        assert_eq!(write_units("UpdateItem", update.to_string().as_bytes()), 2);
    }
}

//! PartiQL inserts in the calls of the functions: what IAM and the bill see of them.
//!
//! It reads the one form that the functions send, `INSERT INTO "table" VALUE {'name': ?, …}` with a parameter for each
//! `?`. Every other statement is an error. Source: "PartiQL insert statements for DynamoDB", Amazon DynamoDB developer
//! guide.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// An insert.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// The table.
    pub table: String,
    /// The item in DynamoDB's JSON.
    pub item: Map<String, Value>,
}

/// Reads the inserts of a BatchExecuteStatement request.
///
/// # Errors
/// If a statement is no insert, or of another form.
pub fn inserts(request: &Value) -> Result<Vec<Insert>> {
    let statements = request["Statements"].as_array().context("no statements")?;
    statements.iter().map(insert).collect()
}

fn insert(request: &Value) -> Result<Insert> {
    let statement = request["Statement"].as_str().context("a statement without a text")?;
    let values = request["Parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let rest = statement.strip_prefix("INSERT INTO \"").context("a statement that is no insert")?;
    let (table, rest) = rest.split_once('"').context("a table without an end")?;
    let rest = rest.strip_prefix(" VALUE {").context("an insert without an item")?;
    let names = names(rest)?;
    ensure!(names.len() == values.len(), "{} names and {} parameters", names.len(), values.len());
    Ok(Insert { table: table.to_owned(), item: names.into_iter().zip(values.iter().cloned()).collect() })
}

/// The names in `'name': ?, 'other': ?}`. A name has each of its quotation marks twice.
fn names(text: &str) -> Result<Vec<String>> {
    let (mut names, mut rest) = (Vec::new(), text);
    loop {
        rest = rest.strip_prefix('\'').context("an attribute without a name")?;
        let mut name = String::new();
        rest = loop {
            let (part, after) = rest.split_once('\'').context("a name without an end")?;
            name.push_str(part);
            match after.strip_prefix('\'') {
                Some(after) => {
                    name.push('\'');
                    rest = after;
                }
                None => break after,
            }
        };
        names.push(name);
        rest = rest.strip_prefix(": ?").context("a value that is no parameter")?;
        match rest {
            "}" => return Ok(names),
            _ => match rest.strip_prefix(", ") {
                Some(after) => rest = after,
                None => bail!("an insert with more than an item"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(statement: &str, values: &[&str]) -> Value {
        let values: Vec<_> = values.iter().map(|value| json!({"S": value})).collect();
        json!({"Statements": [{"Statement": statement, "Parameters": values}]})
    }

    #[test]
    fn the_item_of_an_insert_is_its_names_and_parameters() -> Result<()> {
        let request = request(r#"INSERT INTO "t" VALUE {'it''s, ': ?, 'pk': ?}"#, &["', 'x': ?}", "a"]);
        let item = json!({"it's, ": {"S": "', 'x': ?}"}, "pk": {"S": "a"}});
        let wanted = Insert { table: "t".to_owned(), item: item.as_object().unwrap().clone() };
        assert_eq!(inserts(&request)?, [wanted]);
        Ok(())
    }

    #[test]
    fn a_statement_of_another_form_is_an_error() {
        for (statement, values) in [
            (r#"DELETE FROM "t" WHERE pk = ? AND sk = ?"#, &["a", "b"][..]),
            (r#"UPDATE "t" SET a = ? WHERE pk = ?"#, &["a", "b"]),
            (r#"INSERT INTO "t" VALUE {'pk': 'a', 'sk': ?}"#, &["b"]),
            (r#"INSERT INTO "t" VALUE {'pk': ?, 'sk': ?}"#, &["a"]),
            (r#"INSERT INTO "t" VALUE {'pk': ?, 'sk': ?} IF NOT EXISTS"#, &["a", "b"]),
            (r#"INSERT INTO "t" VALUE {'pk: ?}"#, &["a"]),
            (r#"INSERT INTO "t" VALUE ?"#, &["a"]),
            ("", &[]),
        ] {
            assert!(inserts(&request(statement, values)).is_err(), "{statement}");
        }
        assert!(inserts(&json!({"RequestItems": {}})).is_err());
    }
}

//! The lines for app clients that have a new id.

use std::collections::BTreeMap;

use shared::model::configuration::{ObjectKind, ObjectName};

/// A line for each client: its label, and the old and the new id. `labels` go by the old id.
pub fn new_ids(
    clients: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
) -> impl Iterator<Item = String> {
    clients.iter().map(|(old, new)| {
        let by_id = ObjectName::of(ObjectKind::Client, old.as_str()).to_string();
        match labels.get(old) {
            // The label of a client without a unique name is its id.
            Some(label) if *label != by_id => format!("{label} ({old}) is now {new}"),
            _ => format!("{by_id} is now {new}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_name_if_that_is_unique_and_its_id_in_any_case() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let clients = map(&[("1a", "2a"), ("1b", "2b"), ("1c", "2c")]);
        let labels = map(&[("1a", "clients/web"), ("1b", "clients/1b"), ("1d", "clients/none")]);
        let lines: Vec<_> = new_ids(&clients, &labels).collect();
        assert_eq!(lines, ["clients/web (1a) is now 2a", "clients/1b is now 2b", "clients/1c is now 2c"]);
    }
}

//! The inputs of the state machines, and which option of the command line sets each field.

use clap::CommandFactory;
use shared::model::{EXPORT_FIELDS, IMPORT_FIELDS, InputField, InputValue, SELECTION_FIELDS};

use super::markdown::{page, table, wrapped};
use crate::args::Cli;
use crate::guidance::options_of;

pub fn render() -> String {
    let mut text = page(
        "Inputs of the state machines",
        "An execution of a state machine starts with a JSON object. The command line builds it from its options. The console, a \
         schedule or the AWS CLI can also give it. An unknown field or a wrong value ends the execution with `InvalidInput` \
         before it changes anything. A field that is `null` counts as left out.\n\nAn import continues an \
         earlier restore only if both have the same input. `tps`, `tpsByCategory`, \
         `acceptShrunk` and `subMapRetention` may differ. `snapshot` may be the id of the restore's snapshot instead of `latest`. With any other \
         difference and `\"existing\": \"fail\"`, the import ends with `TargetNotEmpty` if the target holds users.",
    );
    let example = r#"{"userPoolId": "eu-west-1_AbCdEf123", "tps": 10}"#;
    text += &machine("export", "Export", EXPORT_FIELDS, example);
    let example = r#"{"sourceUserPoolId": "eu-west-1_AbCdEf123", "targetUserPoolId": "eu-west-1_GhIjKl456", "snapshot": "latest"}"#;
    text += &machine("import", "Import", IMPORT_FIELDS, example);
    text += "\n## `select` and `except`\n\n";
    text +=
        &wrapped("An object with any of these lists. A user in one of the lists belongs to the selection.");
    let lists: Vec<_> =
        SELECTION_FIELDS.iter().map(|(list, meaning)| [format!("`{list}`"), (*meaning).to_owned()]).collect();
    text += &format!("\n\n{}\n## `selectionId`\n\n", table(["list", "holds"], &lists));
    text + &wrapped(
        "The item `SELECTION` in the partition `SELECTION#<id>` of the table. It has `source`, the user pool of the snapshot, and \
         `selection`, an object with `select` and `except`. The `id` has 32 random digits. `expiresAt` is the time in seconds \
         since 1970 from which the item counts as absent. Give it 90 days: after that, no import continues the restore. Two \
         imports have the same selection if it selects the same, wherever it stands.",
    ) + "\n"
}

fn machine(verb: &str, title: &str, fields: &[InputField], example: &str) -> String {
    let rows: Vec<_> = fields.iter().map(|field| row(verb, field)).collect();
    let table = table(["field", "value", "default", "option", "meaning"], &rows);
    format!("\n## {title}\n\n```json\n{example}\n```\n\n{table}")
}

fn row(verb: &str, field: &InputField) -> [String; 5] {
    let (value, default) = match field.value {
        InputValue::PoolId => ("user pool id", "required"),
        InputValue::Snapshot => ("`\"latest\"` or a snapshot id", "`\"latest\"`"),
        InputValue::Tps => ("whole number, 1 to 200", "that of the deployment"),
        InputValue::Ceilings => ("object such as `{\"UserCreation\": 40}`", ""),
        InputValue::Switch => ("`true` or `false`", "`false`"),
        InputValue::SwitchedOn => ("`true` or `false`", "`true`"),
        InputValue::Words(_) => ("", ""),
        InputValue::CustomAttribute => ("name such as `\"custom:old_sub\"`", ""),
        InputValue::GroupRoles => (
            "`\"keep\"`; `\"skip\"`: no role; `{\"map\": {\"<role ARN>\": \"<role ARN>\"}}` with 1 to 100 roles",
            "`\"keep\"`",
        ),
        InputValue::SubMapRetention => {
            ("whole number, 90 to 3650, or `\"forever\"`", "that of the deployment")
        }
        InputValue::Table => ("name of a DynamoDB table", "that of the deployment"),
        InputValue::SelectionId => ("32 digits from 0 to f", ""),
        InputValue::Users => ("[object with lists](#select-and-except)", ""),
    };
    let (mut value, mut default) = (value.to_owned(), default.to_owned());
    if let InputValue::Words(words) = field.value {
        let described: Vec<_> =
            words.iter().map(|(word, meaning)| format!("`\"{word}\"`: {meaning}")).collect();
        value = described.join("; ");
        default = format!("`\"{}\"`", words[0].0);
    }
    let options: Vec<_> = options(verb, field.name).iter().map(|option| format!("`{option}`")).collect();
    [format!("`{}`", field.name), value, default, options.join(", "), field.meaning.to_owned()]
}

/// The options that set a field. Every one is an option of the verb.
fn options(verb: &str, field: &str) -> Vec<String> {
    let options = options_of(field);
    let root = Cli::command();
    let verb = root.find_subcommand(verb).unwrap();
    for option in &options {
        let mut known = verb.get_arguments().chain(root.get_arguments());
        let is_known = known.any(|known| known.get_long() == option.strip_prefix("--"));
        assert!(is_known, "no option {option} sets {field}");
    }
    options
}

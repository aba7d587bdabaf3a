//! The fields of the inputs of both state machines: names, values, defaults and meanings.
//!
//! The parser takes the names that it accepts from here, and `docs/reference/inputs.md` is rendered from here.

use InputValue::{
    Ceilings, CustomAttribute, GroupRoles, PoolId, SelectionId, Snapshot, SubMapRetention, Switch,
    SwitchedOn, Table, Tps, Users, Words,
};

/// One field of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputField {
    /// The name in the JSON object.
    pub name: &'static str,
    /// What the field takes.
    pub value: InputValue,
    /// What the field does.
    pub meaning: &'static str,
}

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputValue {
    /// The id of a user pool. Required.
    PoolId,
    /// `latest`, the default, or the id of a snapshot.
    Snapshot,
    /// A whole number of calls per second. The default is that of the deployment.
    Tps,
    /// An object with calls per second by category. No default.
    Ceilings,
    /// `true` or `false`, the default.
    Switch,
    /// `true`, the default, or `false`.
    SwitchedOn,
    /// One of these words, each with its meaning. The first is the default.
    Words(&'static [(&'static str, &'static str)]),
    /// The name of a custom attribute. No default.
    CustomAttribute,
    /// `keep`, the default, `skip`, or an object with a map of role ARNs.
    GroupRoles,
    /// A whole number of days, or `forever`. The default is that of the deployment.
    SubMapRetention,
    /// An object with lists of users and groups. No default.
    Users,
    /// The id of a stored selection. No default.
    SelectionId,
    /// The name of a DynamoDB table. The default is that of the deployment.
    Table,
}

const fn field(name: &'static str, value: InputValue, meaning: &'static str) -> InputField {
    InputField { name, value, meaning }
}

const TPS: InputField = field("tps", Tps, "The limit of Cognito calls per second of this run.");
const CEILINGS: InputField = field(
    "tpsByCategory",
    Ceilings,
    "Limits for single request quota categories of Cognito, in calls per second.",
);

const TABLE: InputField = field(
    "table",
    Table,
    "The backup table that you mean. The run is refused if its functions work on another one.",
);

/// The fields of the input of an export.
pub const EXPORT_FIELDS: &[InputField] = &[
    field("userPoolId", PoolId, "The user pool to take a snapshot of."),
    TPS,
    CEILINGS,
    field(
        "captureMfa",
        Switch,
        "Look up the second factors of every user. Each look-up is a call, and the user counts as active in that month.",
    ),
    field(
        "captureSecrets",
        SwitchedOn,
        "Encrypt the secrets of the configuration and keep them, if the deployment has the keys. `false` leaves them out.",
    ),
    field(
        "splitListing",
        Switch,
        "Allow 16 listings at once, one for each first digit of the `sub`, if one listing would take over five minutes. \
         An export with `captureMfa`, or without an earlier sealed snapshot, never splits. `false` does not turn off the \
         setting `SplitListing`.",
    ),
    field(
        "scheduled",
        Switch,
        "For schedules: if another execution exports the pool already, this one succeeds with the status `SKIPPED`. \
         `false` ends it with `ExportAlreadyRunning`.",
    ),
    TABLE,
];

/// The fields of the input of an import.
pub const IMPORT_FIELDS: &[InputField] = &[
    field("sourceUserPoolId", PoolId, "The user pool of the snapshot."),
    field("targetUserPoolId", PoolId, "The user pool to restore into."),
    field("snapshot", Snapshot, "The snapshot to restore."),
    TPS,
    CEILINGS,
    field(
        "method",
        Words(&[
            ("api", "calls create every user"),
            (
                "csv",
                "import jobs create the users that a file can carry; these users must reset their password",
            ),
        ]),
        "How the restore creates users.",
    ),
    field(
        "passwords",
        Words(&[
            ("random", "a permanent password that nothing stores; \"forgot password\" works"),
            ("temporary", "a temporary password that Cognito sends with an invitation"),
            ("csv", "the same as `\"method\": \"csv\"`"),
        ]),
        "The passwords of users that calls create.",
    ),
    field(
        "sendInvitations",
        Switch,
        "Confirms that Cognito may send invitations. Required with `\"passwords\": \"temporary\"`.",
    ),
    field(
        "federated",
        Words(&[
            ("skip", "Cognito creates them at their next sign-in"),
            ("link", "create them under a neutral name and link their identities"),
        ]),
        "What the restore does with federated users.",
    ),
    field(
        "unconfirmed",
        Words(&[("restore", "create them, confirmed"), ("skip", "leave them out, with their memberships")]),
        "What the restore does with users that signed up and were not confirmed.",
    ),
    field(
        "existing",
        Words(&[
            ("fail", "refuse a target that holds users"),
            ("skip", "leave them as they are"),
            ("update", "make them as in the snapshot"),
        ]),
        "What the restore does with users and groups that the target has. Into the snapshot's own pool: `skip` or `update`.",
    ),
    field(
        "groupRoles",
        GroupRoles,
        "The IAM roles of groups: those of the snapshot, none, or those that the map names for roles of the snapshot.",
    ),
    field(
        "acceptLosses",
        Switch,
        "Begin even if the settings of the target refuse some users, values or links.",
    ),
    field(
        "acceptShrunk",
        Switch,
        "Begin even if an earlier snapshot of the 90 days before holds many more users, so that the pool had perhaps been emptied.",
    ),
    field(
        "createMissingAttributes",
        Switch,
        "Declare the custom attributes that the target lacks. You cannot undo this.",
    ),
    field(
        "oldSubAttribute",
        CustomAttribute,
        "The custom attribute of the target that gets the old `sub` of every user that the restore creates.",
    ),
    field(
        "subMapRetention",
        SubMapRetention,
        "The days for which the sub map of the restore is kept, or `forever`. It wins over the setting `SubMapRetention`.",
    ),
    field("dryRun", Switch, "Only make the forecast, and change nothing."),
    field("select", Users, "Restore only these users, and the members of these groups."),
    field("except", Users, "Do not restore these users, and not the members of these groups."),
    field(
        "selectionId",
        SelectionId,
        "The selection in the backup table that holds both. It excludes `select` and `except`. The command line writes the \
         selection for its options, so that no name is in the input.",
    ),
    TABLE,
];

/// The lists in `select` and `except`.
pub const SELECTION_FIELDS: &[(&str, &str)] = &[
    ("usernames", "usernames as in the snapshot"),
    ("emails", "e-mail addresses as in the snapshot"),
    ("subs", "`sub`s as in the snapshot"),
    ("groups", "names of groups, for the groups and their members"),
];

/// The names of the lists in `select` and `except`.
pub(super) const SELECTION_NAMES: [&str; SELECTION_FIELDS.len()] = {
    let mut names = [""; SELECTION_FIELDS.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = SELECTION_FIELDS[place].0;
        place += 1;
    }
    names
};

/// The names of all fields, as a constant, so that the executable of a function holds no meanings.
pub(super) const EXPORT_NAMES: [&str; EXPORT_FIELDS.len()] = names(EXPORT_FIELDS);
/// The same for an import.
pub(super) const IMPORT_NAMES: [&str; IMPORT_FIELDS.len()] = names(IMPORT_FIELDS);

const fn names<const N: usize>(fields: &[InputField]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut place = 0;
    while place < N {
        names[place] = fields[place].name;
        place += 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Error;
    use crate::model::{ExportInput, ImportInput, UserFilter};

    /// Parses an input with one more field. Both values of `sendInvitations` need the passwords that go with them.
    fn parse(fields: &[InputField], name: &str, value: Value) -> Result<String, Error> {
        let is_export = fields.len() == EXPORT_FIELDS.len();
        let mut input = if is_export {
            json!({"userPoolId": "us-east-1_A"})
        } else {
            json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_B"})
        };
        if name == "passwords" && value == "temporary" {
            input["sendInvitations"] = true.into();
        }
        if name == "sendInvitations" && value == true {
            input["passwords"] = "temporary".into();
        }
        input[name] = value;
        if is_export {
            ExportInput::parse(&input).map(|input| format!("{input:?}"))
        } else {
            ImportInput::parse(&input).map(|input| format!("{input:?}"))
        }
    }

    #[test]
    fn every_field_takes_the_values_in_its_table_and_its_default_equals_a_missing_field() {
        for fields in [EXPORT_FIELDS, IMPORT_FIELDS] {
            let left_out = parse(fields, "tps", Value::Null).unwrap();
            for InputField { name, value, .. } in fields {
                let parse = |value: Value| parse(fields, name, value);
                match value {
                    PoolId => assert!(parse(Value::Null).unwrap_err().message().contains("lacks"), "{name}"),
                    Snapshot => assert_eq!(parse(json!("latest")).unwrap(), left_out),
                    Tps => assert!(parse(json!(30)).is_ok() && parse(json!(0)).is_err()),
                    Ceilings => assert!(parse(json!({"UserList": 8})).is_ok()),
                    Switch => {
                        assert_eq!(parse(json!(false)).unwrap(), left_out, "{name}");
                        assert!(parse(json!(true)).is_ok(), "{name}");
                    }
                    SwitchedOn => {
                        assert_eq!(parse(json!(true)).unwrap(), left_out, "{name}");
                        assert_ne!(parse(json!(false)).unwrap(), left_out, "{name}");
                    }
                    Words(words) => {
                        assert_eq!(parse(json!(words[0].0)).unwrap(), left_out, "{name}");
                        assert!(words.iter().all(|(word, _)| parse(json!(word)).is_ok()), "{name}");
                        // The refusal lists the words that the parser accepts.
                        let refusal = parse(json!("?")).unwrap_err();
                        let (_, choices) = refusal.message().split_once("can be ").unwrap();
                        let choices: Vec<_> = choices.split('"').skip(1).step_by(2).collect();
                        assert_eq!(
                            choices,
                            words.iter().map(|(word, _)| *word).collect::<Vec<_>>(),
                            "{name}"
                        );
                    }
                    CustomAttribute => {
                        assert!(parse(json!("custom:old_sub")).is_ok() && parse(json!("email")).is_err())
                    }
                    GroupRoles => {
                        assert_eq!(parse(json!("keep")).unwrap(), left_out);
                        assert!(parse(json!("skip")).is_ok() && parse(json!("none")).is_err());
                    }
                    SubMapRetention => {
                        let is_taken = |value: Value| parse(value).is_ok();
                        assert!(is_taken(json!(90)) && is_taken(json!(3650)) && is_taken(json!("forever")));
                        assert!(!is_taken(json!(89)) && !is_taken(json!(3651)) && !is_taken(json!("90")));
                    }
                    SelectionId => {
                        let id = "0123456789abcdef0123456789abcdef";
                        assert!(parse(json!(id)).is_ok() && parse(json!("anna")).is_err());
                    }
                    Table => assert!(parse(json!("cognito-backup")).is_ok() && parse(json!("a b")).is_err()),
                    Users => {
                        for (list, _) in SELECTION_FIELDS {
                            let sub = "11111111-2222-3333-4444-555555555555";
                            assert!(parse(json!({*list: [sub]})).is_ok(), "{name}: {list}");
                        }
                    }
                }
            }
        }
        let all: UserFilter = serde_json::from_value(
            SELECTION_FIELDS
                .iter()
                .map(|(list, _)| ((*list).to_owned(), json!(["a"])))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        )
        .unwrap();
        assert!([all.usernames, all.emails, all.subs, all.groups].iter().all(|list| list.len() == 1));
    }
}

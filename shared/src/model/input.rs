//! The input of a run, read strictly: an unknown field or a wrong value is refused before the run touches
//! anything. Errors name the field, and never repeat a value: a wrong one can be a name or an address.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::input_fields::{EXPORT_NAMES, IMPORT_NAMES};
use super::input_reader::Fields;
use super::{
    Ceilings, Existing, ImportOptions, PoolId, Selection, SelectionSource, SnapshotSelector, SubMapLifetime,
    TableName, TargetPool, Tps,
};
use crate::{Error, ErrorKind, Guidance};

/// What a state machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// The state machine takes a snapshot of a pool.
    Export,
    /// The state machine restores a snapshot into a pool.
    Import,
}

/// What starts an export. It decides what an export does that finds its pool at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartedBy {
    /// An operator or a program, who wants this export: it fails.
    #[default]
    Operator,
    /// A schedule, which wants an export now and then: it ends as skipped.
    Schedule,
}

/// The input of the export state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportInput {
    /// `userPoolId`: the pool to take a snapshot of.
    pub pool: PoolId,
    /// `tps`: the limit in calls per second. Without it, the limit of the function counts.
    pub tps: Option<Tps>,
    /// `tpsByCategory`: lower limits for single categories of calls.
    pub ceilings: Ceilings,
    /// `captureMfa`: whether the export looks up the second factors of every user. Each look-up is one
    /// call, and Cognito bills the user as active in that month.
    pub capture_mfa: bool,
    /// `captureSecrets`: whether the export encrypts and keeps the secrets of the configuration, if the deployment has
    /// keys for them.
    pub capture_secrets: bool,
    /// `splitListing`: whether the export may split the listing of users. The deployment may allow it, too.
    pub split_listing: bool,
    /// `scheduled`: whether a schedule starts the export.
    pub started_by: StartedBy,
    /// `table`: the backup table that the operator means. The run is refused if its functions have another one.
    pub table: Option<TableName>,
}

/// The input of the import state machine.
///
/// `S` is a [`Selection`], or a [`SelectionSource`] if the selection may not have been read yet. So no code takes a
/// selection in the table for all users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportInput<S = Selection> {
    /// `sourceUserPoolId`: the pool that the snapshot was taken of.
    pub source: PoolId,
    /// `targetUserPoolId`: the pool to restore into.
    pub target: PoolId,
    /// `snapshot`: `latest` (default) or a snapshot id.
    pub snapshot: SnapshotSelector,
    /// `tps`: the limit in calls per second. Without it, the limit of the function counts.
    pub tps: Option<Tps>,
    /// `tpsByCategory`: lower limits for single categories of calls.
    pub ceilings: Ceilings,
    /// `dryRun`: whether the run ends with the forecast.
    pub dry_run: bool,
    /// `acceptShrunk`: whether to restore a snapshot although an earlier one holds over a fifth more
    /// users. It decides only whether the restore begins.
    pub accept_shrunk: bool,
    /// `subMapRetention`: how long the sub map of the restore is kept.
    pub sub_map_lifetime: SubMapLifetime,
    /// `select` and `except`, or `selectionId`: the users to restore.
    pub selection: S,
    /// `table`: the backup table that the operator means. The run is refused if its functions have another one.
    pub table: Option<TableName>,
    /// All other fields: how the users are restored.
    pub options: ImportOptions,
}

impl ExportInput {
    /// Reads the input of an execution.
    ///
    /// # Errors
    /// `InvalidInput` if a field is unknown, is missing, or has a wrong value.
    pub fn parse(input: &Value) -> Result<Self, Error> {
        let fields = Fields::of(input, "export", &EXPORT_NAMES, Guidance::ExportInput)?;
        Ok(Self {
            pool: fields.pool("userPoolId")?,
            tps: fields.tps()?,
            ceilings: fields.ceilings()?,
            capture_mfa: fields.switch("captureMfa")?,
            capture_secrets: fields.switch_or("captureSecrets", true)?,
            split_listing: fields.switch("splitListing")?,
            started_by: if fields.switch("scheduled")? { StartedBy::Schedule } else { StartedBy::Operator },
            table: fields.table()?,
        })
    }
}

impl ImportInput<SelectionSource> {
    /// Reads the input of an execution.
    ///
    /// # Errors
    /// `InvalidInput` if a field is unknown, is missing, or has a wrong value. `TargetIsSource` if
    /// the target is the source and `existing` is `fail`.
    pub fn parse(input: &Value) -> Result<Self, Error> {
        let fields = Fields::of(input, "import", &IMPORT_NAMES, Guidance::ImportInput)?;
        let source = fields.pool("sourceUserPoolId")?;
        let target = fields.pool("targetUserPoolId")?;
        let options = fields.options()?;
        if TargetPool::of(&source, &target) == TargetPool::Own && options.existing == Existing::Fail {
            return Err(Error::new(
                ErrorKind::TargetIsSource,
                format!(
                    "Source and target are both user pool {target}, and the input does not say what happens to existing users."
                ),
                Guidance::RepairOrRestoreElsewhere,
            ));
        }
        let snapshot = match fields.get("snapshot") {
            None => SnapshotSelector::Latest,
            Some(value) => SnapshotSelector::parse(fields.text("snapshot", value)?).map_err(|error| {
                let what = "snapshot is not a snapshot id, and not \"latest\".";
                Error::new(error.kind(), what, error.guidance().clone())
            })?,
        };
        Ok(Self {
            source,
            target,
            snapshot,
            tps: fields.tps()?,
            ceilings: fields.ceilings()?,
            dry_run: fields.switch("dryRun")?,
            accept_shrunk: fields.switch("acceptShrunk")?,
            sub_map_lifetime: fields.sub_map_lifetime()?,
            selection: fields.selection()?,
            table: fields.table()?,
            options,
        })
    }
}

impl<S> ImportInput<S> {
    /// The same input with another selection.
    pub fn with_selection<T>(self, selection: T) -> ImportInput<T> {
        ImportInput {
            source: self.source,
            target: self.target,
            snapshot: self.snapshot,
            tps: self.tps,
            ceilings: self.ceilings,
            dry_run: self.dry_run,
            accept_shrunk: self.accept_shrunk,
            sub_map_lifetime: self.sub_map_lifetime,
            selection,
            table: self.table,
            options: self.options,
        }
    }

    /// What the target is to the snapshot.
    pub fn target_pool(&self) -> TargetPool {
        TargetPool::of(&self.source, &self.target)
    }
}

impl From<ImportInput> for ImportInput<SelectionSource> {
    fn from(input: ImportInput) -> Self {
        let selection = SelectionSource::Input(input.selection.clone());
        input.with_selection(selection)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{
        Federated, GroupRoles, Method, Passwords, SelectionId, SubMapRetention, Unconfirmed, UserFilter,
    };
    use crate::report::cause;

    #[test]
    fn good_inputs_are_read() {
        let export = ExportInput::parse(&json!({"userPoolId": "us-east-1_A", "tps": 30})).unwrap();
        assert_eq!((export.pool.as_str(), export.tps.map(Tps::get)), ("us-east-1_A", Some(30)));
        assert_eq!(ExportInput::parse(&json!({"userPoolId": "us-east-1_A", "tps": null})).unwrap().tps, None);
        let import = ImportInput::parse(
            &json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_B"}),
        )
        .unwrap();
        assert_eq!(import.snapshot, SnapshotSelector::Latest);
    }

    #[test]
    fn bad_inputs_are_refused_with_a_sentence() {
        let refused = |input: Value| cause(&ExportInput::parse(&input).unwrap_err());
        for input in [json!([]), json!("text"), json!(null), json!(1)] {
            assert!(refused(input).contains("not a JSON object"));
        }
        assert!(refused(json!({})).contains("lacks userPoolId"));
        assert!(refused(json!({"userPoolId": 5})).contains("no text"));
        assert!(refused(json!({"userPoolId": "x"})).contains("not a user pool id"));
        assert!(
            refused(json!({"userPoolId": "us-east-1_A", "TPS": 5}))
                .contains("is unknown. It may stand for \"tps\".")
        );
        for tps in [json!(0), json!(-1), json!("ten"), json!(1000), json!(1.5), json!([])] {
            assert!(
                refused(json!({"userPoolId": "us-east-1_A", "tps": tps})).contains("from 1 to 200"),
                "{tps}"
            );
        }
    }

    #[test]
    fn an_input_can_name_the_table() {
        let parse = |table: Value| ExportInput::parse(&json!({"userPoolId": "us-east-1_A", "table": table}));
        assert_eq!(parse(json!("backup.2_a-b")).unwrap().table, TableName::parse("backup.2_a-b"));
        assert_eq!(parse(Value::Null).unwrap().table, None);
        for wrong in [json!("ab"), json!("secret table"), json!(""), json!("a".repeat(256)), json!(7)] {
            let refused = cause(&parse(wrong).unwrap_err());
            assert!(refused.starts_with("table is n") && !refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn the_input_can_say_how_long_the_sub_map_is_kept() {
        let kept = |days: Value| {
            let pools = json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_B"});
            let mut input = pools;
            input["subMapRetention"] = days;
            ImportInput::parse(&input).unwrap().sub_map_lifetime
        };
        let days = |text: &str| SubMapRetention::parse(text).unwrap();
        assert_eq!(kept(Value::Null), SubMapLifetime::OfDeployment);
        assert_eq!(kept(json!(90)), SubMapLifetime::Days(days("90")));
        assert_eq!(kept(json!("forever")), SubMapLifetime::Forever);
        let of_deployment = Some(days("400"));
        let retention = |days: Value| kept(days).retention(of_deployment);
        assert_eq!(
            [Value::Null, json!(90), json!("forever")].map(retention),
            [of_deployment, Some(days("90")), None]
        );
    }

    #[test]
    fn a_selection_is_in_the_input_or_in_the_table_and_never_in_both() {
        let parse = |more: Value| {
            let mut input = json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_B"});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            ImportInput::parse(&input).map(|input| input.selection)
        };
        let id = SelectionId::of_random(7);
        assert_eq!(parse(json!({})), Ok(SelectionSource::Input(Selection::default())));
        assert_eq!(parse(json!({"selectionId": null})), parse(json!({})));
        assert_eq!(parse(json!({"selectionId": id.as_str()})), Ok(SelectionSource::Stored(id.clone())));
        let anna = UserFilter { usernames: ["anna".to_owned()].into(), ..UserFilter::default() };
        let except = Selection { select: None, except: Some(anna) };
        let people = json!({"usernames": ["anna"]});
        assert_eq!(parse(json!({"except": people})), Ok(SelectionSource::Input(except)));
        for side in ["select", "except"] {
            let refused = parse(json!({"selectionId": id.as_str(), side: people})).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            assert!(refused.message().starts_with("selectionId excludes select and except"), "{refused}");
        }
        for wrong in [json!(""), json!("anna"), json!(7), json!(format!("{id}#")), json!([id.as_str()])] {
            let refused = cause(&parse(json!({"selectionId": wrong})).unwrap_err());
            assert!(refused.starts_with("selectionId ") && !refused.contains("anna\" "), "{refused}");
        }
    }

    #[test]
    fn options_are_words_and_switches() {
        let parse = |more: Value| {
            let mut input = json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_B"});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            ImportInput::parse(&input).map(|input| input.options)
        };
        assert_eq!(parse(json!({})).unwrap(), ImportOptions::default());
        let all = json!({"passwords": "temporary", "sendInvitations": true, "federated": "link", "existing": "update", "acceptLosses": true,
            "createMissingAttributes": true, "oldSubAttribute": "custom:old_sub", "groupRoles": "skip", "unconfirmed": "skip"});
        let expected = ImportOptions {
            method: Method::Api,
            passwords: Passwords::Temporary,
            federated: Federated::Link,
            unconfirmed: Unconfirmed::Skip,
            existing: Existing::Update,
            group_roles: GroupRoles::Skip,
            accept_losses: true,
            create_missing_attributes: true,
            old_sub_attribute: Some("custom:old_sub".into()),
        };
        assert_eq!(parse(all).unwrap(), expected);
        for jobs in [
            json!({"method": "csv"}),
            json!({"passwords": "csv"}),
            json!({"method": "csv", "passwords": "csv"}),
        ] {
            assert_eq!(
                parse(jobs).unwrap(),
                ImportOptions { method: Method::Csv, ..ImportOptions::default() }
            );
        }
        for (wrong, says) in [
            (json!({"existing": "overwrite"}), "it can be \"fail\" or \"skip\" or \"update\""),
            (json!({"unconfirmed": "link"}), "it can be \"restore\" or \"skip\""),
            (json!({"federated": true}), "it can be \"skip\" or \"link\""),
            (json!({"createMissingAttributes": "yes"}), "neither true nor false"),
            (json!({"acceptShrunk": "yes"}), "neither true nor false"),
            (json!({"acceptShrunk": 1}), "neither true nor false"),
            (json!({"subMapRetention": 89}), "days from 90 to 3650 nor \"forever\""),
            (json!({"subMapRetention": 3651}), "days from 90 to 3650"),
            (json!({"subMapRetention": 90.5}), "days from 90 to 3650"),
            (json!({"subMapRetention": "90"}), "days from 90 to 3650"),
            (json!({"subMapRetention": true}), "days from 90 to 3650"),
            (json!({"oldSubAttribute": "old_sub"}), "custom:old_sub"),
            (json!({"oldSubAttribute": "custom:"}), "1 to 20 characters"),
            (json!({"oldSubAttribute": "custom:old sub"}), "1 to 20 characters"),
            (json!({"oldSubAttribute": "custom:sub_of_the_old_pool_1"}), "1 to 20 characters"),
            (json!({"oldSubAttribute": 7}), "no text"),
            (json!({"passwords": "temporary"}), "sendInvitations"),
            (json!({"sendInvitations": true}), "temporary"),
            (json!({"method": "CSV"}), "it can be \"api\" or \"csv\""),
            (json!({"method": "api", "passwords": "csv"}), "the other method"),
            (json!({"method": "csv", "passwords": "temporary", "sendInvitations": true}), "send no messages"),
        ] {
            assert!(cause(&parse(wrong).unwrap_err()).contains(says), "{says}");
        }
        let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
        let map = json!({"groupRoles": {"map": {role("old"): role("new")}}});
        assert_eq!(parse(map).unwrap().group_roles, GroupRoles::Map([(role("old"), role("new"))].into()));
        let many: serde_json::Map<_, _> =
            (0..101).map(|n| (role(&n.to_string()), json!(role("x")))).collect();
        for (wrong, says) in [
            (json!("none"), "can be \"keep\" or \"skip\" or {\"map\""),
            (json!({"map": {}, "more": 1}), "can be \"keep\""),
            (json!({"map": []}), "can be \"keep\""),
            (json!({"map": {}}), "has 0 entries"),
            (json!({"map": many}), "has 101 entries; it can have 1 to 100"),
            (
                json!({"map": {role("a"): role("b"), "secret": role("c")}}),
                "entry 2 of 2, sorted by the role of the snapshot. Its role of the snapshot is no ARN",
            ),
            (
                json!({"map": {role("a"): "secret", role("b"): role("c")}}),
                "entry 1 of 2, sorted by the role of the snapshot. Its new role is no ARN",
            ),
            (
                json!({"map": {role("a"): role(&"x".repeat(2_048))}}),
                "entry 1 of 1, sorted by the role of the snapshot. Its new role is longer than 2,048 characters",
            ),
            (
                json!({"map": {role(&"x".repeat(2_048)): role("a")}}),
                "entry 1 of 1, sorted by the role of the snapshot. Its role of the snapshot is longer than 2,048 characters",
            ),
            (
                json!({"map": {role("a"): 7}}),
                "entry 1 of 1, sorted by the role of the snapshot. Its new role is no text",
            ),
        ] {
            let refused = cause(&parse(json!({"groupRoles": wrong})).unwrap_err());
            assert!(refused.contains(says) && !refused.contains("secret"), "{refused}");
        }
        assert!(
            ExportInput::parse(&json!({"userPoolId": "us-east-1_A", "captureMfa": true}))
                .unwrap()
                .capture_mfa
        );
    }

    #[test]
    fn an_import_needs_a_snapshot_and_into_its_own_source_it_needs_a_decision_about_existing_users() {
        let refused = |input: Value| ImportInput::parse(&input).unwrap_err();
        let same = refused(json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_A"}));
        assert_eq!(same.kind(), ErrorKind::TargetIsSource);
        assert_eq!(*same.guidance(), Guidance::RepairOrRestoreElsewhere);
        let fail =
            json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_A", "existing": "fail"});
        assert_eq!(refused(fail).kind(), ErrorKind::TargetIsSource);
        for existing in ["skip", "update"] {
            let input = json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_A", "existing": existing});
            assert_eq!(ImportInput::parse(&input).unwrap().target_pool(), TargetPool::Own, "{existing}");
        }
        let snapshot = refused(
            json!({"sourceUserPoolId": "us-east-1_A", "targetUserPoolId": "us-east-1_B", "snapshot": "yesterday"}),
        );
        assert!(snapshot.to_string().contains("not a snapshot id"));
    }
}

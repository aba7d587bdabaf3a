//! The report of the demo, printed as a table or as JSON.

use comfy_table::{ContentArrangement, Table, presets};
use local::comparison::Comparison;
use serde::Serialize;
use serde_json::Value;

/// The figures of the demo.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub source_user_pool_id: String,
    pub target_user_pool_id: String,
    /// The output of the first export.
    pub export: Value,
    /// The output of the export after it. Nothing changed between the two.
    pub second_export: Value,
    /// The output of the import.
    pub restore: Value,
    pub replica: Replica,
    pub comparison: Comparison,
    pub tps: TpsFigures,
}

/// The items of the table in both Regions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replica {
    /// The Region of the replica.
    pub region: String,
    /// Items in the replica.
    pub items: u64,
    /// Items in the first Region.
    pub primary_items: u64,
}

/// Calls per second against the limit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TpsFigures {
    /// The limit of the exports.
    pub limit: u16,
    /// The limit of the import.
    pub restore_limit: u16,
    pub export_mean: f64,
    pub export_peak: u64,
    pub restore_mean: f64,
    pub restore_peak: u64,
}

impl TpsFigures {
    pub fn of(export: &Value, restore: &Value, limit: u16, restore_limit: u16) -> Self {
        let mean = |run: &Value| run["calls"]["meanPerSecond"].as_f64().unwrap_or_default();
        let peak = |run: &Value| run["calls"]["peakPerSecond"].as_u64().unwrap_or_default();
        Self {
            limit,
            restore_limit,
            export_mean: mean(export),
            export_peak: peak(export),
            restore_mean: mean(restore),
            restore_peak: peak(restore),
        }
    }
}

impl Report {
    /// What is wrong, in sentences. Empty after a good run.
    pub fn shortcomings(&self) -> Vec<String> {
        let mut found = self.comparison.examples.clone();
        let left_out = self.comparison.differences().saturating_sub(found.len());
        if left_out > 0 {
            found.push(format!("and {left_out} more differences between the pools"));
        }
        if self.restore["status"] != "SUCCEEDED" {
            let why = self.restore["cause"].as_str().unwrap_or("no cause given");
            found.push(format!("the restore ended {}: {why}", text(&self.restore["status"])));
        }
        if self.replica.items != self.replica.primary_items {
            found.push(format!(
                "the replica holds {} of {} items",
                self.replica.items, self.replica.primary_items
            ));
        }
        if self.second_export["recordsWritten"] != 0 {
            let written = text(&self.second_export["recordsWritten"]);
            found.push(format!("the second export wrote {written} records although nothing had changed"));
        }
        for (run, peak, limit) in [
            ("export", self.tps.export_peak, self.tps.limit),
            ("restore", self.tps.restore_peak, self.tps.restore_limit),
        ] {
            if peak > u64::from(limit) {
                found
                    .push(format!("the {run} sent {peak} calls within a second, above its limit of {limit}"));
            }
        }
        found
    }

    /// The figures as a table, and the comparison below it.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(["", "first export", "second export", "restore"]);
        let runs = [&self.export, &self.second_export, &self.restore];
        for (row, [first, second, third]) in [
            ("users", ["/users", "/users", "/users/created"]),
            ("groups", ["/groups", "/groups", "/groups/created"]),
            ("memberships", ["/memberships", "/memberships", "/memberships/created"]),
            ("pages", ["/pages", "/pages", ""]),
            ("records written", ["/recordsWritten", "/recordsWritten", ""]),
            ("Cognito calls", ["/calls/total"; 3]),
            ("calls per second, mean", ["/calls/meanPerSecond"; 3]),
            ("calls per second, peak", ["/calls/peakPerSecond"; 3]),
            ("calls per second, limit", ["/calls/limitPerSecond"; 3]),
        ] {
            let cells = [first, second, third].into_iter().zip(runs);
            let cells = cells.map(|(path, run)| match path {
                "" => String::new(),
                path => run.pointer(path).map_or_else(|| "?".to_owned(), text),
            });
            table.add_row(std::iter::once(row.to_owned()).chain(cells));
        }
        format!("{table}\n\n{}\n{}", self.replica_line(), self.comparison_lines())
    }

    fn replica_line(&self) -> String {
        let Replica { region, items, primary_items } = &self.replica;
        format!("backup table: {primary_items} items, and {items} in the replica in {region}")
    }

    fn comparison_lines(&self) -> String {
        let c = &self.comparison;
        let lines = [
            ("users", c.missing_users, c.extra_users, c.different_users),
            ("groups", c.missing_groups, c.extra_groups, c.different_groups),
            ("memberships", c.missing_memberships, c.extra_memberships, 0),
        ];
        let line = |(what, missing, extra, different)| {
            format!(
                "restored pool against its source, {what}: {missing} missing, {extra} too many, {different} different"
            )
        };
        lines.map(line).join("\n")
    }
}

/// A JSON value as text for people.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.1}", number.as_f64().unwrap_or_default()),
        Value::Null => "?".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Report {
        let calls = json!({"total": 40, "throttled": 0, "limitPerSecond": 10, "peakPerSecond": 10, "meanPerSecond": 9.87});
        let export = |records: u64| json!({"status": "SEALED", "users": 9, "groups": 2, "memberships": 4, "pages": 3, "recordsWritten": records, "calls": calls});
        let tally = |n: u64| json!({"created": n, "alreadyThere": 0, "skipped": 0, "failed": 0});
        let restore = json!({"status": "SUCCEEDED", "users": tally(9), "groups": tally(2), "memberships": tally(4), "calls": calls});
        Report {
            source_user_pool_id: "s".into(),
            target_user_pool_id: "t".into(),
            tps: TpsFigures::of(&export(11), &restore, 10, 10),
            export: export(11),
            second_export: export(0),
            restore,
            replica: Replica { region: "us-west-2".into(), items: 30, primary_items: 30 },
            comparison: Comparison::default(),
        }
    }

    #[test]
    fn a_good_run_has_no_shortcomings_and_a_full_table() {
        let report = good();
        assert_eq!(report.shortcomings(), Vec::<String>::new());
        let table = report.table();
        assert!(!table.contains('?'), "{table}");
        assert!(table.contains("9.9") && table.contains("0 missing"), "{table}");
    }

    #[test]
    fn every_shortcoming_is_named() {
        let mut report = good();
        report.comparison.missing_users = 2;
        report.comparison.examples = vec!["user 1 is missing".into()];
        report.restore = json!({"status": "FAILED", "error": "RestorePartial", "cause": "2 users failed"});
        report.replica.items = 29;
        report.second_export["recordsWritten"] = json!(3);
        report.tps.export_peak = 11;
        let expected = [
            "user 1 is missing",
            "and 1 more differences between the pools",
            "the restore ended FAILED: 2 users failed",
            "the replica holds 29 of 30 items",
            "the second export wrote 3 records although nothing had changed",
            "the export sent 11 calls within a second, above its limit of 10",
        ];
        assert_eq!(report.shortcomings(), expected);
    }

    #[test]
    fn the_json_has_the_promised_names() -> anyhow::Result<()> {
        let json = serde_json::to_value(good())?;
        for path in [
            "/export",
            "/secondExport",
            "/restore",
            "/replica/items",
            "/comparison/missingMemberships",
            "/tps/restorePeak",
        ] {
            assert!(json.pointer(path).is_some(), "{path}");
        }
        Ok(())
    }
}

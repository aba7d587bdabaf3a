//! Metrics in CloudWatch's Embedded Metric Format: lines of the log that CloudWatch turns into metrics,
//! without a call.
//!
//! Source: "Specification: Embedded metric format", Amazon CloudWatch user guide. A line may hold 100
//! metrics and 30 dimensions. This format uses one set of dimensions, `Operation` and `UserPoolId`. The run
//! is a property: as a dimension it would create new metrics with every run.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Value, json};

use shared::model::{Metrics, RunKind};

pub fn write(metrics: &Metrics, now: Timestamp) {
    // A failed write loses the metrics. It must not fail the run.
    let _ = writeln!(std::io::stdout(), "{}", embedded(metrics, now));
}

fn embedded(metrics: &Metrics, now: Timestamp) -> Value {
    let operation = match metrics.operation {
        RunKind::Export => "Export",
        RunKind::Import => "Import",
    };
    let described: Vec<_> = metrics
        .values
        .iter()
        .map(|(metric, _)| json!({"Name": metric.name(), "Unit": metric.unit()}))
        .collect();
    let mut line = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [
                {"Namespace": Metrics::NAMESPACE, "Dimensions": [Metrics::DIMENSIONS], "Metrics": described},
            ],
        },
        "Operation": operation,
        "UserPoolId": metrics.pool,
    });
    if let Some(run) = &metrics.run {
        line["RunId"] = json!(run);
    }
    for (metric, value) in &metrics.values {
        line[metric.name()] = json!(value);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::model::{CallStats, Counts, Execution, PoolId, RunId, Tps};

    #[test]
    fn a_line_has_the_format_that_cloudwatch_reads() {
        let now: Timestamp = "2026-11-21T02:10:00Z".parse().unwrap();
        let execution = Execution { id: "arn".to_owned(), started_at: now };
        let counts = Counts { users: 7, groups: 2, memberships: 3, pages: 4, records_written: 5 };
        let calls = CallStats { total: 9, throttled: 1, ..CallStats::none(Tps::DEFAULT) };
        let pool = PoolId::parse("eu-west-1_A").unwrap();
        let line = embedded(&Metrics::of_sealed(pool, RunId::of(&execution), counts, None, calls, 12.5), now);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&directive["Namespace"], &line["_aws"]["Timestamp"]),
            (&json!("CognitoBackup"), &json!(now.as_millisecond()))
        );
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{line}");
        }
        let described = directive["Metrics"].as_array().unwrap();
        assert_eq!(described.len(), 10);
        for metric in described {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{line}");
        }
        assert_eq!((&line["Users"], &line["Duration"]), (&json!(7.0), &json!(12.5)));
        assert!(!line.to_string().contains('\n'));
    }
}

//! Goal: Step Functions accepts both state machine definitions, and their retries leave time for the limiter.
//!
//! Method: run a validator on the definitions, and read their retries.

use anyhow::{Context, Result};
use local::paths;
use local::python::Python;
use serde_json::Value;

#[test]
fn every_state_machine_definition_is_valid() -> Result<()> {
    let python = Python::installed()?;
    for name in [
        "export.asl.json",
        "import.asl.json",
        "removal.asl.json",
        "scheduled-exports.asl.json",
        "job-logs.asl.json",
    ] {
        python.lint_state_machine(&paths::state_machines().join(name))?;
    }
    Ok(())
}

#[test]
fn the_validator_refuses_a_definition_with_an_unknown_state() -> Result<()> {
    let python = Python::installed()?;
    let valid = std::fs::read_to_string(paths::state_machines().join("export.asl.json"))?;
    let invalid = paths::local().join("invalid.asl.json");
    std::fs::write(
        &invalid,
        valid
            .replace("\"Next\": \"Seal the snapshot\"", "\"Next\": \"Seal it\"")
            .replace("\"Default\": \"Seal the snapshot\"", "\"Default\": \"Seal it\""),
    )?;
    let result = python.lint_state_machine(&invalid);
    std::fs::remove_file(&invalid)?;
    assert!(result.is_err(), "the validator accepts a transition to an unknown state");
    Ok(())
}

/// The limiter of the next invocation does not know the calls of the last second. So a retry must not
/// follow at once.
#[test]
fn every_retry_of_a_state_machine_waits_at_least_a_second() -> Result<()> {
    for name in ["export.asl.json", "import.asl.json", "removal.asl.json"] {
        let definition: Value =
            serde_json::from_str(&std::fs::read_to_string(paths::state_machines().join(name))?)?;
        let states = definition["States"].as_object().context("the definition has no states")?;
        let retries: Vec<_> =
            states.values().filter_map(|state| state["Retry"].as_array()).flatten().collect();
        assert!(retries.len() > 10, "{name}");
        for retry in retries {
            // With jitter, Step Functions would choose a wait from 0 seconds to the interval.
            assert!(
                retry["IntervalSeconds"].as_u64() >= Some(2) && retry.get("JitterStrategy").is_none(),
                "{name}: {retry}"
            );
        }
    }
    Ok(())
}

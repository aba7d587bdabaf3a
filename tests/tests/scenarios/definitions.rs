//! The state machine definitions are what Step Functions accepts.

use anyhow::{Context, Result};
use local::paths;
use local::python::Python;
use serde_json::Value;

#[test]
fn both_definitions_pass_a_validator() -> Result<()> {
    let python = Python::installed()?;
    for name in ["export.asl.json", "import.asl.json"] {
        python.lint_state_machine(&paths::state_machines().join(name))?;
    }
    Ok(())
}

#[test]
fn the_validator_finds_what_is_wrong() -> Result<()> {
    let python = Python::installed()?;
    let good = std::fs::read_to_string(paths::state_machines().join("export.asl.json"))?;
    let broken = paths::local().join("broken.asl.json");
    std::fs::write(
        &broken,
        good.replace("\"Next\": \"Seal the snapshot\"", "\"Next\": \"Seal it\"")
            .replace("\"Default\": \"Seal the snapshot\"", "\"Default\": \"Seal it\""),
    )?;
    let refused = python.lint_state_machine(&broken);
    std::fs::remove_file(&broken)?;
    assert!(refused.is_err(), "a transition to nowhere passes");
    Ok(())
}

/// A retry that followed at once would find a limiter that knows nothing of the last second.
#[test]
fn whatever_is_tried_again_is_tried_again_a_second_later_at_the_earliest() -> Result<()> {
    for name in ["export.asl.json", "import.asl.json"] {
        let definition: Value = serde_json::from_str(&std::fs::read_to_string(paths::state_machines().join(name))?)?;
        let states = definition["States"].as_object().context("states")?;
        let retries: Vec<_> = states.values().filter_map(|state| state["Retry"].as_array()).flatten().collect();
        assert!(retries.len() > 10, "{name}");
        for retry in retries {
            // With jitter, Step Functions draws from nothing up to the interval.
            assert!(retry["IntervalSeconds"].as_u64() >= Some(2) && retry.get("JitterStrategy").is_none(), "{name}: {retry}");
        }
    }
    Ok(())
}

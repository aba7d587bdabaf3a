//! The state machine definitions are what Step Functions accepts.

use anyhow::Result;
use local::paths;
use local::python::Python;

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

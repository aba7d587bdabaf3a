//! The state machines. No rule starts the removal: a test starts it with the event that it wants to play.

use std::path::Path;

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::StateMachineType;

use super::functions::{Functions, ROLE_ARN};

/// The only partition of the emulator.
const PARTITION: &str = "aws";

/// The ARNs of the state machines.
#[derive(Debug)]
pub(super) struct Machines {
    pub export: String,
    pub import: String,
    pub removal: String,
    pub copy: String,
}

pub(super) async fn create(config: &SdkConfig, folder: &Path, functions: &Functions) -> Result<Machines> {
    let client = Client::new(config);
    let create = async |name: &str| {
        let definition = folder.join(format!("{name}.asl.json"));
        create_one(&client, &format!("cognito-backup-{name}"), &definition, functions).await
    };
    Ok(Machines {
        export: create("export").await?,
        import: create("import").await?,
        removal: create("removal").await?,
        copy: create("copy").await?,
    })
}

async fn create_one(client: &Client, name: &str, definition: &Path, functions: &Functions) -> Result<String> {
    let template = std::fs::read_to_string(definition)
        .with_context(|| format!("cannot read {}", definition.display()))?;
    let definition = substitute(&template, functions).with_context(|| definition.display().to_string())?;
    let created = client
        .create_state_machine()
        .name(name)
        .definition(definition)
        .role_arn(ROLE_ARN)
        .r#type(StateMachineType::Standard)
        .send()
        .await
        .with_context(|| format!("cannot create the state machine {name}"))?;
    Ok(created.state_machine_arn)
}

/// Fills in the partition and the ARNs of the functions, as CloudFormation's `DefinitionSubstitutions` does.
fn substitute(template: &str, functions: &Functions) -> Result<String> {
    let filled = template
        .replace("${Partition}", PARTITION)
        .replace("${EnumerateFunctionArn}", &functions.enumerate)
        .replace("${ExportPageFunctionArn}", &functions.export_page)
        .replace("${ImportPageFunctionArn}", &functions.import_page)
        // The emulator has no roles, so one function is enough.
        .replace("${RemovalFunctionArn}", &functions.finalize)
        .replace("${CopyFunctionArn}", &functions.finalize)
        .replace("${FinalizeFunctionArn}", &functions.finalize);
    if let Some(at) = filled.find("${") {
        let unknown: String = filled[at..].chars().take_while(|c| *c != '"').collect();
        bail!("no value for the substitution {unknown}");
    }
    // The emulator accepts any text as a definition, and fails only at a run.
    serde_json::from_str::<serde_json::Value>(&filled).context("this is not JSON")?;
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions() -> Functions {
        let arn = |name: &str| format!("arn:{name}");
        Functions { enumerate: arn("e"), export_page: arn("x"), import_page: arn("i"), finalize: arn("f") }
    }

    #[test]
    fn every_substitution_is_filled() -> Result<()> {
        let template = r#"["arn:${Partition}:x","${EnumerateFunctionArn}","${ExportPageFunctionArn}","${ImportPageFunctionArn}","${FinalizeFunctionArn}","${RemovalFunctionArn}","${CopyFunctionArn}"]"#;
        assert_eq!(
            substitute(template, &functions())?,
            r#"["arn:aws:x","arn:e","arn:x","arn:i","arn:f","arn:f","arn:f"]"#
        );
        Ok(())
    }

    #[test]
    fn an_unknown_substitution_and_broken_json_are_errors() {
        let error = |template| substitute(template, &functions()).err().map(|error| error.to_string());
        assert_eq!(error(r#"["${Other}"]"#).as_deref(), Some("no value for the substitution ${Other}"));
        assert_eq!(error("{").as_deref(), Some("this is not JSON"));
    }
}

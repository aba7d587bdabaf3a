//! `cargo xtask local env`.

use std::io::{Write, stdout};
use std::path::Path;

use anyhow::Result;
use local::provision::{Deployment, MISLEADING};
use local::{paths, shell};

use crate::local_up::running;

/// Prints the lines for a shell: `eval "$(cargo xtask local env)"`.
pub(crate) fn run() -> Result<()> {
    let state = running()?;
    stdout().write_all(lines(&state.deployment, &paths::programs()).as_bytes())?;
    Ok(())
}

fn lines(deployment: &Deployment, programs: &Path) -> String {
    let mut lines = format!("unset {}\n", MISLEADING.join(" "));
    for (name, value) in deployment.environment() {
        lines.push_str(&format!("export {name}={}\n", shell::word(value)));
    }
    // The shell puts its own search path behind the folder. A second `eval` does not add the folder again.
    let folder = shell::word(&programs.display().to_string());
    lines.push_str(&format!(
        "case \":$PATH:\" in *:{folder}:*) ;; *) export PATH={folder}:\"$PATH\" ;; esac\n"
    ));
    lines
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn deployment() -> Deployment {
        Deployment {
            endpoint_url: "http://127.0.0.1:20001".into(),
            region: "us-east-1".into(),
            secondary_region: "us-west-2".into(),
            backup_table: "cognito-backup".into(),
            export_state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:export".into(),
            import_state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:import".into(),
            removal_state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:removal".into(),
            copy_state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:copy".into(),
            pid: 1,
        }
    }

    /// What a shell with some settings prints after it has read the lines.
    fn after(lines: &str, script: &str) -> Result<String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("eval \"$LINES_TO_READ\"\n{script}")]).env("LINES_TO_READ", lines);
        shell
            .env("AWS_PROFILE", "production")
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ENDPOINT_URL_DYNAMODB", "http://other");
        Ok(String::from_utf8(shell.output()?.stdout)?)
    }

    #[test]
    fn a_shell_points_every_sdk_at_the_local_aws_after_it_has_read_the_lines() -> Result<()> {
        let lines = lines(&deployment(), Path::new("/t/local/bin"));
        let script = r#"echo "$AWS_REGION $AWS_DEFAULT_REGION $AWS_ENDPOINT_URL ${AWS_PROFILE-unset} ${AWS_ENDPOINT_URL_DYNAMODB-unset}""#;
        assert_eq!(after(&lines, script)?, "us-east-1 us-east-1 http://127.0.0.1:20001 unset unset\n");
        Ok(())
    }

    #[test]
    fn the_search_path_begins_with_the_programs_once() -> Result<()> {
        let folder = "/a folder of O'Brien/bin";
        let lines = lines(&deployment(), Path::new(folder));
        let path = after(&format!("{lines}{lines}"), "echo \"$PATH\"")?;
        assert!(path.starts_with(&format!("{folder}:")), "{path}");
        assert_eq!(path.matches(folder).count(), 1, "{path}");
        Ok(())
    }
}

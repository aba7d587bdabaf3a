//! The command line for this machine, with its completions and man pages.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use local::build::{self, COMMAND_LINE, Output};
use local::paths;

use super::archive::{self, Kind, Member};

/// The folder of the completion scripts.
const COMPLETIONS: &str = "completions";
/// The folder of the man pages.
const MAN: &str = "man";
/// The shells, and the names under which they look for a script. Source: the documentation of `clap_complete`.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "cognito-backup.bash"),
    ("elvish", "cognito-backup.elv"),
    ("fish", "cognito-backup.fish"),
    ("powershell", "_cognito-backup.ps1"),
    ("zsh", "_cognito-backup"),
];
/// What of the workspace the archive has beside the program.
const DOCUMENTS: [&str; 2] = ["LICENSE", "README.md"];

/// Builds the command line, and writes its completions, its man pages and its archive into `folder`.
///
/// # Errors
/// If cargo fails, the command line cannot describe itself, or a file cannot be written.
pub(super) async fn write(folder: &Path) -> Result<()> {
    let program = build::command_line_for_release(Output::Shown).await?;
    describe(&program, folder)?;
    let name = format!("{COMMAND_LINE}-{}-{}", env!("CARGO_PKG_VERSION"), host()?);
    let archive = archive::tar_gz(members(&program, folder, &name)?)?;
    let file = format!("{name}.tar.gz");
    fs::write(folder.join(&file), archive).with_context(|| format!("cannot write {file}"))
}

/// Lets the program write its completions and man pages.
fn describe(program: &Path, folder: &Path) -> Result<()> {
    let completions = folder.join(COMPLETIONS);
    fs::create_dir_all(&completions).context("cannot make the folder of the completions")?;
    for (shell, file) in SHELLS {
        let script = output(Command::new(program).args(["completions", shell]))?;
        fs::write(completions.join(file), script).with_context(|| format!("cannot write {file}"))?;
    }
    output(Command::new(program).arg("man").arg("--output").arg(folder.join(MAN)))?;
    Ok(())
}

/// What the archive has, in a folder of the name `name`.
fn members(program: &Path, folder: &Path, name: &str) -> Result<Vec<Member>> {
    let read = |path: &Path, member: String, kind: Kind| -> Result<Member> {
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Member { name: format!("{name}/{member}"), kind, content })
    };
    let mut members = vec![read(program, COMMAND_LINE.to_owned(), Kind::Program)?];
    for document in DOCUMENTS {
        members.push(read(&paths::workspace().join(document), document.to_owned(), Kind::Document)?);
    }
    for part in [COMPLETIONS, MAN] {
        for entry in fs::read_dir(folder.join(part)).with_context(|| format!("cannot list {part}"))? {
            let entry = entry?;
            let member = format!("{part}/{}", entry.file_name().to_string_lossy());
            members.push(read(&entry.path(), member, Kind::Document)?);
        }
    }
    Ok(members)
}

/// The target for which cargo builds by default: this machine, in the words of rustc.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let words = String::from_utf8(output(Command::new(rustc).arg("-vV"))?)?;
    let host = words.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not name the target of this machine")
}

/// The standard output of a program that succeeds.
fn output(command: &mut Command) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program} ended with {}", output.status);
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::bill::TARGETS;

    #[test]
    fn the_archive_of_the_command_line_has_the_program_its_pages_and_the_license() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("command-line-{}", std::process::id()));
        for (part, file) in [(COMPLETIONS, "cognito-backup.bash"), (MAN, "cognito-backup.1")] {
            fs::create_dir_all(folder.join(part))?;
            fs::write(folder.join(part).join(file), "text")?;
        }
        let program = folder.join("built");
        fs::write(&program, "program")?;
        let members = members(&program, &folder, "release")?;
        let kept: Vec<_> = members.iter().map(|member| (member.name.as_str(), member.kind)).collect();
        assert_eq!(
            kept,
            [
                ("release/cognito-backup", Kind::Program),
                ("release/LICENSE", Kind::Document),
                ("release/README.md", Kind::Document),
                ("release/completions/cognito-backup.bash", Kind::Document),
                ("release/man/cognito-backup.1", Kind::Document),
            ]
        );
        fs::remove_dir_all(&folder)?;
        Ok(())
    }

    #[test]
    fn this_machine_is_one_of_the_targets_in_the_bill_of_materials() -> Result<()> {
        let host = host()?;
        // The project is also built on machines for which it has no release, for example with another C library.
        let is_released = TARGETS.contains(&host.as_str());
        assert!(is_released || !host.ends_with("-linux-gnu") && !host.ends_with("-apple-darwin"), "{host}");
        Ok(())
    }

    #[test]
    fn a_program_that_fails_is_an_error() {
        assert!(output(&mut Command::new("false")).is_err_and(|error| error.to_string().contains("false")));
    }
}

//! `man`: write the man pages into a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, ValueHint};
use clap_mangen::Man;
use jiff::Timestamp;

use crate::args::Cli;
use crate::exit::ExitStatus;
use crate::output::{Answer, ManPages};
use crate::problem::{Problem, Result};

/// The arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The folder for the pages. The command makes it if it does not exist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: PathBuf,
}

/// Writes the pages.
///
/// # Errors
/// If the folder cannot be made, or a page cannot be written into it.
pub fn run(args: &ManArgs, now: Timestamp) -> Result<Answer> {
    let folder = &args.output;
    let pages = write(folder).map_err(|error| unwritten(folder, &error))?;
    Ok(Answer::new(&ManPages { folder: folder.clone(), pages }, ExitStatus::Done, now))
}

/// Writes the pages and returns the names of their files, sorted.
fn write(folder: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let mut command = Cli::command();
    command.build();
    let mut pages = pages(&command);
    pages.sort_by_key(Man::get_filename);
    pages.iter().try_for_each(|page| page.generate_to(folder).map(drop))?;
    Ok(pages.iter().map(Man::get_filename).collect())
}

/// The page of a command, and those of its parts. A page has no date, so that the same version writes the same pages.
fn pages(command: &clap::Command) -> Vec<Man> {
    let page = Man::new(command.clone())
        // Without the quotation marks, man takes the next argument for the date.
        .date("\"\"")
        .source(concat!("cognito-backup ", env!("CARGO_PKG_VERSION")))
        .manual("cognito-backup");
    let parts = command.get_subcommands().filter(|part| !part.is_hide_set()).flat_map(pages);
    std::iter::once(page).chain(parts).collect()
}

fn unwritten(folder: &Path, error: &io::Error) -> Problem {
    Problem {
        error: "OutputFailed".to_owned(),
        message: format!("The command could not write the man pages into {}: {error}.", folder.display()),
        guidance: "Name a folder with --output in which you may write, and start the command again."
            .to_owned(),
        execution_arn: None,
        untag_with: None,
        creation: None,
        status: ExitStatus::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path) -> Result<Answer> {
        run(&ManArgs { output: folder.to_owned() }, Timestamp::UNIX_EPOCH)
    }

    fn temporary(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("cognito-backup-man-{name}-{}", std::process::id()))
    }

    #[test]
    fn every_verb_has_a_man_page_with_its_options_and_the_exit_codes() {
        let folder = temporary("pages");
        let answer = written(&folder).unwrap();
        let mut command = Cli::command();
        command.build();
        let pages: Vec<_> = answer.json["pages"].as_array().unwrap().iter().collect();
        let mut verbs = vec![("cognito-backup".to_owned(), &command)];
        for verb in command.get_subcommands() {
            let name = format!("cognito-backup-{}", verb.get_name());
            let part = |part: &'_ _| format!("{name}-{}", clap::Command::get_name(part));
            verbs.extend(verb.get_subcommands().map(|found| (part(found), found)));
            verbs.push((name, verb));
        }
        assert_eq!(pages.len(), verbs.len());
        for (name, verb) in verbs {
            let page = fs::read_to_string(folder.join(format!("{name}.1"))).unwrap();
            let heading = format!(".TH {name} 1 \"\" \"cognito-backup {}\"", env!("CARGO_PKG_VERSION"));
            assert!(page.contains(&heading), "{name}");
            assert!(page.contains("BACKUP_TABLE_NAME"), "{name}");
            for option in verb.get_arguments().filter_map(|option| option.get_long()) {
                // A hyphen has an escape in a man page.
                let option = format!("\\-\\-{}", option.replace('-', "\\-"));
                assert!(page.contains(&option), "the page {name} has no {option}");
            }
            if verb.get_after_help().is_some() {
                assert!(page.contains("the command line is wrong") || page.contains("Examples:"), "{name}");
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn man_pages_are_written_again_over_those_of_an_earlier_version() {
        let folder = temporary("again");
        fs::create_dir_all(&folder).unwrap();
        let page = folder.join("cognito-backup-export.1");
        fs::write(&page, "an earlier version").unwrap();
        written(&folder).unwrap();
        let first = fs::read(&page).unwrap();
        assert!(first.len() > 1000);
        written(&folder).unwrap();
        assert_eq!(fs::read(&page).unwrap(), first);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = temporary("file");
        fs::write(&file, "in the way").unwrap();
        let problem = written(&file.join("man1")).unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("OutputFailed", ExitStatus::Failed));
        assert!(problem.message.contains(&file.display().to_string()), "{}", problem.message);
        fs::remove_file(&file).unwrap();
    }
}

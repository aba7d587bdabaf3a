//! `completions`: print a completion script for a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use jiff::Timestamp;

use crate::args::Cli;
use crate::exit::ExitStatus;
use crate::output::{Answer, CompletionScript};

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell that reads the script
    pub shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs, now: Timestamp) -> Answer {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Answer::new(&CompletionScript { shell: args.shell.to_string(), script }, ExitStatus::Done, now)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use clap::ValueEnum;

    use super::*;

    fn script(shell: Shell) -> String {
        run(&CompletionsArgs { shell }, Timestamp::UNIX_EPOCH).human
    }

    #[test]
    fn the_script_of_each_shell_has_every_verb_and_option() {
        let mut command = Cli::command();
        command.build();
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for verb in command.get_subcommands() {
                assert!(script.contains(verb.get_name()), "{shell} completes no {}", verb.get_name());
                for option in verb.get_arguments().filter_map(|option| option.get_long()) {
                    assert!(script.contains(option), "{shell} completes no --{option}");
                }
            }
        }
    }

    #[test]
    fn bash_completes_a_verb_an_option_and_a_value() {
        for (words, completed) in [
            ("cognito-backup sna", "snapshots"),
            ("cognito-backup pool sh", "show"),
            ("cognito-backup import --exist", "--existing"),
            ("cognito-backup sub-map --format js", "jsonl"),
            ("cognito-backup completions po", "powershell"),
        ] {
            let last = words.split(' ').next_back().unwrap();
            let before = words.split(' ').rev().nth(1).unwrap();
            let line = format!(
                "COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
                 \"$(complete -p cognito-backup | sed 's/.*-F \\([^ ]*\\).*/\\1/')\" cognito-backup {last} {before}\n\
                 echo \"${{COMPREPLY[*]}}\""
            );
            let program = format!("{}\n{line}", script(Shell::Bash));
            let output = Command::new("bash").args(["--norc", "-c", &program]).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            let reply = String::from_utf8_lossy(&output.stdout);
            assert_eq!((reply.trim(), errors.as_ref()), (completed, ""), "{words}");
        }
    }

    #[test]
    fn the_json_of_a_script_names_its_shell() {
        let answer = run(&CompletionsArgs { shell: Shell::Zsh }, Timestamp::UNIX_EPOCH);
        assert_eq!(answer.json["shell"], "zsh");
        assert!(answer.json["script"].as_str().unwrap().starts_with("#compdef cognito-backup"));
    }
}

//! The verbs and their options, as clap knows them.

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::markdown::{page, sentence, table, wrapped};
use crate::args::Cli;

pub fn render() -> String {
    let mut root = Cli::command();
    root.build();
    let mut text = page(
        "The command line",
        "`cognito-backup` starts and watches the state machines of a deployment, and works on its backup table. `cognito-backup \
         <verb> --help` prints the same texts. [Exit codes](exit-codes.md) and [environment variables](environment.md) have \
         their own pages.",
    );
    text += &format!("\n| verb | |\n|---|---|\n{}", verbs(&root));
    text += "\n## Settings of every verb\n\n";
    let settings: Vec<_> = root.get_arguments().filter(|option| option.is_global_set()).collect();
    text += &options(&settings);
    for name in names(&root) {
        let found = root.find_subcommand_mut(&name).unwrap();
        text += &verb("##", &name, found);
        for part in names(found) {
            text += &verb("###", &format!("{name} {part}"), found.find_subcommand_mut(&part).unwrap());
        }
    }
    text
}

fn names(root: &Command) -> Vec<String> {
    root.get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
}

fn verbs(root: &Command) -> String {
    let line = |verb: &Command| {
        let name = verb.get_name();
        format!("| [`{name}`](#{name}) | {} |\n", sentence(&verb.get_about().unwrap_or_default().to_string()))
    };
    root.get_subcommands().map(line).collect()
}

/// A verb or a part of one, under a heading of this level.
fn verb(level: &str, name: &str, verb: &mut Command) -> String {
    let usage = verb.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").split_whitespace().collect::<Vec<_>>().join(" ");
    let about = verb.get_long_about().or(verb.get_about()).unwrap_or_default().to_string();
    let paragraphs: Vec<_> = about.split("\n\n").map(sentence).collect();
    let mut text =
        format!("\n{level} {name}\n\n{}\n\n```text\n{usage}\n```\n", wrapped(&paragraphs.join("\n\n")));
    let own: Vec<_> =
        verb.get_arguments().filter(|option| !option.is_global_set() && option.get_id() != "help").collect();
    for heading in headings(&own) {
        if let Some(heading) = heading {
            text += &format!("\n**{heading}**\n");
        }
        let under: Vec<_> =
            own.iter().copied().filter(|option| option.get_help_heading() == heading).collect();
        text += &format!("\n{}", options(&under));
    }
    text
}

/// The headings of the options, in the order in which the help prints them: those without one first.
fn headings<'a>(options: &[&'a Arg]) -> Vec<Option<&'a str>> {
    let mut headings = vec![];
    for option in options {
        if !headings.contains(&option.get_help_heading()) {
            headings.push(option.get_help_heading());
        }
    }
    headings.sort_by_key(Option::is_some);
    headings
}

fn options(options: &[&Arg]) -> String {
    let rows: Vec<_> = options.iter().map(|option| row(option)).collect();
    table(["option", "default", "environment", "meaning"], &rows)
}

fn row(option: &Arg) -> [String; 4] {
    let help = option.get_help().unwrap_or_default().to_string();
    let (help, told) = default_in(&help);
    let defaults: Vec<_> =
        option.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    let takes_value = matches!(option.get_action(), ArgAction::Set | ArgAction::Append);
    let default = match told {
        _ if option.is_required_set() => "required".to_owned(),
        Some(told) if told.chars().all(|c| c.is_ascii_alphanumeric()) => format!("`{told}`"),
        Some(told) => told.to_owned(),
        None if takes_value => defaults.join(", "),
        None => String::new(),
    };
    let environment =
        option.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
    [name(option, takes_value), default, environment, meaning(option, help, takes_value)]
}

/// The help without the default that stands at its end, and that default.
fn default_in(help: &str) -> (&str, Option<&str>) {
    match help.strip_suffix(']').and_then(|help| help.rsplit_once("[default: ")) {
        Some((help, default)) => (help.trim(), Some(default)),
        None => (help, None),
    }
}

fn name(option: &Arg, takes_value: bool) -> String {
    if option.is_positional() {
        return format!("`<{}>`", option.get_value_names().unwrap_or_default().join("> <"));
    }
    let short = option.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let value = match option.get_value_names() {
        Some(names) if takes_value => format!(" <{}>", names[0]),
        _ => String::new(),
    };
    format!("{short}`--{}{value}`", option.get_long().unwrap_or_default())
}

fn meaning(option: &Arg, help: &str, takes_value: bool) -> String {
    let mut meaning = sentence(help);
    if takes_value {
        let describe = |value: clap::builder::PossibleValue| {
            let help = value.get_help().map(|help| format!(": {help}")).unwrap_or_default();
            format!("`{}`{help}", value.get_name())
        };
        let values: Vec<_> = option.get_possible_values().into_iter().map(describe).collect();
        if !values.is_empty() {
            meaning += &format!(" {}.", values.join("; "));
        }
    }
    if matches!(option.get_action(), ArgAction::Append) {
        meaning += " May be repeated.";
    }
    meaning
}

#[test]
fn a_default_at_the_end_of_a_help_text_is_taken_out() {
    assert_eq!(
        default_in("The Region [default: that of the pool]"),
        ("The Region", Some("that of the pool"))
    );
    assert_eq!(default_in("The Region"), ("The Region", None));
}

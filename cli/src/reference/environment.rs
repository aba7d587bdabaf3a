//! The environment variables of the functions and of the command line.

use clap::CommandFactory;
use shared_aws::environment::{VARIABLES, Variable};

use super::markdown::{page, sentence, table, wrapped};
use crate::args::Cli;

pub fn render() -> String {
    let mut text = page(
        "Environment variables",
        "The [deployment](settings.md) sets the variables of the functions. An empty variable counts as unset. A wrong \
         value ends the run with `InvalidConfiguration`.",
    );
    let of_the_functions: Vec<_> = VARIABLES.iter().map(row).collect();
    text += &format!("\n## Functions\n\n{}", table(["variable", "default", "meaning"], &of_the_functions));
    let cli = Cli::command();
    let of_the_command_line: Vec<_> = cli
        .get_arguments()
        .filter_map(|option| {
            let (name, option_name) = (option.get_env()?.to_string_lossy(), option.get_long()?);
            let help = option.get_help().unwrap_or_default().to_string();
            Some([
                format!("`{name}`"),
                format!("`--{option_name}`"),
                sentence(help.split(" [").next().unwrap_or_default()),
            ])
        })
        .collect();
    text += "\n## Command line\n\n";
    text += &wrapped(
        "Each variable stands for an option of [every verb](command-line.md#settings-of-every-verb). The option wins.",
    );
    text += &format!("\n\n{}\n", table(["variable", "option", "meaning"], &of_the_command_line));
    text += &wrapped(
        "The functions and the command line also read the variables of the AWS SDK: credentials, `AWS_PROFILE`, `AWS_REGION`, \
         `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`.",
    );
    text + "\n"
}

fn row(variable: &Variable) -> [String; 3] {
    let default = variable.default.unwrap_or("required");
    [format!("`{}`", variable.name), default.to_owned(), sentence(variable.meaning)]
}

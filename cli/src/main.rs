//! `cognito-backup`: the operator's command line.

mod args;
mod arguments;
mod aws;
mod causes;
mod commands;
mod dispatch;
mod exit;
mod guidance;
mod home_region;
mod losses;
mod output;
mod problem;
#[cfg(test)]
mod reference;
mod settings;
mod sub_maps;
#[cfg(test)]
mod testing;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;

use crate::args::Cli;
use crate::commands::Session;
use crate::output::Printer;
use crate::output::text::fit_to_terminal;
use crate::problem::Problem;
use crate::watch::{Meter, interrupt};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(error),
    };
    let printer = Printer { json: cli.settings.json };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return printer
                .finish(Err(Problem::internal(format!("The program cannot start: {error}."))))
                .into();
        }
    };
    fit_to_terminal();
    let mut meter = Meter::new(cli.settings.quiet);
    let mut stdout = std::io::stdout();
    let session =
        Session { meter: &mut meter, lines: &mut stdout, interrupted: interrupt(), now: Timestamp::now };
    let result = runtime.block_on(dispatch::run(&cli.command, &cli.settings, session));
    // No line of progress stays beside the answer.
    meter.end();
    printer.finish(result).into()
}

/// Shows the help, or what is wrong with the command line.
fn refuse(error: clap::Error) -> ExitCode {
    let error = &args::with_usage(error, &std::env::args().collect::<Vec<_>>());
    // A closed stream has no reader, so a failure to print is no failure of the command.
    let _ = error.print();
    if error.use_stderr() {
        Printer { json: std::env::args().any(|arg| arg == "--json") }.usage(error).into()
    } else {
        ExitCode::SUCCESS
    }
}

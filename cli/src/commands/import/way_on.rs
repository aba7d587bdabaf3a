//! The way on after a command has created its pool, and stopped before it finished it.

use shared::ErrorKind;
use shared::model::{Existing, PoolArn, PoolTag};

use super::Request;
use crate::exit::ExitStatus;
use crate::guidance::SAME_WITH_PLAN;
use crate::output::flags::command;
use crate::problem::Problem;

/// The problem of a command that has created its pool, and stopped at `import`. The pool exists, so this is no refusal
/// any more. `arn` is that of the pool.
pub fn of_created(problem: Problem, import: &Request, arn: Option<&PoolArn>) -> Problem {
    let status = if problem.status == ExitStatus::Refused { ExitStatus::Failed } else { problem.status };
    let message = format!("User pool {} is created, and not finished. {}", import.target(), problem.message);
    let guidance = if problem.error == ErrorKind::TargetNotEmpty.name() {
        // The same command would be refused again.
        let update = import.line(|input| input.options.existing = Existing::Update);
        format!(
            "An earlier import had other options, or users have signed up. To import with the options of now, run \
             `{update}`, and then this command again. Or accept the users as they are, and finish the user pool: `{}`.",
            command(format!("pool finish --pool {}", import.target()))
        )
    } else {
        // With --plan, this command makes no forecast.
        let forecast = import.line(|input| input.dry_run = true);
        continued(&problem.guidance.replace(SAME_WITH_PLAN, &format!("`{forecast}`")))
    };
    let open = arn.map(|arn| {
        format!(
            " Until it is finished, its tag {} opens it to imports. If you do not go on, take the tag away: `{}`.",
            PoolTag::KEY,
            arn.untag_line()
        )
    });
    // The guidance says it of the new pool.
    let untag_with = problem.untag_with.filter(|_| open.is_none());
    let guidance = guidance + &open.unwrap_or_default();
    Problem { message, guidance, status, untag_with, ..problem }
}

/// What to do first, and that this command then continues.
fn continued(first: &str) -> String {
    if first.is_empty() {
        "Run this command again: it continues.".to_owned()
    } else if first.contains("it continues") {
        first.to_owned()
    } else if first.contains("the command again") {
        format!("{first} It continues.")
    } else {
        format!("{first} After that, run this command again: it continues.")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use shared::{Error, Guidance};

    use super::*;
    use crate::args::{Cli, Command};
    use crate::testing;

    #[test]
    fn a_refused_import_into_the_created_pool_names_the_command_that_makes_a_forecast() {
        let refused = Error::new(ErrorKind::UsersNotAccepted, "1 user.", Guidance::AcceptLosses);
        let snapshot = testing::snapshot(1, 0).id;
        let line = ["cognito-backup", "import", "--pool", "eu-west-1_a", "--into", "eu-west-1_c"];
        let Command::Import(args) = Cli::parse_from(line).command else { panic!("it is an import") };
        let import = Request::read(&args, None).unwrap().with(&testing::pool("b"), &snapshot);
        let arn = PoolArn::new("aws", "123456789012", &testing::pool("b"));
        let problem = of_created(refused.into(), &import, Some(&arn));
        let line = format!(
            "`cognito-backup import --pool eu-west-1_a --into eu-west-1_b --snapshot {snapshot} --plan` names"
        );
        assert!(problem.guidance.contains(&line), "{problem}");
        assert!(!problem.guidance.contains(SAME_WITH_PLAN), "{problem}");
        assert_eq!(problem.status, ExitStatus::Failed);
        let untag = format!("`{}`.", arn.untag_line());
        assert!(problem.guidance.ends_with(&untag), "the tag stays until the pool is finished: {problem}");
    }
}

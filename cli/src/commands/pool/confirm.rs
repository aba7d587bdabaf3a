//! Asks the operator before a command changes a pool.

use std::io::{BufRead, IsTerminal};

use shared::{Error, ErrorKind};

use crate::watch::Meter;

/// Asks on stderr, also with `--quiet`, and reads one line of stdin. Without a terminal there is no answer.
///
/// # Errors
/// `InvalidInput` unless the operator types `expected`.
pub fn confirm(question: &str, expected: &str, meter: &mut Meter) -> Result<(), Error> {
    let stdin = std::io::stdin();
    let is_terminal = stdin.is_terminal();
    answered(question, expected, meter, is_terminal, &mut stdin.lock())
}

fn answered(
    question: &str,
    expected: &str,
    meter: &mut Meter,
    is_terminal: bool,
    answers: &mut impl BufRead,
) -> Result<(), Error> {
    let refuse = |what: &str, next: &'static str| Error::new(ErrorKind::InvalidInput, what, next);
    if !is_terminal {
        let what = "The command changes nothing without a terminal or --yes.";
        return Err(refuse(what, "Look at the plan with --plan. Then give --yes."));
    }
    let mut line = String::new();
    let is_read = meter.ask(question, || answers.read_line(&mut line).is_ok());
    if is_read && line.trim() == expected {
        return Ok(());
    }
    let what = format!("Your answer is not {expected:?}. The command changed nothing.");
    Err(refuse(&what, "Start the command again, and type what it asks for."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn only_the_expected_answer_at_a_terminal_confirms() {
        for (is_terminal, answer, is_confirmed) in
            [(true, "new\n", true), (true, "yes\n", false), (true, "", false), (false, "new\n", false)]
        {
            let (mut meter, written) = testing::meter();
            let answered = answered("Type new:", "new", &mut meter, is_terminal, &mut answer.as_bytes());
            assert_eq!(answered.is_ok(), is_confirmed, "{is_terminal} {answer}");
            // A typing error is no reason to switch the question off.
            let next = answered.err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(next.contains("--yes"), !is_terminal, "{next}");
            assert_eq!(written.text().contains("Type new:"), is_terminal);
        }
    }
}

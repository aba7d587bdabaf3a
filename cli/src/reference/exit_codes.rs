//! The exit codes, and which error ends with which.

use shared::ErrorKind;

use super::markdown::{page, table, wrapped};
use crate::exit::{ExitStatus, RESTORE_PARTIAL};

pub fn render() -> String {
    let mut text = page(
        "Exit codes",
        "Every verb of `cognito-backup` ends with one of these codes. A script needs only this code to know the outcome.",
    );
    let codes: Vec<_> =
        ExitStatus::ALL.map(|status| [status.code().to_string(), status.meaning().to_owned()]).into();
    text += &format!("\n{}\n", table(["code", "meaning"], &codes));
    text += &wrapped(
        "`import --plan` ends with 0 if the import could begin. That includes an import that would end `PARTIAL`: the text \
         says so. It ends with 3 if records of the snapshot are damaged. It ends with 4 if the import would be refused, for \
         example with `UsersNotAccepted`. `SnapshotShrunk` does not change the code of a plan: a plan needs no \
         `--accept-shrunk`.",
    );
    text += "\n\n";
    text += &wrapped(
        "`pool diff` ends with 3 if something differs. If nothing does, it ends with 1 if it could not compare a part of the \
         live pool that the snapshot holds, for example without permission. Then the JSON output has `\"complete\": false`. \
         Some gaps do not change the code: what the tier or the Region of the pool does not have, and secrets that `--no-secrets` \
         or the snapshot leaves out, that Cognito does not show, or that have a MAC of another key.",
    );
    text += "\n## Errors and their codes\n\n";
    text += &wrapped(
        "The name of an error is the same in the state machines, the messages and the JSON output. [Errors](errors.md) says what \
         each means and what to do. A run has begun when it has written its header to the backup table. Then some errors \
         are failures instead of refusals. The state machine repeats a step that ends with a repeatable error.",
    );
    let names = ErrorKind::ALL.iter().map(|kind| (kind.name(), kind.retryable()));
    let errors: Vec<_> =
        names.chain([(RESTORE_PARTIAL, false)]).map(|(name, retryable)| row(name, retryable)).collect();
    text + &format!("\n\n{}", table(["error", "code", "code after the run has begun", "repeatable"], &errors))
}

fn row(name: &str, retryable: bool) -> [String; 4] {
    let [before, begun] = [false, true].map(|begun| ExitStatus::of_error(name, begun).code().to_string());
    let repeatable = if retryable { "yes" } else { "no" };
    [format!("`{name}`"), before, begun, repeatable.to_owned()]
}

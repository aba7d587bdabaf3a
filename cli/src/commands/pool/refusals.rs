//! Why a plan of `pool create` is refused, in words.

use shared::model::configuration::rebuild::{DomainProblem, PlanRefusal, RebuildPlan};
use shared::{Error, ErrorKind};

/// Refuses a plan that leaves out what the map can supply.
///
/// # Errors
/// `InvalidInput`, with the names of what is left out.
pub fn require_complete(planned: &RebuildPlan) -> Result<(), Error> {
    let lacking: Vec<_> = planned.left_out.iter().filter(|left| left.reason.is_refusable()).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = lacking
        .iter()
        .map(|left| {
            left.field
                .as_ref()
                .map_or_else(|| left.object.clone(), |field| format!("{} {field}", left.object))
        })
        .collect();
    let what = format!("The new user pool would lack: {}.", names.join(", "));
    let next = "Run the command with --plan and without --strict: it says why each is left out. Add what the map can \
                supply. If the snapshot lacks a scope or a provider, run the command without --strict.";
    Err(Error::new(ErrorKind::InvalidInput, what, next))
}

/// The error of a plan that cannot be made.
pub fn refusal(refusal: PlanRefusal) -> Error {
    let (what, next) = match refusal {
        PlanRefusal::NoUserPool => (
            "The snapshot lacks the object of the user pool itself.".to_owned(),
            "Give another snapshot. `pool show` says why an export could not capture it.",
        ),
        PlanRefusal::UnknownInMap { name } => (
            format!("The map names {name}, which the snapshot does not have."),
            "Correct the map. `pool show` prints the names.",
        ),
        PlanRefusal::TakesNoSecret { name } => {
            (format!("The map has a secret for {name}, which takes none."), "Take the secret out of the map.")
        }
        PlanRefusal::AmbiguousInMap { name } => (
            format!("The map names {name}, and several clients have that name."),
            "Name the client by its id. `pool show` prints the ids.",
        ),
        PlanRefusal::TwiceInMap { name } => {
            (format!("The map has two secrets for {name}."), "Take one of them out of the map.")
        }
        PlanRefusal::SecretLength { name } => (
            format!("The secret of {name} has fewer than 24 or more than 64 characters."),
            "Correct the secret, or take it out of the map. Then the client gets a new one.",
        ),
        PlanRefusal::Domain { domain, problem } => of_domain(&domain, problem),
    };
    Error::new(ErrorKind::InvalidInput, what, next)
}

fn of_domain(domain: &str, problem: DomainProblem) -> (String, &'static str) {
    let (why, next) = match problem {
        DomainProblem::Malformed => (
            "it is neither a prefix nor the name of a host",
            "Use lower-case letters, digits and hyphens, without https://.",
        ),
        DomainProblem::Reserved => {
            ("a prefix cannot contain aws, amazon or cognito", "Choose another prefix.")
        }
        DomainProblem::NoCertificate => (
            "the old domain is a prefix, so the snapshot has no certificate for a custom domain",
            "Map the domain to a prefix. Create the custom domain after `pool finish`.",
        ),
        DomainProblem::Twice => ("two domains lead to it", "Map each domain to another one."),
        DomainProblem::SecondOfItsForm => (
            "a user pool has at most one prefix and one custom domain",
            "Take one of the domains out of the map.",
        ),
    };
    (format!("The map leads to the domain {domain:?}, but {why}."), next)
}

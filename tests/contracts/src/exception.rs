//! What a stand-in does not model.

/// A case that a stand-in answers otherwise than the service.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// The name of the case.
    pub case: &'static str,
    /// What the stand-in does instead.
    pub how: How,
    /// Why no step relies on the case there.
    pub why: &'static str,
}

/// What a stand-in does with a case that it does not model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It refuses the call, so that no step mistakes its answer for the service's.
    Refuses,
    /// It gives another answer.
    Differs,
}

/// How a case went.
pub(crate) enum Outcome {
    Agrees,
    /// The stand-in refused what the service does.
    Refused(String),
    /// The stand-in answered otherwise.
    Differed(String),
}

/// What is wrong with the outcome of a case: a disagreement, or an exception that does not hold.
pub(crate) fn judge(case: &str, outcome: Outcome, exceptions: &[Exception]) -> Option<String> {
    let how = exceptions.iter().find(|exception| exception.case == case).map(|exception| exception.how);
    match (outcome, how) {
        (Outcome::Agrees, None) | (Outcome::Refused(_), Some(How::Refuses)) => None,
        (Outcome::Differed(_), Some(How::Differs)) => None,
        (Outcome::Agrees, Some(_)) => Some(format!("{case}: it agrees, so it is no exception")),
        (Outcome::Refused(what) | Outcome::Differed(what), None) => Some(format!("{case}: {what}")),
        (Outcome::Refused(what) | Outcome::Differed(what), Some(how)) => {
            Some(format!("{case}: the exception says {how:?}, but {what}"))
        }
    }
}

/// The exceptions that name no case.
pub(crate) fn unknown<'a>(cases: impl Iterator<Item = &'a str>, exceptions: &[Exception]) -> Vec<String> {
    let known: Vec<_> = cases.collect();
    let unknown = exceptions.iter().filter(|exception| !known.contains(&exception.case));
    unknown.map(|exception| format!("no case is named {:?}", exception.case)).collect()
}

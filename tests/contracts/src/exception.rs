//! The cases that a stand-in does not model.

/// A case that a stand-in answers differently from the service.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// The name of the case.
    pub case: &'static str,
    /// What the stand-in does instead.
    pub deviation: Deviation,
    /// Why no step relies on the service's answer to the case.
    pub why: &'static str,
}

/// What a stand-in does with a case that it does not model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deviation {
    /// It refuses the call, so that no step takes its answer for the service's.
    Refuses,
    /// It gives a different answer.
    Differs,
}

/// The result of a case on a stand-in.
pub(crate) enum Outcome {
    Agrees,
    /// The stand-in refused a call that the service accepts.
    Refused(String),
    /// The stand-in gave a different answer.
    Differed(String),
}

/// The disagreement in the outcome of a case, or the exception that does not hold. None if all is
/// well.
pub(crate) fn judge(case: &str, outcome: Outcome, exceptions: &[Exception]) -> Option<String> {
    let deviation =
        exceptions.iter().find(|exception| exception.case == case).map(|exception| exception.deviation);
    match (outcome, deviation) {
        (Outcome::Agrees, None) | (Outcome::Refused(_), Some(Deviation::Refuses)) => None,
        (Outcome::Differed(_), Some(Deviation::Differs)) => None,
        (Outcome::Agrees, Some(_)) => Some(format!("{case}: it agrees, so it is no exception")),
        (Outcome::Refused(what) | Outcome::Differed(what), None) => Some(format!("{case}: {what}")),
        (Outcome::Refused(what) | Outcome::Differed(what), Some(deviation)) => {
            Some(format!("{case}: the exception says {deviation:?}, but {what}"))
        }
    }
}

/// The exceptions that name no case.
pub(crate) fn unknown<'a>(cases: impl Iterator<Item = &'a str>, exceptions: &[Exception]) -> Vec<String> {
    let known: Vec<_> = cases.collect();
    let unknown = exceptions.iter().filter(|exception| !known.contains(&exception.case));
    unknown.map(|exception| format!("no case is named {:?}", exception.case)).collect()
}

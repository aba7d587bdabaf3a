//! How an invocation leaves a phase.

/// How the work of an invocation on a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseEnd {
    /// The phase has ended: the next one may begin.
    Done,
    /// The time of the invocation is spent: the next invocation continues.
    OutOfTime,
    /// Nothing can be done for so many seconds: the state machine waits before the next invocation.
    Wait(u32),
}

impl PhaseEnd {
    /// The end of paged work, which returns its last state once it is done.
    pub fn of<T>(last_state: Option<T>) -> Self {
        if last_state.is_some() { Self::Done } else { Self::OutOfTime }
    }

    /// How long the state machine waits, in seconds.
    pub fn wait_seconds(self) -> Option<u32> {
        match self {
            Self::Wait(seconds) => Some(seconds),
            Self::Done | Self::OutOfTime => None,
        }
    }
}

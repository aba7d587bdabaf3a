/// How an invocation leaves a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseEnd {
    /// The phase has ended, and the next one may begin.
    Done,
    /// The time of the invocation is spent, and the next invocation continues.
    OutOfTime,
    /// The phase has to wait. The state machine waits so many seconds before the next invocation.
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

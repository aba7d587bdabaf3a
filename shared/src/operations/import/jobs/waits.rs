//! How long and how often an import waits for a job.

/// How often the import waits for a job that cannot be started yet: a little over three hours in
/// all. Another job of the account may be running.
pub const MAX_WAITS_TO_START: u32 = 42;
/// How often the import reads a log that is not complete yet.
pub const MAX_LOG_READS: u32 = 5;
/// How many jobs in a row may fail before they are started.
pub const MAX_FAILED_STARTS: u32 = 5;

/// How long the state machine waits before the next check of a job, in seconds. The wait is shorter
/// than the lease.
///
/// The first waits are short, because small jobs end soon. The later ones are long, because each
/// check takes 9 of the 25,000 events in the history of an execution.
pub fn wait_seconds(waits: u32) -> u32 {
    match waits {
        0..6 => 10,
        6..12 => 30,
        12..20 => 60,
        20..26 => 300,
        _ => 600,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of one check: of a task, a choice and a wait.
    const EVENTS_OF_A_CHECK: u64 = 9;
    const EVENTS_OF_AN_EXECUTION: u64 = 25_000;

    #[test]
    fn jobs_of_ten_million_users_fit_into_the_history_of_an_execution() {
        // Files of 100 MB with 600 bytes a user. The jobs are as slow as AWS's own solution has
        // measured: 100,000 users in 56 minutes.
        let (jobs, users) = (60, 167_000);
        let seconds = users * 56 * 60 / 100_000;
        let (mut waited, mut checks) = (0, 0);
        while waited < seconds {
            waited += u64::from(wait_seconds(checks));
            checks += 1;
        }
        assert!(
            jobs * u64::from(checks) * EVENTS_OF_A_CHECK < EVENTS_OF_AN_EXECUTION * 3 / 4,
            "{checks} checks of a job"
        );
        assert!(waited - seconds < 600, "the import notices the end of a job too late");
    }

    #[test]
    fn an_import_gives_up_a_job_that_cannot_be_started_after_three_hours() {
        let waited: u32 = (0..MAX_WAITS_TO_START).map(wait_seconds).sum();
        assert!((3 * 3_600..4 * 3_600).contains(&waited), "{waited} s");
    }
}

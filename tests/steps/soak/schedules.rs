//! `cargo xtask soak schedules`: every order of the calls of two invocations, with few preemptions.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use step_tests::interleaving::{Explored, PAIRS, Pair, Schedule, Violation, explore, replay, sample};

use super::{Threads, say};

/// Random schedules that a thread plays at a time.
const SAMPLES: u64 = 50;

/// Options of the schedules.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The most turns away from an invocation that has not ended. Without it three, and two in the largest
    /// worlds.
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=5))]
    preemptions: Option<u64>,
    /// Random schedules, in all pairs together, after the exhaustive search.
    #[arg(long, default_value_t = 10_000)]
    random: u64,
    /// The seed of the first random schedule. The others have the seeds that follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The most schedules of one pair. The report says if a search was cut short.
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
    /// Only the pairs whose name contains this text.
    #[arg(long, default_value = "", hide_default_value = true)]
    pair: String,
    /// Play one schedule of one pair, as a violation names it: `12>1,30>0`.
    #[arg(long, requires = "pair")]
    replay: Option<String>,
    #[command(flatten)]
    threads: Threads,
}

/// Tries schedules. It fails if an invariant broke.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let pairs: Vec<Pair> = PAIRS.iter().copied().filter(|pair| pair.name.contains(&options.pair)).collect();
    let first = *pairs.first().with_context(|| format!("no pair is called {:?}", options.pair))?;
    if let Some(text) = &options.replay {
        let named = pairs.iter().find(|pair| pair.name == options.pair).copied().unwrap_or(first);
        let schedule: Schedule = text.parse().map_err(|error: String| anyhow!(error))?;
        return match replay(named, &schedule) {
            Ok(steps) => {
                writeln!(stdout(), "{}: no violation in {} steps", named.name, steps.len())?;
                Ok(ExitCode::SUCCESS)
            }
            Err(violation) => {
                writeln!(stdout(), "{violation}")?;
                Ok(ExitCode::FAILURE)
            }
        };
    }
    let began = Instant::now();
    let mut total = Explored::default();
    for &pair in &pairs {
        let preemptions = options.preemptions.map_or(pair.preemptions, |preemptions| preemptions as usize);
        let found = explore(pair, preemptions, options.threads.threads as usize, options.limit);
        writeln!(
            stdout(),
            "{:55} {preemptions} preemptions {:>8} schedules, at most {:>3} steps, {:>4} s, {} violations{}",
            pair.name,
            found.schedules,
            found.most_steps,
            found.took.as_secs(),
            found.violations.len(),
            if found.is_cut_short { ", cut short" } else { "" },
        )?;
        total.add(found);
    }
    writeln!(
        stdout(),
        "exhaustive: {} schedules in {} s, {} violations",
        total.schedules,
        began.elapsed().as_secs(),
        total.violations.len()
    )?;
    say(&format!("{} random schedules", options.random))?;
    let random = random(options, &pairs);
    writeln!(
        stdout(),
        "random: {} schedules of {}, seeds from {}, in {} s, {} violations",
        random.schedules,
        options.random,
        options.seed,
        random.took.as_secs(),
        random.violations.len()
    )?;
    let are_all_played = random.schedules == options.random;
    total.add(random);
    writeln!(
        stdout(),
        "{} schedules in {} s, {} violations",
        total.schedules,
        began.elapsed().as_secs(),
        total.violations.len()
    )?;
    for violation in &total.violations {
        writeln!(
            stdout(),
            "{violation}\n  replay: cargo xtask soak schedules --pair '{}' --replay '{}'",
            violation.pair,
            violation.schedule
        )?;
    }
    if !are_all_played {
        writeln!(stdout(), "fewer random schedules were played than asked for")?;
    }
    Ok(if total.violations.is_empty() && are_all_played { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays random schedules of the pairs in turn.
fn random(options: &Options, pairs: &[Pair]) -> Explored {
    let (next, began) = (AtomicU64::new(0), Instant::now());
    let (first, end) = (options.seed, options.seed + options.random);
    let work = || {
        let mut found = Explored::default();
        loop {
            let batch = next.fetch_add(1, Ordering::Relaxed);
            let from = first + batch * SAMPLES;
            if from >= end || found.violations.len() >= 5 {
                return found;
            }
            let pair = pairs[batch as usize % pairs.len()];
            found.add(sample(pair, from..end.min(from + SAMPLES)));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads.threads).map(|_| scope.spawn(work)).collect();
        let mut total = Explored::default();
        for thread in threads {
            match thread.join() {
                Ok(found) => total.add(found),
                Err(_) => total.violations.push(Violation {
                    pair: "a thread of the search",
                    schedule: Schedule::default(),
                    message: "it panicked: see the standard error".to_owned(),
                }),
            }
        }
        Explored { took: began.elapsed(), ..total }
    })
}

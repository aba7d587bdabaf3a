//! `cargo xtask soak schedules`: every order of the calls of two invocations, with few preemptions.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use step_tests::interleaving::{
    Explored, LARGER_PAIRS, Limits, PAIRS, Pair, Schedule, Search, Violation, replay, sample,
};

use super::{Threads, say};

/// Random schedules that a thread plays at a time.
const SAMPLES: u64 = 50;

/// Options of the schedules.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The most preemptions of a schedule: turns away from an actor whose next call waits. Pairs in larger worlds are
    /// searched with fewer.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=3))]
    preemptions: u64,
    /// The most time for all schedules, in seconds. If it ends the search, the command fails.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Random schedules, in all pairs together. They come before the exhaustive search.
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
    let named = |pairs: &[Pair]| -> Vec<Pair> {
        pairs.iter().copied().filter(|pair| pair.name.contains(&options.pair)).collect()
    };
    let all = [named(PAIRS), named(LARGER_PAIRS)].concat();
    let first = *all.first().with_context(|| format!("no pair is called {:?}", options.pair))?;
    if let Some(text) = &options.replay {
        let pair = all.iter().find(|pair| pair.name == options.pair).copied().unwrap_or(first);
        let schedule: Schedule = text.parse().map_err(|error: String| anyhow!(error))?;
        return match replay(pair, &schedule) {
            Ok(steps) => {
                writeln!(stdout(), "{}: no violation in {} steps", pair.name, steps.len())?;
                Ok(ExitCode::SUCCESS)
            }
            Err(violation) => {
                writeln!(stdout(), "{violation}\n{}", violation.turns())?;
                Ok(ExitCode::FAILURE)
            }
        };
    }
    let began = Instant::now();
    let mut total = Explored::default();
    say(&format!("{} random schedules", options.random))?;
    let random = random(options, &all);
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
    let limits =
        Limits { schedules: options.limit, deadline: Some(began + Duration::from_secs(options.seconds)) };
    let most = |pair: &Pair| pair.most_preemptions.min(options.preemptions as usize);
    let searches: Vec<_> = all.iter().map(|pair| (*pair, Search::of(*pair))).collect();
    // If the time ends, each pair has been searched alike.
    for preemptions in 0..=options.preemptions as usize {
        for (pair, search) in searches.iter().filter(|(pair, _)| preemptions <= most(pair)) {
            say(&format!("{}: {preemptions} preemptions", pair.name))?;
            search.go_on(preemptions, options.threads.threads as usize, limits);
        }
    }
    let mut exhaustive = Explored::default();
    for (pair, search) in &searches {
        let found = search.found();
        let reached = match found.preemptions {
            _ if found.is_all => "all schedules".to_owned(),
            Some(reached) => format!("{} preemptions", reached.min(most(pair))),
            None => "no preemptions".to_owned(),
        };
        writeln!(
            stdout(),
            "{:55} {reached:13} {:>8} schedules, {:>8} merged, at most {:>3} steps, {:>5.1} s, {} violations{}",
            pair.name,
            found.schedules,
            found.merged,
            found.most_steps,
            found.took.as_secs_f64(),
            found.violations.len(),
            if found.is_cut_short { ", cut short" } else { "" },
        )?;
        exhaustive.add(found);
    }
    writeln!(
        stdout(),
        "exhaustive: {} schedules and {} merged, {} violations",
        exhaustive.schedules,
        exhaustive.merged,
        exhaustive.violations.len()
    )?;
    total.add(exhaustive);
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
    if total.is_cut_short {
        writeln!(stdout(), "the search was cut short")?;
    }
    let is_good = total.violations.is_empty() && are_all_played && !total.is_cut_short;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
                    steps: Vec::new(),
                    message: "it panicked: see the standard error".to_owned(),
                }),
            }
        }
        Explored { took: began.elapsed(), ..total }
    })
}

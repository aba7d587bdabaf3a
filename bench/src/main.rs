//! Measures exports and restores at the limit, in virtual time, and compares each figure with its target.
//! Exits with 1 if a target is missed, and with 2 if a run fails.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use bench::report::Verdict;
use bench::{Options, document, figures, matrix, plots};
use clap::Parser;

#[global_allocator]
static HEAP: heap::CountingAllocator = heap::CountingAllocator;

/// Measure exports and restores at the limit, in virtual time.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().options) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    let (cells, started) = (matrix::cells(options), Instant::now());
    let runs = matrix::play(&cells, options.jobs.into(), |scenario, kind| {
        let _ = writeln!(
            stderr(),
            "{:>5} s  {}: {}",
            started.elapsed().as_secs(),
            scenario.summary(),
            kind.name()
        );
    })?;
    let judged = figures::judge(&runs);
    let tables =
        [figures::targets(&judged), figures::rates(&runs), figures::sizes(&runs), figures::restores(&runs)];
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        let text = if stdout().is_terminal() { table.text() } else { table.markdown() };
        writeln!(stdout(), "{text}")?;
    }
    if options.write {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
        document::write(&docs, &tables, &plots::all(&runs))?;
    }
    let is_missed = judged.iter().any(|judged| judged.verdict == Verdict::Missed);
    Ok(if is_missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

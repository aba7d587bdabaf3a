//! Measures exports and restores at the limit, in virtual time, and puts each figure next to its target. Exits with 1 where one is missed.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use bench::report::Verdict;
use bench::{Options, document, figures, matrix, plots};
use clap::Parser;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// Measures exports and restores at the limit, in virtual time.
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
    let (cells, began) = (matrix::cells(options), Instant::now());
    let runs = matrix::play(&cells, options.jobs.into(), |setting, deed| {
        let _ = writeln!(stderr(), "{:>5} s  {}: {}", began.elapsed().as_secs(), setting.summary(), deed.name());
    })?;
    let judged = figures::judged(&runs);
    let tables = [figures::targets(&judged), figures::rates(&runs), figures::sizes(&runs), figures::restores(&runs)];
    for table in tables.iter().filter(|table| !table.rows.is_empty()) {
        let text = if stdout().is_terminal() { table.text() } else { table.markdown() };
        writeln!(stdout(), "{text}")?;
    }
    if options.write {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        document::write(&docs, &tables, &plots::all(&runs))?;
    }
    let missed = judged.iter().any(|judged| judged.verdict == Verdict::Missed);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

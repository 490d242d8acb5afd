//! Whole loads, against hand-written SQL: `script/bench --help`.
//!
//! In: numbers of people, a number of runs. Out: times from start to exit, of Hayloft and of what
//! an expert would write in psql, on one server that is made for it, in turn, each result compared
//! row by row with what is right. `README.md` beside this folder tells what was found.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program for a terminal"
)]

mod deliveries;
mod folder;
mod measure;
mod plot;
mod report;
mod rest;
mod results;
mod rounds;
mod server;
mod sides;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;

use crate::deliveries::{Population, Workload};
use crate::results::{Machine, Results};
use crate::rounds::Rounds;
use crate::server::Server;
use crate::sides::Side;

/// Measures whole loads, against hand-written SQL
#[derive(Parser, Debug)]
#[command(name = "script/bench")]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Options {
    /// The numbers of people, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000], value_name = "N")]
    rows: Vec<u64>,
    /// How often each load is measured
    #[arg(long, default_value_t = 5, value_name = "TIMES")]
    runs: usize,
    /// Only these loads [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LOAD")]
    only: Vec<Workload>,
    /// Leave out the hand-written SQL
    #[arg(long)]
    alone: bool,
    /// Measure also the hand-written SQL that keeps one row a key, as Hayloft must
    #[arg(long)]
    dedupe: bool,
    /// Measure also the watched folder: this many drops, and five times as many waiting files
    #[arg(long, value_name = "FILES")]
    drops: Option<u64>,
    /// Leave out W1 to W4
    #[arg(long)]
    no_loads: bool,
    /// Another setting of the server, or another value of one, like `jit=off`
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Work in this folder, and leave everything there but the server's data
    #[arg(long, value_name = "DIR")]
    at: Option<PathBuf>,
    /// Write the results into benches/
    #[arg(long)]
    write: bool,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let home = tempfile::Builder::new()
        .prefix("hayloft-bench-")
        .tempdir()?;
    let server = Server::start(home.path(), &options.settings)?;
    let place = options.at.as_deref().unwrap_or(home.path());
    let newer = measure(&options, &server, place)?;
    if !options.write {
        return Ok(());
    }
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let mut results = Results::read(&benches.join("results.json"))?;
    results.take(newer);
    results.write(&benches.join("results.json"))?;
    report::write(&results, &benches.join("README.md"))?;
    plot::write(&results, &benches.join("times.svg"))
}

fn measure(options: &Options, server: &Server, home: &Path) -> Result<Results> {
    let workloads = match options.only.as_slice() {
        [] => Workload::ALL.to_vec(),
        only => only.to_vec(),
    };
    let mut sides = vec![Side::Hayloft];
    if !options.alone {
        sides.push(Side::Reference);
    }
    if options.dedupe {
        sides.push(Side::ReferenceDeduplicating);
    }
    let mut measured = Results {
        machine: Machine::this(&server.version, &options.settings),
        ..Results::default()
    };
    let row_counts = options.rows.iter().filter(|_| !options.no_loads);
    for people in row_counts {
        let rounds = Rounds {
            server,
            home,
            population: Population { people: *people },
            runs: options.runs,
            workloads: &workloads,
            sides: &sides,
        };
        measured.loads.insert(*people, rounds.run()?);
    }
    if let Some(drops) = options.drops {
        let start = folder::start(server, home, 20)?;
        say(&format!(
            "  {:.1} ms, {:.1} ms to the end",
            start.median_ms, start.process_ms
        ));
        measured.start = Some(start);
        let dropped = folder::drops(server, home, drops)?;
        say(&format!(
            "  median {:.1} ms, p99 {:.1} ms",
            dropped.median_ms, dropped.p99_ms
        ));
        measured.drops = Some(dropped);
        let waiting = folder::waiting(server, home, drops * 5, options.runs)?;
        say(&format!(
            "  hayloft {:.2} s, reference {:.2} s",
            waiting.hayloft_seconds, waiting.reference_seconds
        ));
        measured.waiting = Some(waiting);
    }
    Ok(measured)
}

/// Tells whoever waits how far it is.
fn say(line: &str) {
    println!("{line}");
}

//! The command line, and the order of things.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum as _};

use crate::injector;
use crate::report::Table;
use crate::scenario::Scenario;
use crate::soak::{self, Tally};
use crate::sweep::{self, Choice};
use crate::warehouse::Server;

/// Kills the program before and after each of its calls to files and sockets, and has each call
/// return each error; each time the next run has to leave what an undisturbed one leaves
#[derive(Parser, Debug)]
#[command(name = "script/torture")]
struct Options {
    /// Only these [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WORK")]
    only: Vec<Scenario>,
    /// Try one point of so many [default: every one]
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Then faults at random for so long, like 90s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    soak: Option<Duration>,
    /// Leave out the points
    #[arg(long, requires = "soak")]
    no_points: bool,
    /// Only calls of this name, like recvfrom
    #[arg(long, value_name = "NAME")]
    call: Option<String>,
    /// Only the call of this number, to look at it again
    #[arg(long, value_name = "NUMBER", conflicts_with = "every")]
    at: Option<u64>,
    /// How many points at a time
    #[arg(long, default_value_t = 2, value_name = "N")]
    workers: usize,
    /// What chance begins with [default: the clock]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

pub(crate) fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(error) = injector::is_allowed() {
        println!("skipped: this machine lets no process trace another ({error:#})");
        return ExitCode::SUCCESS;
    }
    match torture(&options) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many points were lost.
fn torture(options: &Options) -> Result<usize> {
    let seed = options.seed.unwrap_or_else(by_the_clock);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/torture");
    let folder = folder.join(std::process::id().to_string());
    let server = Server::start(&folder)?;
    let table = Table::default();
    let done = sweeps(options, seed, &server, &table).and_then(|()| soak(options, seed, &server));
    table.print();
    if let Ok(Some(tally)) = &done {
        tally.print();
    }
    server.stop()?;
    std::fs::remove_dir_all(&folder).context("the server's folder stays")?;
    done?;
    Ok(table.lost())
}

fn sweeps(options: &Options, seed: u64, server: &Server, table: &Table) -> Result<()> {
    table.say(&format!(
        "seed {seed}, Postgres {}, Linux {}",
        server.version()?,
        std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim()
    ));
    let choice = Choice {
        call: options.call.clone(),
        at: options.at,
        every: options.every,
        seed,
        workers: options.workers,
    };
    for scenario in Scenario::value_variants() {
        if options.no_points {
            break;
        }
        if options.only.is_empty() || options.only.contains(scenario) {
            sweep::run(*scenario, server, &choice, table)?;
        }
    }
    Ok(())
}

fn soak(options: &Options, seed: u64, server: &Server) -> Result<Option<Tally>> {
    options
        .soak
        .map(|time| soak::run(server, seed, time))
        .transpose()
}

/// `90s`, `10m` or `2h`.
fn time(text: &str) -> Result<Duration, String> {
    let seconds = [("s", 1), ("m", 60), ("h", 3600)]
        .into_iter()
        .find_map(|(unit, seconds)| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(seconds)
        });
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "a time is a number and s, m or h, like 10m".to_owned())
}

fn by_the_clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since: Duration| since.as_secs())
}

//! The program: parse, run, turn the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use hayloft::cli::Cli;
use hayloft::{commands, settings};

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    hayloft::failpoint::arm();
    let dot_env = settings::load_dot_env();
    commands::run(&Cli::parse(), dot_env).into()
}

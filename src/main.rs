//! The `jobsweep` program: parse, run, one error line, exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    jobsweep::run::run(jobsweep::cli::Cli::parse())
}

//! The `jobsweep` program. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    jobsweep::run::run(std::env::args_os())
}

//! The manifests under `examples/`: they are what `src/inject` makes, and a real API server takes them.
//!
//! With `JOBSWEEP_BLESS=1` in the environment the files are written instead of compared.

mod files;
mod server;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run([files::trials(), server::trials()])
}

//! The manifests in `examples/`: the same as those of `src/inject`, and accepted by a real API server.
//!
//! With `JOBSWEEP_BLESS=1` the test writes the files instead of comparing them.

mod files;
mod server;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run([files::trials(), server::trials()])
}

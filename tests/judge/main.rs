//! Passes jobsweep's inputs and outputs to the judge, a Go program that reads both with Helm's libraries. `main.go`
//! describes the checks.

mod cases;
mod examples;
mod generated;
mod go_judge;

use std::process::ExitCode;

use jobsweep_harness::trials::{self, long};

fn main() -> ExitCode {
    trials::run([go_judge::trials(), cases::trials(), examples::trials(), long(generated::trials())])
}

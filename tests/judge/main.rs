//! Hands what jobsweep read and wrote to the judge: a Go program beside this file that reads both with the libraries
//! of Helm itself. See main.go for what it looks at, and for how to run it by hand.

mod cases;
mod examples;
mod generated;
mod go_judge;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run([go_judge::trials(), cases::trials(), examples::trials(), generated::trials()])
}

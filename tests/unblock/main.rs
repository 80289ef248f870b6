//! `--unblock` on a real control plane: every test runs the built binary as a ServiceAccount that has only the rights that README names.

#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(unreachable_pub, reason = "nothing is reached from outside")]

mod changes;
mod setup;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run([changes::trials()])
}

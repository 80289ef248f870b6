//! Who calls, found and read below real Helms.
//!
//! The post-renderer is this program itself: called by the name `probe`, it says whom it finds, and passes its input on.

#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(unreachable_pub, reason = "nothing is reached from outside")]
#![allow(clippy::print_stderr, reason = "the probe is a program")]

use jobsweep::cluster::caller;

mod command_lines;
mod flags;
mod probe;
mod processes;
mod setup;
#[allow(dead_code, reason = "shared with the unit tests")]
#[path = "../../src/cluster/caller/tests/table.rs"]
mod table;

use std::process::ExitCode;

use jobsweep_harness::trials::{self, long};

fn main() -> ExitCode {
    if probe::is_called() {
        return probe::run();
    }
    trials::run([long(command_lines::trials()), long(flags::trials()), long(processes::trials())])
}

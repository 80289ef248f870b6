//! jobsweep as the post-renderer of real Helms, and as a plugin of Helm 4.
//!
//! Tests compare Helm's whole output with its output for the post-renderer `cat`, so that Helm's own changes do not
//! matter.

mod errors;
mod guides;
mod in_pod;
mod install;
mod jobs_in_the_way;
mod name_suffix;
mod picture;
mod plugin;
mod setup;
mod svg;
mod template;
mod troubleshooting;
mod unblock;

use std::process::ExitCode;

use jobsweep_harness::trials::{self, long};

fn main() -> ExitCode {
    trials::run([
        template::trials(),
        errors::trials(),
        install::trials(),
        long(name_suffix::trials()),
        unblock::trials(),
        long(in_pod::trials()),
        long(jobs_in_the_way::trials()),
        long(plugin::trials()),
        long(picture::trials()),
        long(troubleshooting::trials()),
        long(guides::trials()),
    ])
}

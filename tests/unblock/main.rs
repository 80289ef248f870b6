//! `--unblock` on a real control plane: every test runs the built binary as a ServiceAccount that has only the rights that it needs.

#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(unreachable_pub, reason = "nothing is reached from outside")]

#[allow(dead_code, reason = "the proxy needs its connection")]
#[path = "../cluster/setup.rs"]
mod cleanup_setup;
#[allow(dead_code, reason = "shared with the tests of the cleanup")]
#[path = "../cluster/faulty_proxy.rs"]
mod faulty_proxy;
mod setup;

mod access;
mod admission;
mod changes;
mod dry_run;
mod faults;
mod force;
mod log;
mod manifests;
mod name_suffix;
mod namespace;
mod owners;
mod passes;
mod refusals;
mod releases;
mod requests;
mod stopping;
mod successors;
mod waiting;

use std::process::ExitCode;

use jobsweep_harness::trials::{self, long};

fn main() -> ExitCode {
    trials::run([
        long(access::trials()),
        long(admission::trials()),
        long(changes::trials()),
        dry_run::trials(),
        long(faults::trials()),
        force::trials(),
        long(log::trials()),
        long(manifests::trials()),
        long(name_suffix::trials()),
        namespace::trials(),
        owners::trials(),
        passes::trials(),
        refusals::trials(),
        releases::trials(),
        long(requests::trials()),
        long(stopping::trials()),
        long(successors::trials()),
        long(waiting::trials()),
    ])
}

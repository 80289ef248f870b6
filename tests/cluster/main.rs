//! The cleanup on a real control plane. Each test runs the program as a ServiceAccount with only the shipped Role, and
//! checks all Jobs of the namespace afterwards.

#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(unreachable_pub, reason = "nothing is reached from outside")]

mod faulty_proxy;
mod setup;

mod access;
mod age;
mod deletion;
mod endings;
mod following;
mod guide;
mod helm;
mod policy;
mod pressure;
mod race;
mod releases;
mod report;
mod requests;
mod scope;
mod size;
mod stopping;

use std::process::ExitCode;

use jobsweep_harness::trials::{self, long};

fn main() -> ExitCode {
    trials::run([
        access::trials(),
        long(age::trials()),
        deletion::trials(),
        endings::trials(),
        long(following::trials()),
        long(guide::trials()),
        long(helm::trials()),
        policy::trials(),
        long(pressure::trials()),
        long(race::trials()),
        releases::trials(),
        report::trials(),
        long(requests::trials()),
        scope::trials(),
        long(size::trials()),
        long(stopping::trials()),
    ])
}

//! Any cluster that kubectl reaches: kubectl and jobsweep with the same kubeconfig and environment, against one API server that records
//! how it was reached.

#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(unreachable_pub, reason = "nothing is reached from outside")]

mod certificates;
mod messages;
mod proxies;
mod rows;
mod run;
mod server;

use std::process::ExitCode;

use jobsweep_harness::trials::{self, long};

fn main() -> ExitCode {
    trials::run([long(run::trials()), long(messages::trials())])
}

//! The image and the in-cluster path, on a real node: kubelet, containerd and the built image.
//!
//! Needs root on Linux, and some packages, which it names: `cargo test --test node -- --ignored`.

mod pods;

use std::process::ExitCode;

use jobsweep_harness::{node, trials};

fn main() -> ExitCode {
    node::run(trials![pods::a_pod_runs])
}

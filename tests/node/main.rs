//! The image and the in-cluster path, on a real node: kubelet, containerd and the built image.
//!
//! Needs root on Linux, and some packages, which it names: `cargo test --test node -- --ignored`.

mod applied;
mod dependency;
mod failure;
mod injected;
mod pod;
mod release;
mod setup;

use std::process::ExitCode;

use jobsweep_harness::node;

fn main() -> ExitCode {
    node::run([dependency::trials(), failure::trials(), injected::trials(), applied::trials(), pod::trials()])
}

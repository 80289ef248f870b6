//! The image and whole releases on a real node with kubelet and containerd.
//!
//! These tests need root on Linux and some packages, which they name: `cargo test --test node -- --ignored`.

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

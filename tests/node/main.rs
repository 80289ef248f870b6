//! The image and whole releases on a real node with kubelet and containerd.
//!
//! These tests need root on Linux and some packages, which they name: `cargo test --test node -- --ignored`.

mod applied;
mod dependency;
mod failure;
mod governed;
mod injected;
mod pod;
mod release;
mod schedule;
mod setup;
mod third_party;
mod unblock;
mod unblock_and_cleanup;

use std::process::ExitCode;

use jobsweep_harness::node;

fn main() -> ExitCode {
    let files = [
        dependency::trials(),
        failure::trials(),
        injected::trials(),
        applied::trials(),
        unblock::trials(),
        unblock_and_cleanup::trials(),
        pod::trials(),
        schedule::trials(),
        governed::trials(),
        third_party::trials(),
    ];
    node::run("node", || Ok(()), files)
}

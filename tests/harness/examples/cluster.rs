//! Starts a control plane for experiments: `cargo run -p jobsweep-harness --example cluster`.

use std::io::{Read, stdin};

use anyhow::Result;
use jobsweep_harness::{block_on, control_plane::ControlPlane, tools};

fn main() -> Result<()> {
    let cluster = block_on(ControlPlane::start())?;
    println!("export KUBECONFIG='{}'", cluster.kubeconfig().display());
    println!("alias kubectl='{}'", tools::kubectl()?.display());
    println!("# Ctrl-D or Ctrl-C ends the cluster.");
    stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

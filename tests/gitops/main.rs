//! The filter and the cleanup in a real Argo CD and a real Flux, on a real node.
//!
//! These tests need root on Linux and some packages, which they name: `cargo test --test gitops -- --ignored`.

mod application;
mod argocd;
mod argocd_alone;
mod flux;
mod kustomization;
mod repository;
mod setup;

use std::process::ExitCode;

use anyhow::Result;
use jobsweep_harness::argocd::ArgoCd;
use jobsweep_harness::flux::Flux;
use jobsweep_harness::{node, tools};

fn main() -> ExitCode {
    node::run("gitops", build, [argocd::trials(), argocd_alone::trials(), flux::trials()])
}

fn build() -> Result<()> {
    ArgoCd::build()?;
    Flux::build()?;
    tools::oras().map(drop)
}

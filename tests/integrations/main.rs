//! The examples that use jobsweep in other tools, run unchanged.

mod apply;
mod argocd;
mod example_jobs;
mod helm_diff;
mod helmfile;
mod kustomize;
mod name_suffix;
mod pipe;
#[path = "../helm/setup.rs"]
#[expect(dead_code, reason = "the Helm tests need more of it")]
mod setup;

use std::process::ExitCode;

use jobsweep_harness::trials::{self, long, on_demand};

fn main() -> ExitCode {
    trials::run([
        long(apply::trials()),
        pipe::trials(),
        long(argocd::trials()),
        long(name_suffix::trials()),
        kustomize::pages(),
        kustomize::with_kubectl(),
        on_demand("kustomize and kpt", kustomize::trials()),
        on_demand("helmfile", helmfile::trials()),
        helm_diff::trials(),
    ])
}

//! The chart `charts/jobsweep`, in real Helm 3 and 4 and on a real control plane.

mod fake_kubelet;
mod install;
mod lint;
mod parent_chart;
mod readme;
mod render;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jobsweep_harness::trials::{self, long};

fn main() -> ExitCode {
    trials::run([
        long(lint::trials()),
        long(render::trials()),
        long(readme::trials()),
        long(install::trials()),
    ])
}

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/jobsweep")
}

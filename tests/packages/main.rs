//! What users install: the signed plugins of Helm 4, from a file and from a registry, the Helm 3 plugin, krew's, the signed chart, and the image.

mod chart;
mod file_server;
mod gnupg_keys;
mod helm3;
mod helm4;
mod image;
mod krew;
mod oci;
mod plugin;
mod plugin_archive;
#[path = "../helm/setup.rs"]
#[expect(dead_code, reason = "the Helm tests need more of it")]
mod setup;

use std::process::ExitCode;

use jobsweep_harness::trials::{self, long, on_demand};

fn main() -> ExitCode {
    trials::run([
        long(helm3::trials()),
        on_demand("gpg", plugin::trials()),
        on_demand("gpg", helm4::trials()),
        on_demand("gpg, oras and docker-registry", oci::trials()),
        on_demand("gpg, oras, docker-registry and helm-3.20", chart::trials()),
        on_demand("buildah, oras and docker-registry", image::trials()),
        on_demand("krew", krew::trials()),
    ])
}

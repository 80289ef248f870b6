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

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run([
        plugin::trials(),
        helm3::trials(),
        helm4::trials(),
        oci::trials(),
        krew::trials(),
        chart::trials(),
        image::trials(),
    ])
}

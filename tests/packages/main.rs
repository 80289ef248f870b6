//! What users install: the signed Helm 4 plugin, from a file and from a registry, the Helm 3 plugin, and the image.

mod gnupg_keys;
mod helm3;
mod image;
mod oci;
mod plugin;
mod plugin_archive;
#[path = "../helm/setup.rs"]
#[expect(dead_code, reason = "the Helm tests need more of it")]
mod setup;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run([plugin::trials(), helm3::trials(), oci::trials(), image::trials()])
}

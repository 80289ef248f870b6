//! What users install: the plugin of Helm 4 as a signed archive and from a registry, the one that Helm 3 takes, and the image.

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

//! The plugins from a registry.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use jobsweep_harness::process::Program;
use jobsweep_harness::registry::Registry;
use jobsweep_harness::tools::oras;
use jobsweep_harness::{trials, trials::Trial};

use crate::plugin_archive::{Machine, VERSION};
use crate::setup::same;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_signed_plugin_is_installed_from_a_registry,
        helm_sweep_is_installed_from_a_registry,
        a_plugin_without_a_signature_is_not_pushed_and_would_be_refused,
        a_plugin_that_was_changed_is_refused,
        a_plugin_that_somebody_else_signed_is_refused,
    ]
}

impl Machine {
    /// The script that pushes the plugin, with oras on `PATH`.
    fn push(&self, registry: &Registry) -> Result<Program> {
        self.push_archive(&self.archive, registry)
    }

    fn push_archive(&self, archive: &Path, registry: &Registry) -> Result<Program> {
        let oras = oras()?;
        let folder = oras.parent().unwrap_or(&oras).to_owned();
        let path = std::env::join_paths([folder, "/usr/bin".into(), "/bin".into()])?;
        let push = self.run("packaging/plugin/push.sh").env("PATH", path);
        Ok(push.arg(plugins(registry)).arg(archive).args(["--plain-http", "--no-tty"]))
    }

    fn install_from_registry(&self, registry: &Registry) -> Program {
        self.install_plugin_from_registry("jobsweep", registry)
    }

    fn install_plugin_from_registry(&self, plugin: &str, registry: &Registry) -> Program {
        let source = format!("oci://{}/{plugin}:{VERSION}", plugins(registry));
        // The registry has no TLS.
        self.install_from(source).arg("--plain-http")
    }
}

fn plugins(registry: &Registry) -> String {
    format!("{}/jobsweep/plugins", registry.address())
}

pub(crate) async fn a_signed_plugin_is_installed_from_a_registry() -> Result<()> {
    let (machine, registry) = (Machine::new().await?, Registry::start().await?);
    machine.push(&registry)?.run().await?.expect_success()?;
    machine.verified(machine.install_from_registry(&registry).run().await?).await
}

pub(crate) async fn helm_sweep_is_installed_from_a_registry() -> Result<()> {
    let (machine, registry) = (Machine::new().await?, Registry::start().await?);
    machine.push_archive(&machine.sweep, &registry)?.run().await?.expect_success()?;
    let installed = machine.install_plugin_from_registry("sweep", &registry).run().await?.expect_success()?;
    ensure!(installed.stdout().contains(&format!("Signed by: {}\n", machine.key.owner)));
    let swept = machine.helm.command().args(["sweep", "--version"]).run().await?.expect_success()?;
    same("stdout", &format!("jobsweep {VERSION}\n"), &swept.stdout())
}

/// The script refuses to push a plugin without a signature, so the test calls oras.
pub(crate) async fn a_plugin_without_a_signature_is_not_pushed_and_would_be_refused() -> Result<()> {
    let (machine, registry) = (Machine::new().await?, Registry::start().await?);
    fs::remove_file(machine.signature())?;
    machine.push(&registry)?.run().await?.expect_code(1)?;

    let push = machine.helm.command_by(oras()?).args(["push", "--plain-http", "--no-tty"]);
    let push = push.arg("--artifact-type=application/vnd.helm.plugin.v1+json");
    let push = push.arg(format!("{}/jobsweep:{VERSION}", plugins(&registry)));
    push.arg(format!("jobsweep-{VERSION}.tgz")).run().await?.expect_success()?;
    machine.refused(machine.install_from_registry(&registry).run().await?, "no provenance file (.prov) found")
}

pub(crate) async fn a_plugin_that_was_changed_is_refused() -> Result<()> {
    let (machine, registry) = (Machine::new().await?, Registry::start().await?);
    let why = machine.change().await?;
    machine.push(&registry)?.run().await?.expect_success()?;
    machine.refused(machine.install_from_registry(&registry).run().await?, &why)
}

pub(crate) async fn a_plugin_that_somebody_else_signed_is_refused() -> Result<()> {
    let (machine, registry) = (Machine::new().await?, Registry::start().await?);
    machine.sign_as_somebody_else().await?;
    machine.push(&registry)?.run().await?.expect_success()?;
    let install = machine.install_from_registry(&registry).run().await?;
    machine.refused(install, "openpgp: signature made by unknown entity")
}

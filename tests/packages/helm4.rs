//! `helm sweep` of Helm 4: the signed plugin with the program inside, beside the post-renderer.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::{trials, trials::Trial};

use crate::helm3::{ends_as_the_cleanup_does, heeds_the_flags, install_sweep};
use crate::plugin_archive::{Machine, VERSION};
use crate::setup::{same, shop, template};

pub(crate) fn trials() -> Vec<Trial> {
    trials![both_plugins_work_together, a_changed_helm_sweep_is_refused, the_plugin_of_helm_3_must_go_first,]
}

/// A Helm with both plugins, whose signatures it has verified, and no program on `PATH`.
async fn with_both() -> Result<Machine> {
    let machine = Machine::new().await?;
    for archive in [&machine.archive, &machine.sweep] {
        let installed = machine.install_from(archive).run().await?.expect_success()?;
        ensure!(installed.stdout().contains(&format!("Signed by: {}\n", machine.key.owner)));
    }
    Ok(machine)
}

pub(crate) async fn both_plugins_work_together(cluster: &ControlPlane) -> Result<()> {
    let helm = with_both().await?.helm;
    let listed = helm.command().args(["plugin", "list"]).run().await?.expect_success()?;
    let listed = listed.stdout().into_owned();
    let plugins: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    ensure!(plugins[1] == ["jobsweep", VERSION, "postrenderer/v1", "v1", "signed", "unknown"], "{listed}");
    ensure!(plugins[2] == ["sweep", VERSION, "cli/v1", "v1", "signed", "unknown"], "{listed}");
    let help = helm.command().arg("help").run().await?.expect_success()?;
    ensure!(help.stdout().contains("  sweep       delete finished Jobs by their delete policy\n"));

    let rendered = template(&helm, &shop()).args(["--post-renderer", "jobsweep"]).run().await?;
    ensure!(rendered.expect_success()?.stdout().contains("kots.io/hook-delete-policy: hook-succeeded\n"));
    heeds_the_flags(cluster, &helm).await?;
    ends_as_the_cleanup_does(cluster, &helm).await
}

pub(crate) async fn a_changed_helm_sweep_is_refused() -> Result<()> {
    let machine = Machine::new().await?;
    std::fs::copy(&machine.archive, &machine.sweep)?;
    let refused = machine.install_from(&machine.sweep).run().await?.expect_code(1)?;
    let why = "Error: plugin verification failed: sha256 sum does not match for sweep-";
    ensure!(refused.stderr().starts_with(why), "{}", refused.stderr());
    Ok(())
}

/// Two plugins of one name keep Helm 4 from loading any plugin, the post-renderer included.
pub(crate) async fn the_plugin_of_helm_3_must_go_first() -> Result<()> {
    let helm = with_both().await?.helm;
    install_sweep(&helm).await?;
    let folder = |name| helm.plugins().join(name);
    let why =
        format!("two plugins claim the name \"sweep\" at {:?} and {:?}", folder("helm3"), folder("sweep"));
    let swept = helm.command().args(["sweep", "--version"]).run().await?.expect_code(1)?;
    ensure!(
        swept
            .stderr()
            .ends_with("Error: unknown command \"sweep\" for \"helm\"\nRun 'helm --help' for usage.\n")
    );
    let rendered =
        template(&helm, &shop()).args(["--post-renderer", "jobsweep"]).run().await?.expect_code(1)?;
    let said = rendered.stderr();
    let expected = format!("Error: invalid argument \"jobsweep\" for \"--post-renderer\" flag: {why}\n");
    ensure!(said.ends_with(&expected), "{said}");

    let uninstalled = helm.command().args(["plugin", "uninstall", "sweep"]).run().await?.expect_code(1)?;
    ensure!(uninstalled.stderr().ends_with(&format!("Error: {why}\n")), "{}", uninstalled.stderr());
    std::fs::remove_file(folder("helm3"))?;
    let swept = helm.command().args(["sweep", "--version"]).run().await?.expect_success()?;
    same("stdout", &format!("jobsweep {VERSION}\n"), &swept.stdout())
}

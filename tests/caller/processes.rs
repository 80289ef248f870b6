//! Which process above the probe is the Helm that calls.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::tools::{self, HelmVersion};
use jobsweep_harness::{trials, trials::Trial, wait};

use crate::probe::{NAME, WAITS};
use crate::setup::{Setup, write_renderer};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_link_to_helm_is_helm,
        a_script_may_stand_between,
        the_helm_that_a_plugin_calls_counts,
        no_helm_above_a_helm_without_a_post_renderer_counts,
        a_pipe_has_no_caller,
        a_program_with_helm_as_a_library_is_no_caller,
        a_helm_that_was_killed_lives_no_more,
    ]
}

const TEMPLATE: &str = "template shop dry-run=client namespace=b";

pub(crate) async fn a_link_to_helm_is_helm(version: HelmVersion) -> Result<()> {
    let setup = Setup::new(version)?;
    let link = setup.helm.home().join("h");
    symlink(setup.helm.program(), &link)?;
    let call = setup.call_by(link).args(["template", "shop"]).arg(&setup.chart);
    call.args(["-n", "b", "--post-renderer", NAME]).run().await?.expect_success()?;
    found(&setup, TEMPLATE)
}

pub(crate) async fn a_script_may_stand_between(version: HelmVersion) -> Result<()> {
    let setup = Setup::new(version)?;
    // The shell stays, because the probe is not its last command.
    let script = script(&setup, "between", &format!("{}\nexit $?", probe(&setup)))?;
    let renderer = renderer(&setup, "between", &script)?;
    let call = setup.call().args(["template", "shop"]).arg(&setup.chart).args(["-n", "b", "--post-renderer"]);
    call.arg(renderer).run().await?.expect_success()?;
    found(&setup, TEMPLATE)
}

pub(crate) async fn the_helm_that_a_plugin_calls_counts(version: HelmVersion) -> Result<()> {
    let setup = Setup::new(version)?;
    let (helm, chart) = (setup.helm.program().display(), setup.chart.display());
    let inner = format!("{helm} template shop {chart} -n b --post-renderer {NAME}\nexit $?");
    cli_plugin(&setup, "inner", &inner)?;
    let outer = setup.call().args(["inner", "upgrade", "shop", "--post-renderer", NAME]);
    outer.run().await?.expect_success()?;
    found(&setup, TEMPLATE)
}

pub(crate) async fn no_helm_above_a_helm_without_a_post_renderer_counts(version: HelmVersion) -> Result<()> {
    let setup = Setup::new(version)?;
    cli_plugin(&setup, "inner", &format!("{}\nexit $?", probe(&setup)))?;
    let script = script(&setup, "outer", &format!("{} inner\nexit $?", setup.helm.program().display()))?;
    let renderer = renderer(&setup, "outer", &script)?;
    let call = setup.call().args(["template", "shop"]).arg(&setup.chart).arg("--post-renderer");
    call.arg(renderer).run().await?.expect_success()?;
    found(&setup, "none")
}

pub(crate) async fn a_pipe_has_no_caller() -> Result<()> {
    let setup = Setup::new(HelmVersion::V3_22)?;
    let command = format!("echo 'kind: Job' | {} | cat", probe(&setup));
    setup.call_by("/bin/sh").args(["-c", &command]).run().await?.expect_success()?;
    found(&setup, "none")
}

pub(crate) async fn a_program_with_helm_as_a_library_is_no_caller(cluster: &ControlPlane) -> Result<()> {
    let mut setup = Setup::new(HelmVersion::V3_22)?;
    setup.helm = setup.helm.kubeconfig(cluster.kubeconfig());
    let namespace = cluster.namespace().await?;
    let call = setup.call_by(tools::helm_library()?).arg("shop").arg(&setup.chart);
    call.args([&*namespace.name, NAME]).run().await?.expect_success()?;
    found(&setup, "none")
}

pub(crate) async fn a_helm_that_was_killed_lives_no_more(version: HelmVersion) -> Result<()> {
    let setup = Setup::new(version)?;
    let call = setup.call().env(WAITS, "1").args(["template", "shop"]).arg(&setup.chart);
    let helm = call.args(["--post-renderer", NAME]).spawn()?;
    let exists = |name: &str| {
        let file = setup.folder.join(name);
        async move { Ok(file.exists().then_some(())) }
    };
    wait::until("the probe to find Helm", || exists("read")).await?;
    ensure!(!setup.folder.join("ended").exists(), "Helm still lives");
    helm.kill().await?;
    wait::until("the probe to notice that Helm was killed", || exists("ended")).await
}

fn found(setup: &Setup, expected: &str) -> Result<()> {
    let found = setup.found()?.context("the probe did not run")?;
    ensure!(found.read == expected, "{expected:?} was expected, and this was found: {:?}", found.read);
    Ok(())
}

fn probe(setup: &Setup) -> String {
    setup.helm.home().join("bin").join(NAME).display().to_string()
}

fn script(setup: &Setup, name: &str, text: &str) -> Result<PathBuf> {
    let path = setup.helm.home().join(format!("{name}.sh"));
    fs::write(&path, format!("#!/bin/sh\n{text}\n"))?;
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755))?;
    Ok(path)
}

/// Makes a script a post-renderer, and returns what names it.
fn renderer(setup: &Setup, name: &str, script: &Path) -> Result<String> {
    if !setup.helm.version().is_4() {
        return Ok(script.display().to_string());
    }
    write_renderer(&setup.helm, name, script)?;
    Ok(name.to_owned())
}

/// Makes a script the command `helm <name>`.
fn cli_plugin(setup: &Setup, name: &str, text: &str) -> Result<()> {
    let script = script(setup, name, text)?;
    let folder = setup.helm.plugins().join(name);
    fs::create_dir_all(&folder)?;
    let text = format!(
        "name: {name}\nversion: 0.1.0\nusage: a test\ndescription: a test\nignoreFlags: true\ncommand: {}\n",
        script.display()
    );
    Ok(fs::write(folder.join("plugin.yaml"), text)?)
}

//! Helms that know jobsweep by its name, and charts to render.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;

/// The program under test.
pub(crate) const JOBSWEEP: &str = env!("CARGO_BIN_EXE_jobsweep");

/// The folder of a file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The chart that most tests render: a ConfigMap, a plain Job and, if the values say so, a hook Job.
pub(crate) fn shop() -> PathBuf {
    repository("examples/chart")
}

/// A Helm for which `--post-renderer jobsweep` means the program under test: on Helm 3 by PATH, on Helm 4 only by the plugin.
pub(crate) async fn helm_with_jobsweep(version: HelmVersion) -> Result<Helm> {
    let helm = Helm::new(version)?;
    if version != HelmVersion::V4 {
        return Ok(helm.on_path(jobsweep_folder()?));
    }
    let checkout = helm.home().join("jobsweep");
    stage_plugin(&checkout)?;
    put_program(&checkout)?;
    helm.command().args(["plugin", "install"]).arg(&checkout).run().await?.expect_success()?;
    Ok(helm)
}

pub(crate) fn jobsweep_folder() -> Result<&'static Path> {
    Path::new(JOBSWEEP).parent().context("a program lies in a folder")
}

/// What a plugin is made of, without the program: the install hook must see to that.
///
/// Never the repository itself: the hook would write into it, and might find a program that a developer left there.
pub(crate) fn stage_plugin(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("packaging/plugin"))?;
    for file in ["plugin.yaml", "packaging/plugin/install.sh"] {
        fs::copy(repository(file), folder.join(file))?;
    }
    Ok(())
}

/// Puts the program under test where the plugin has it.
pub(crate) fn put_program(plugin: &Path) -> Result<()> {
    fs::create_dir_all(plugin.join("bin"))?;
    fs::copy(JOBSWEEP, plugin.join("bin/jobsweep"))?;
    Ok(())
}

/// Lets `--post-renderer cat` mean `cat`: what the text is before jobsweep changes it.
pub(crate) fn add_cat(helm: &Helm) -> Result<()> {
    let folder = helm.plugins().join("cat");
    if helm.version() == HelmVersion::V4 && !folder.exists() {
        fs::create_dir_all(&folder)?;
        let plugin = "apiVersion: v1\ntype: postrenderer/v1\nname: cat\nversion: 0.1.0\nruntime: subprocess\n\
                      runtimeConfig: {platformCommand: [{command: cat}]}\n";
        fs::write(folder.join("plugin.yaml"), plugin)?;
    }
    Ok(())
}

/// A call of `helm template shop <chart>`: add arguments and run it.
pub(crate) fn template(helm: &Helm, chart: &Path) -> Program {
    helm.command().args(["template", "shop"]).arg(chart)
}

/// What a chart is rendered to when nothing changes it but Helm's own way of calling a post-renderer.
pub(crate) async fn untouched(helm: &Helm, chart: &Path, args: &[&str]) -> Result<String> {
    add_cat(helm)?;
    let rendered = template(helm, chart).args(["--post-renderer", "cat"]).args(args).run().await?;
    Ok(rendered.expect_success()?.stdout().into_owned())
}

/// The text with a line more below each line that has this policy in Helm's annotation.
pub(crate) fn with_copied(text: &str, policy: &str) -> String {
    text.split_inclusive('\n')
        .flat_map(|line| {
            let copy = line.trim_end().ends_with(&format!("helm.sh/hook-delete-policy: {policy}"));
            [Some(line.to_owned()), copy.then(|| line.replace("helm.sh", "kots.io"))]
        })
        .flatten()
        .collect()
}

/// Compares two texts, and shows both in full where they differ.
pub(crate) fn same(what: &str, expected: &str, found: &str) -> Result<()> {
    ensure!(expected == found, "{what} differs\n--- expected\n{expected}\n--- found\n{found}\n---");
    Ok(())
}

/// A program that ended well wrote this, and nothing on stderr.
pub(crate) fn wrote(finished: Finished, expected: &str) -> Result<()> {
    let finished = finished.expect_success()?;
    same("stderr", "", &finished.stderr())?;
    same("stdout", expected, &finished.stdout())
}

//! Helms with jobsweep as a post-renderer, and charts to render.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;

pub(crate) const JOBSWEEP: &str = env!("CARGO_BIN_EXE_jobsweep");

/// The path of a file in the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The example chart: a ConfigMap, an ordinary Job and, depending on the values, a hook Job.
pub(crate) fn shop() -> PathBuf {
    repository("examples/chart")
}

/// A Helm with the program under test as the post-renderer `jobsweep`: on `PATH` for Helm 3, as a plugin for Helm 4.
pub(crate) async fn helm_with_jobsweep(version: HelmVersion) -> Result<Helm> {
    let helm = Helm::new(version)?;
    if !version.is_4() {
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

/// Copies the files of the plugin, without the program.
///
/// The hook of a plugin in the repository itself would write into the repository.
pub(crate) fn stage_plugin(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("packaging/plugin"))?;
    for file in ["plugin.yaml", "packaging/plugin/install.sh"] {
        fs::copy(repository(file), folder.join(file))?;
    }
    Ok(())
}

/// Copies the program under test into the plugin.
pub(crate) fn put_program(plugin: &Path) -> Result<()> {
    fs::create_dir_all(plugin.join("bin"))?;
    fs::copy(JOBSWEEP, plugin.join("bin/jobsweep"))?;
    Ok(())
}

/// Makes `cat` a post-renderer, which shows the text before jobsweep changes it.
pub(crate) fn add_cat(helm: &Helm) -> Result<()> {
    let folder = helm.plugins().join("cat");
    if helm.version().is_4() && !folder.exists() {
        fs::create_dir_all(&folder)?;
        let plugin = "apiVersion: v1\ntype: postrenderer/v1\nname: cat\nversion: 0.1.0\nruntime: subprocess\n\
                      runtimeConfig: {platformCommand: [{command: cat}]}\n";
        fs::write(folder.join("plugin.yaml"), plugin)?;
    }
    Ok(())
}

/// A call of `helm template shop <chart>`, to which the test adds arguments.
pub(crate) fn template(helm: &Helm, chart: &Path) -> Program {
    helm.command().args(["template", "shop"]).arg(chart)
}

/// The rendered chart after the post-renderer `cat`.
pub(crate) async fn untouched(helm: &Helm, chart: &Path, args: &[&str]) -> Result<String> {
    add_cat(helm)?;
    let rendered = template(helm, chart).args(["--post-renderer", "cat"]).args(args).run().await?;
    Ok(rendered.expect_success()?.stdout().into_owned())
}

/// The text with jobsweep's annotation below each of Helm's with this policy.
pub(crate) fn with_copied(text: &str, policy: &str) -> String {
    text.split_inclusive('\n')
        .flat_map(|line| {
            let copy = line.trim_end().ends_with(&format!("helm.sh/hook-delete-policy: {policy}"));
            [Some(line.to_owned()), copy.then(|| line.replace("helm.sh", "kots.io"))]
        })
        .flatten()
        .collect()
}

/// Returns an error with both texts if they differ.
pub(crate) fn same(what: &str, expected: &str, found: &str) -> Result<()> {
    ensure!(expected == found, "{what} differs\n--- expected\n{expected}\n--- found\n{found}\n---");
    Ok(())
}

/// Checks that a program succeeded with this output and nothing on stderr.
pub(crate) fn wrote(finished: Finished, expected: &str) -> Result<()> {
    let finished = finished.expect_success()?;
    same("stderr", "", &finished.stderr())?;
    same("stdout", expected, &finished.stdout())
}

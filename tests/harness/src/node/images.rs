//! The two images that pods run: the shipped one, and one with a static busybox.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::namespaces::program;
use crate::workdir;

const FOLDER: &str = "images";
const APP: &str = "example.com/app";
/// All versions are the same image, but Kubernetes sees a change.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=9;
/// The commands in the tests' scripts.
const APPLETS: [&str; 8] = ["sh", "echo", "sleep", "true", "false", "cat", "seq", "trap"];

/// An image with a shell, in the versions 1 to 9.
pub fn app(version: u32) -> String {
    debug_assert!(VERSIONS.contains(&version), "{version}");
    format!("{APP}:{version}")
}

/// Builds both images, which needs the machine's network.
pub(super) fn build() -> Result<()> {
    let folder = workdir::root()?.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/image/build.sh");
    run(Command::new(script).arg(folder.join("jobsweep.tar"))).context("the image under test")?;
    build_app(&folder.join("app")).context("the busybox image")
}

pub(super) fn archives() -> Result<[PathBuf; 2]> {
    let folder = workdir::root()?.join(FOLDER);
    Ok([folder.join("jobsweep.tar"), folder.join("app.tar")])
}

/// Writes an archive as `docker save` does.
fn build_app(folder: &Path) -> Result<()> {
    let bin = folder.join("root/bin");
    fs::create_dir_all(&bin)?;
    let busybox = program("busybox").context("busybox is looked for before")?;
    fs::copy(busybox, bin.join("busybox"))?;
    for applet in APPLETS {
        symlink("busybox", bin.join(applet))?;
    }
    run(Command::new("tar").current_dir(folder).args(["-C", "root", "-cf", "layer.tar", "bin"]))?;
    let sum = run(Command::new("sha256sum").current_dir(folder).arg("layer.tar"))?;
    let digest = sum.split_whitespace().next().context("sha256sum prints the sum")?;
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        // Pods use this image as their sandbox too, which only has to run.
        "config": { "Cmd": ["/bin/sleep", "infinity"], "Env": ["PATH=/bin"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
    });
    let names: Vec<String> = VERSIONS.map(app).collect();
    let manifest = json!([{ "Config": "config.json", "RepoTags": names, "Layers": ["layer.tar"] }]);
    fs::write(folder.join("config.json"), config.to_string())?;
    fs::write(folder.join("manifest.json"), manifest.to_string())?;
    let files = ["manifest.json", "config.json", "layer.tar"];
    run(Command::new("tar").current_dir(folder).args(["-cf", "../app.tar"]).args(files))?;
    Ok(())
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

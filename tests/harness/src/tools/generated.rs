//! The Go module of a release that has no folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Stamp;
use super::build::go;

/// Writes `go.mod` and `go.sum` of a module with these programs of a release, and returns its folder.
///
/// The release's own `go.mod` decides the versions of all other modules. No checked-in `go.sum` pins them, so Go's
/// checksum database has to.
pub(super) fn write_module(release: &Stamp, programs: &[&str], folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let (module, version) = release.release().context("only a release has a module")?;
    let database = said(go(folder).args(["env", "GOSUMDB"]))?;
    ensure!(database.trim() != "off", "GOSUMDB is off, so nothing would verify {module}");

    let answer = said(go(folder).args(["mod", "download", "-json", &format!("{module}@v{version}")]))?;
    let answer: Value = serde_json::from_str(&answer)?;
    let own = fs::read_to_string(answer["GoMod"].as_str().context("a module has a go.mod")?)?;
    let mut text = format!("module jobsweep.test/generated\n\ngo 1.26.0\n\nrequire {module} v{version}\n");
    for staged in staged(&own) {
        // Kubernetes 1.36.3 is published with k8s.io/api v0.36.3.
        text += &format!("replace {staged} => {staged} v0{}\n", version.trim_start_matches('1'));
    }
    text.extend(programs.iter().map(|program| format!("tool {module}/{program}\n")));
    fs::write(folder.join("go.mod"), text)?;
    said(go(folder).env("GOFLAGS", "-mod=mod").args(["list", "-deps", "tool"]))?;
    Ok(folder.to_owned())
}

/// The modules that a release of Kubernetes takes from its own repository.
fn staged(go_mod: &str) -> impl Iterator<Item = &str> {
    go_mod
        .lines()
        .filter_map(|line| line.trim().strip_suffix(" v0.0.0"))
        .filter(|path| path.starts_with("k8s.io/"))
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

//! Builds a tool set with `go install`, once for all processes.

use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{ToolSet, generated};
use crate::daemon::tail;

/// Whether the programs are compiled to be fast, as this code is then.
const OPTIMISED: bool = !cfg!(debug_assertions);

/// `CARGO_TARGET_DIR`, or the workspace's `target`. A running test cannot see `build.target-dir` of Cargo's configuration.
pub fn target_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    // A canonical path keeps `..` out of messages. Only an existing folder has one.
    fs::create_dir_all(&target).and_then(|()| target.canonicalize()).unwrap_or(target)
}

/// Why no tool can be built, in one line, or `None` if Go is installed and new enough.
///
/// Go itself reads the newest module, because Go knows which version that needs and whether to download it.
pub fn go_missing() -> Option<&'static str> {
    static REASON: OnceLock<Option<String>> = OnceLock::new();
    REASON.get_or_init(|| reason_go_fails(&checked_in("kubernetes"))).as_deref()
}

fn reason_go_fails(module: &Path) -> Option<String> {
    match go(module).args(["list", "-m"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
        Err(error) => Some(format!("`go` cannot be run: {error}")),
    }
}

/// The folder of a set's programs. Builds them if necessary.
pub(super) fn find_or_build(set: &ToolSet) -> Result<PathBuf> {
    let tools = target_dir().join("tools");
    let name = if OPTIMISED { format!("{}-optimised", set.name) } else { set.name.to_owned() };
    let built = tools.join(format!("{name}-{:016x}", key(set)?));
    let programs = built.join("bin");
    // The folder gets this name only when the build is complete.
    if built.is_dir() {
        return Ok(programs);
    }

    fs::create_dir_all(&tools)?;
    let lock = File::create(tools.join(format!("{name}.lock")))?;
    if lock.try_lock().is_err() {
        eprintln!("waiting for another process that builds {name}");
        lock.lock()?;
    }
    if !built.is_dir() {
        let unfinished = tools.join(format!("{name}.unfinished"));
        build(set, &unfinished).with_context(|| format!("cannot build {name}"))?;
        fs::rename(&unfinished, &built)?;
    }
    Ok(programs)
}

/// The folder of a module that a set depends on. Downloads it if necessary.
pub(super) fn folder_of(set: &ToolSet, dependency: &str) -> Result<PathBuf> {
    let output = go(&checked_in(set.name)).args(["mod", "download", "-json", dependency]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`go mod download {dependency}` failed: {said}");
    let found: Value = serde_json::from_slice(&output.stdout)?;
    Ok(found["Dir"].as_str().with_context(|| format!("{dependency} has no folder"))?.into())
}

fn build(set: &ToolSet, into: &Path) -> Result<()> {
    if let Some(reason) = go_missing() {
        bail!("{reason}");
    }
    if into.exists() {
        fs::remove_dir_all(into)?;
    }
    eprintln!("building {} from source (the first time about {} on two cores)", set.name, set.takes);
    let start = Instant::now();
    let module = match &set.generated {
        None => checked_in(set.name),
        Some(programs) => generated::write_module(&set.stamp, programs, &into.join("module"))?,
    };
    let output = go(&module)
        .env("GOBIN", into.join("bin"))
        // The linker drops the debug information, so the compiler need not write it.
        .arg("install")
        .arg(if OPTIMISED { "-gcflags=all=-dwarf=false" } else { "-gcflags=all=-dwarf=false -N -l" })
        .args(["-trimpath", "-ldflags"])
        .arg(format!("-s -w {}", set.stamp.flags()))
        .arg(format!("-tags={}", set.tags.join(",")))
        .arg("tool")
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`go install` failed ({}):\n{}", output.status, tail(&said, 30));
    }
    eprintln!("built {} in {} s", set.name, start.elapsed().as_secs());
    Ok(())
}

/// Go inside a module, without the environment variables that would change what is built.
pub(super) fn go(module: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(module).env("GOFLAGS", "-mod=readonly").env("GOWORK", "off").env("CGO_ENABLED", "0");
    for surprise in ["GOOS", "GOARCH", "GOEXPERIMENT", "GO111MODULE"] {
        go.env_remove(surprise);
    }
    go
}

fn checked_in(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(name)
}

/// Changes with everything that decides what the programs do. Another Rust version may hash differently; Go then links again.
fn key(set: &ToolSet) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    match &set.generated {
        Some(programs) => programs.hash(&mut hasher),
        None => {
            for file in ["go.mod", "go.sum"] {
                let path = checked_in(set.name).join(file);
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?.hash(&mut hasher);
            }
        }
    }
    if let Ok(program) = fs::read(checked_in(set.name).join("main.go")) {
        program.hash(&mut hasher);
    }
    set.stamp.flags().hash(&mut hasher);
    set.tags.iter().for_each(|tag| tag.hash(&mut hasher));
    Ok(hasher.finish())
}

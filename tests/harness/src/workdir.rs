//! The folder where this process keeps its clusters' files and Helm's homes, removed when the process ends.

use std::env;
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};

use crate::tools::target_dir;

/// Outlives this process by a moment: removes the folder when its input ends, however that comes about, unless
/// it was told to keep it; what etcd stored is of no use then either. (Nothing inside a process can clean up
/// after a kill, and statics are never dropped.)
const KEEPER: &str = r#"
read -r word
if [ "$word" = keep ]; then rm -rf "$1"/*/etcd; else rm -rf "$1" || { sleep 1; rm -rf "$1"; }; fi
"#;

/// Where a process inside a node finds the folder of the one that started it, which keeps it too: what is in here ends
/// with the node.
pub(crate) const GIVEN: &str = "JOBSWEEP_HARNESS_FOLDER";

struct Workdir {
    path: PathBuf,
    keeper: Option<Mutex<Child>>,
}

static WORKDIR: OnceLock<Workdir> = OnceLock::new();

/// A new folder of its own for a cluster or a Helm.
pub(crate) fn folder(purpose: &str) -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = workdir()?.path.join(format!("{purpose}-{number}"));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Keeps the folder, because somebody will want to read the logs in it. Says where, the first time.
pub(crate) fn keep() {
    let Some(workdir) = WORKDIR.get() else { return };
    let Some(keeper) = &workdir.keeper else { return };
    let stdin = keeper.lock().unwrap_or_else(PoisonError::into_inner).stdin.take();
    // Taken already: said already.
    if let Some(mut stdin) = stdin
        && stdin.write_all(b"keep\n").is_ok()
    {
        eprintln!("the logs are kept in {}", workdir.path.display());
    }
}

/// The whole of it.
pub(crate) fn root() -> Result<&'static Path> {
    Ok(&workdir()?.path)
}

fn workdir() -> Result<&'static Workdir> {
    if let Some(workdir) = WORKDIR.get() {
        return Ok(workdir);
    }
    // One at a time, or the loser of a race would leave a keeper that removes the winner's folder.
    static MAKING: Mutex<()> = Mutex::new(());
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if WORKDIR.get().is_none() {
        let (path, keeper) = match env::var_os(GIVEN) {
            Some(path) => (path.into(), None),
            None => {
                let path = target_dir().join("harness").join(process::id().to_string());
                fs::create_dir_all(&path)?;
                let keeper = Mutex::new(start_keeper(&path)?);
                (path, Some(keeper))
            }
        };
        return Ok(WORKDIR.get_or_init(|| Workdir { path, keeper }));
    }
    WORKDIR.get().context("made by another thread")
}

fn start_keeper(path: &Path) -> Result<Child> {
    // A process group of its own: Ctrl-C on the tests must not reach it before it has done its work.
    let keeper = Command::new("sh")
        .args(["-c", KEEPER, "keeper"])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(keeper)
}

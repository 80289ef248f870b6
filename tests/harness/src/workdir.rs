//! The folder for the files of clusters and Helms, which is removed when the process ends.

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

/// Removes the folder when its input ends, which also happens when this process is killed. After the word `keep` it
/// removes only etcd's data.
const KEEPER: &str = r#"
read -r word
if [ "$word" = keep ]; then rm -rf "$1"/*/etcd; else rm -rf "$1" || { sleep 1; rm -rf "$1"; }; fi
"#;

/// The variable that gives a process inside a node the folder of the process that started it.
pub(crate) const GIVEN: &str = "JOBSWEEP_HARNESS_FOLDER";

struct Workdir {
    path: PathBuf,
    keeper: Option<Mutex<Child>>,
}

static WORKDIR: OnceLock<Workdir> = OnceLock::new();

/// Creates an empty folder for a cluster, a Helm or a test. It is removed when the process ends.
pub fn folder(purpose: &str) -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = workdir()?.path.join(format!("{purpose}-{number}"));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Keeps the folder for its logs, and prints its path the first time.
pub(crate) fn keep() {
    let Some(workdir) = WORKDIR.get() else { return };
    let Some(keeper) = &workdir.keeper else { return };
    let stdin = keeper.lock().unwrap_or_else(PoisonError::into_inner).stdin.take();
    if let Some(mut stdin) = stdin
        && stdin.write_all(b"keep\n").is_ok()
    {
        eprintln!("the logs are kept in {}", workdir.path.display());
    }
}

/// The folder that holds all others.
pub(crate) fn root() -> Result<&'static Path> {
    Ok(&workdir()?.path)
}

fn workdir() -> Result<&'static Workdir> {
    if let Some(workdir) = WORKDIR.get() {
        return Ok(workdir);
    }
    // Without this lock, two threads could start two keepers for one folder.
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
    // In its own process group the keeper does not receive the Ctrl-C that ends the tests.
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

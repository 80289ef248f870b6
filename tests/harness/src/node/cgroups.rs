//! The control groups of the node's containers: the one thing that does not go with the namespaces.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail};

/// Where the machine has them: of version 2, or one folder for each controller of version 1.
const GROUPS: &str = "/sys/fs/cgroup";
const PREFIX: &str = "jobsweep-node-";
/// How a process inside learns which one is its own.
pub(super) const GIVEN: &str = "JOBSWEEP_NODE_CGROUP";

/// What a container has used of the machine's memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The most at any time, page cache included.
    pub peak: u64,
    /// What it may use.
    pub limit: u64,
}

impl Memory {
    /// That of a running container, by the id that the kubelet knows it by, `containerd://…`.
    pub fn of_container(id: &str) -> Result<Self> {
        let id = id.strip_prefix("containerd://").with_context(|| format!("not containerd's: {id}"))?;
        let root = root()?;
        let root = root.trim_start_matches('/');
        let v1 = Path::new(GROUPS).join("memory").join(root).join(id);
        let v2 = Path::new(GROUPS).join(root).join(id);
        let read = |path: PathBuf| -> Result<u64> {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            text.trim().parse().with_context(|| format!("{}: {text}", path.display()))
        };
        if v1.is_dir() {
            Ok(Self {
                peak: read(v1.join("memory.max_usage_in_bytes"))?,
                limit: read(v1.join("memory.limit_in_bytes"))?,
            })
        } else if v2.is_dir() {
            Ok(Self { peak: read(v2.join("memory.peak"))?, limit: read(v2.join("memory.max"))? })
        } else {
            bail!("there is no control group of the container {id}")
        }
    }
}

/// A new name for a node that this process starts.
pub(super) fn new_root() -> String {
    format!("/{PREFIX}{}", process::id())
}

/// The group below which this node's containers are.
pub(super) fn root() -> Result<String> {
    env::var(GIVEN).context("this process is not inside a node")
}

/// Removes the groups of nodes that have ended: of this process's, and of any that was killed before it could do so.
pub(super) fn remove_of_the_dead() {
    let mut folders = vec![PathBuf::from(GROUPS)];
    folders.extend(children(Path::new(GROUPS)));
    for group in folders.iter().flat_map(|folder| children(folder)) {
        let name = group.file_name().unwrap_or_default().to_string_lossy();
        let owner = name.strip_prefix(PREFIX).and_then(|owner| owner.parse::<u32>().ok());
        if owner.is_some_and(|owner| owner == process::id() || !Path::new(&format!("/proc/{owner}")).exists())
        {
            remove(&group);
        }
    }
}

/// The deepest first. A group that still has processes stays, for the next time.
fn remove(group: &Path) {
    children(group).iter().for_each(|child| remove(child));
    let _ = fs::remove_dir(group);
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

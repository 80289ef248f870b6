//! The control groups of the node's containers, which do not end with the node's namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;

/// The control groups of version 2, or a folder for each controller of version 1.
const GROUPS: &str = "/sys/fs/cgroup";
/// The group of all containers that containerd runs for Kubernetes.
const ALL: &str = "k8s.io";

/// A running container.
#[derive(Debug)]
pub struct Container {
    group: PathBuf,
    peak: &'static str,
}

impl Container {
    /// The only container of a running pod.
    pub fn of(pod: &Pod) -> Result<Self> {
        let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
        let id = containers.and_then(|all| all.first()?.container_id.as_deref()).context("it has an id")?;
        let id = id.trim_start_matches("containerd://");
        let below = |groups: &str| Path::new(groups).join(ALL).join(id);
        let v1 = Self { group: below("/sys/fs/cgroup/memory"), peak: "memory.max_usage_in_bytes" };
        let v2 = Self { group: below(GROUPS), peak: "memory.peak" };
        let found = if v1.group.is_dir() { v1 } else { v2 };
        ensure!(found.group.is_dir(), "the container {id} does not run");
        Ok(found)
    }

    /// The peak memory in bytes, including the page cache.
    pub fn peak_memory(&self) -> Result<u64> {
        numbers(&self.group.join(self.peak))?.first().copied().context("a number of bytes")
    }

    /// The id of the only process.
    pub fn process(&self) -> Result<u32> {
        let processes = numbers(&self.group.join("cgroup.procs"))?;
        ensure!(processes.len() == 1, "not one process but {processes:?}");
        Ok(processes[0])
    }
}

fn numbers<T: FromStr>(path: &Path) -> Result<Vec<T>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.split_whitespace().filter_map(|number| number.parse().ok()).collect())
}

/// Removes the groups of containers that ended with their node.
pub(super) fn remove_empty_groups() {
    let mut folders = vec![PathBuf::from(GROUPS)];
    folders.extend(children(Path::new(GROUPS)));
    folders.iter().for_each(|folder| remove(&folder.join(ALL)));
}

/// Removes the deepest groups first. A group with processes stays, because it belongs to another node.
fn remove(group: &Path) {
    children(group).iter().for_each(|child| remove(child));
    let _ = fs::remove_dir(group);
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

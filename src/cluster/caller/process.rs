//! The processes above this one.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// A process, as far as it tells who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub pid: u32,
    parent: u32,
    /// Rises with time. With the PID it names a process for ever, because PIDs are used again.
    started: u64,
    /// Whether it has ended, though its parent has not yet taken note.
    is_zombie: bool,
    exe: Option<OsString>,
    pub argv: Vec<OsString>,
}

/// More processes stand above no post-renderer. On Windows a PID that is used again can make a circle.
const MOST_ANCESTORS: usize = 100;

/// The nearest ancestor whose program is Helm.
pub(super) fn nearest_helm(own: u32, look_up: impl Fn(u32) -> Option<Process>) -> Option<Process> {
    let mut child = look_up(own)?;
    for _ in 0..MOST_ANCESTORS {
        // A parent that started later has the PID of the real one, which has ended.
        let parent = look_up(child.parent).filter(|parent| parent.started <= child.started)?;
        if parent.is_helm() {
            return Some(parent);
        }
        child = parent;
    }
    None
}

impl Process {
    fn is_helm(&self) -> bool {
        let names = [self.exe.as_deref(), self.argv.first().map(OsString::as_os_str)];
        names.into_iter().flatten().any(|path| Path::new(path).file_name().is_some_and(is_name_of_helm))
    }

    /// Whether this process still runs.
    pub(super) fn still_lives(&self) -> bool {
        look_up(self.pid).is_some_and(|now| now.started == self.started && !now.is_zombie)
    }
}

/// Whether a file name matches `^\.?helm([-_]?v?[0-9][0-9.]*)?(-wrapped)?(\.exe)?$`, as `helm3` and Nix's `.helm-wrapped` do.
fn is_name_of_helm(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let name = name.strip_suffix("-wrapped").unwrap_or(name);
    let Some(version) = name.strip_prefix('.').unwrap_or(name).strip_prefix("helm") else {
        return false;
    };
    let number = version.strip_prefix(['-', '_']).unwrap_or(version);
    let number = number.strip_prefix('v').unwrap_or(number);
    version.is_empty()
        || number.starts_with(|first: char| first.is_ascii_digit())
            && number.chars().all(|each| each.is_ascii_digit() || each == '.')
}

/// The PID of the parent. On Unix it changes when the parent ends.
#[cfg(unix)]
pub(super) fn parent_pid() -> u32 {
    std::os::unix::process::parent_id()
}

/// The PID of the parent, or 0 where it has ended.
#[cfg(not(unix))]
pub(super) fn parent_pid() -> u32 {
    let own = look_up(std::process::id());
    own.and_then(|own| look_up(own.parent).filter(|parent| parent.started <= own.started))
        .map_or(0, |parent| parent.pid)
}

#[cfg(target_os = "linux")]
pub(super) fn look_up(pid: u32) -> Option<Process> {
    use std::fs;
    use std::os::unix::ffi::OsStringExt;

    let folder = Path::new("/proc").join(pid.to_string());
    let stat = fs::read(folder.join("stat")).ok()?;
    let stat = Stat::parse(&String::from_utf8_lossy(&stat))?;
    // Another user's program cannot be read, and nothing remains of the arguments of a process that has ended.
    let exe = fs::read_link(folder.join("exe")).ok().map(Into::into);
    let mut argv: Vec<_> = fs::read(folder.join("cmdline"))
        .unwrap_or_default()
        .split(|byte| *byte == 0)
        .map(|arg| OsString::from_vec(arg.to_vec()))
        .collect();
    // A NUL ends each argument.
    argv.pop();
    Some(Process {
        pid,
        parent: stat.parent,
        started: stat.started,
        is_zombie: matches!(stat.state, 'Z' | 'X'),
        exe,
        argv,
    })
}

/// What `/proc/PID/stat` says.
#[cfg(target_os = "linux")]
struct Stat {
    state: char,
    parent: u32,
    started: u64,
}

#[cfg(target_os = "linux")]
impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The program's name, in parentheses, can have any character.
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        // The state is the third field, and the start time the 22nd.
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { state, parent, started })
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn look_up(pid: u32) -> Option<Process> {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System, UpdateKind};

    let mut system = System::new();
    let asked = [Pid::from_u32(pid)];
    let what = ProcessRefreshKind::nothing().with_exe(UpdateKind::Always).with_cmd(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&asked), true, what);
    let process = system.process(asked[0])?;
    Some(Process {
        pid,
        parent: process.parent().map_or(0, Pid::as_u32),
        started: process.start_time(),
        is_zombie: matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead),
        exe: process.exe().map(|path| path.as_os_str().to_owned()),
        argv: process.cmd().to_vec(),
    })
}

#[cfg(test)]
#[path = "process/tests.rs"]
mod tests;

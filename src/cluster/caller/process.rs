//! The processes above this one.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// A process, as far as it tells who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub pid: u32,
    parent: u32,
    /// Rises with time. With the PID it names a process for ever, because PIDs are used again.
    pub started: u64,
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
}

/// Whether the process that started then still runs.
pub(super) fn still_lives(pid: u32, started: u64) -> bool {
    look_up(pid).is_some_and(|now| now.started == started && !now.is_zombie)
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
    let (state, parent, started) = parse_stat(&String::from_utf8_lossy(&stat))?;
    // Another user's program cannot be read, and nothing remains of the arguments of a process that has ended.
    let exe = fs::read_link(folder.join("exe")).ok().map(Into::into);
    let mut argv: Vec<_> = fs::read(folder.join("cmdline"))
        .unwrap_or_default()
        .split(|byte| *byte == 0)
        .map(|arg| OsString::from_vec(arg.to_vec()))
        .collect();
    // A NUL ends each argument.
    argv.pop();
    Some(Process { pid, parent, started, is_zombie: matches!(state, 'Z' | 'X'), exe, argv })
}

/// The state, the parent and the start time in `/proc/PID/stat`.
#[cfg(target_os = "linux")]
fn parse_stat(text: &str) -> Option<(char, u32, u64)> {
    // The program's name, in parentheses, can have any character.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // The state is the third field, and the start time the 22nd.
    Some((state, parent, fields.nth(17)?.parse().ok()?))
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
impl Process {
    /// A process whose parent has the PID before its own.
    pub(super) fn example(pid: u32, argv: &[&str]) -> Self {
        let argv = argv.iter().map(OsString::from).collect();
        Self { pid, parent: pid - 1, started: u64::from(pid), is_zombie: false, exe: None, argv }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The PID of the nearest Helm above the last process.
    fn nearest(processes: &[Process]) -> Option<u32> {
        let own = processes.last().map_or(0, |process| process.pid);
        let look_up = |pid| processes.iter().find(|process| process.pid == pid).cloned();
        nearest_helm(own, look_up).map(|helm| helm.pid)
    }

    #[test]
    fn the_nearest_helm_counts() {
        let example = Process::example;
        let (shell, helm) = (["/bin/sh", "-c", "helm"], ["/usr/bin/helm", "upgrade"]);
        let own = example(9, &["jobsweep"]);
        for (above, expected) in [
            (vec![example(8, &helm)], Some(8)),
            (vec![example(7, &helm), example(8, &shell)], Some(7)),
            (vec![example(5, &helm), example(6, &shell), example(7, &helm), example(8, &shell)], Some(7)),
            (vec![example(8, &shell)], None),
            (vec![], None),
            // Nobody is between them.
            (vec![example(7, &helm)], None),
            // The PID is used again.
            (vec![Process { started: 10, ..example(8, &helm) }], None),
            (vec![Process { started: 9, ..example(8, &helm) }], Some(8)),
            (vec![example(7, &helm), Process { started: 6, ..example(8, &shell) }], None),
            // A circle, which Windows can have.
            (vec![Process { parent: 9, started: 9, ..example(8, &shell) }], None),
            (vec![Process { exe: Some("/opt/helm-4".into()), ..example(8, &["h"]) }], Some(8)),
            (vec![Process { exe: Some("/opt/h".into()), ..example(8, &["helm"]) }], Some(8)),
        ] {
            let processes: Vec<_> = above.into_iter().chain([own.clone()]).collect();
            assert_eq!(nearest(&processes), expected, "{processes:?}");
        }
    }

    #[test]
    fn these_are_names_of_helm() {
        for name in [
            "helm",
            "helm3",
            "helm-3",
            "helm_v3",
            "helm-v4.3.1",
            "helmv3",
            ".helm-wrapped",
            "helm.exe",
            "helm3-wrapped.exe",
        ] {
            assert!(is_name_of_helm(OsStr::new(name)), "{name}");
        }
        for name in [
            "",
            "helmfile",
            "helm-diff",
            "helmsman",
            "xhelm",
            "helm-",
            "helmv",
            "helm3x",
            "Helm",
            "..helm",
            "helm.sh",
            "helm-wrapped-x",
        ] {
            assert!(!is_name_of_helm(OsStr::new(name)), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_start_and_the_parent_are_found_behind_any_name() {
        let stat = |name: &str| {
            let stat = format!("12 ({name}) S 7 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 2");
            parse_stat(&stat)
        };
        for name in ["helm", "a b", ") S 1 (", ""] {
            assert_eq!(stat(name), Some(('S', 7, 98765)), "{name}");
        }
        assert!(parse_stat("").is_none() && parse_stat("12 (helm) S 7").is_none());
    }

    #[test]
    fn a_process_is_found_with_its_parent_and_its_arguments() {
        let own = look_up(std::process::id()).expect("this process");
        assert_eq!(own.parent, parent_pid());
        assert_eq!(own.argv, std::env::args_os().collect::<Vec<_>>());
        assert!(still_lives(own.pid, own.started));
        assert!(!still_lives(own.pid, own.started + 1));
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_was_killed_lives_no_more_though_its_parent_has_not_waited_for_it() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let process = look_up(child.id()).expect("a process");
        assert!(still_lives(process.pid, process.started));
        child.kill().expect("killed");
        while still_lives(process.pid, process.started) {
            std::thread::yield_now();
        }
        child.wait().expect("its end");
        assert!(!still_lives(process.pid, process.started));
    }
}

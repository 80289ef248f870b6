//! The last lines of a Job's logs, within bounds of memory.

use serde::Serialize;

use crate::cluster::old::job::Job;
use crate::policy::Outcome;

const DEFAULT_LINES: u32 = 20;
/// The most memory for one Job's logs.
pub(crate) const JOB_BYTES: usize = 256 * 1024;
/// The most memory for all logs of a sweep.
pub(crate) const SWEEP_BYTES: usize = 8 * 1024 * 1024;
/// What a line takes besides its text.
pub(crate) const LINE_BYTES: usize = size_of::<String>();

#[derive(Debug, Default)]
pub(crate) struct JobLog {
    pub containers: Vec<ContainerLog>,
    /// Approximately the memory that the lines take.
    pub bytes: usize,
    /// How many lines were left out, in whole or in part.
    pub lines_cut: usize,
    pub containers_cut: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ContainerLog {
    pub pod: String,
    pub container: String,
    pub lines: Vec<String>,
}

impl JobLog {
    pub(crate) fn is_cut(&self) -> bool {
        self.lines_cut + self.containers_cut > 0
    }

    /// Keeps as many of a container's last lines as fit into `room` bytes. If not even the last line fits, keeps its
    /// beginning. Returns how many bytes they take.
    pub(crate) fn add(&mut self, pod: &str, container: String, text: &str, room: usize) -> usize {
        let (mut lines, mut bytes, mut cut) = (Vec::new(), 0, 0);
        for line in text.lines().rev() {
            match room.checked_sub(bytes + LINE_BYTES) {
                Some(left) if cut == 0 && (line.len() <= left || lines.is_empty()) => {
                    let kept = beginning(line, left);
                    cut += usize::from(kept.len() < line.len());
                    bytes += kept.len() + LINE_BYTES;
                    lines.push(kept.to_owned());
                }
                _ => cut += 1,
            }
        }
        lines.reverse();
        self.containers.push(ContainerLog { pod: pod.to_owned(), container, lines });
        self.bytes += bytes;
        self.lines_cut += cut;
        bytes
    }
}

fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

/// How many lines of a Job's logs are wanted: `tail` for a failed Job and for one that asks for its logs.
pub(super) fn lines_wanted(tail: Option<u32>, job: &Job) -> u32 {
    let Some(outcome) = job.outcome() else { return 0 };
    let asked_by_job = job.log_policy.as_ref().is_some_and(|policy| policy.names(outcome));
    match tail {
        Some(lines) if asked_by_job || outcome == Outcome::Failed => lines,
        None if asked_by_job => DEFAULT_LINES,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::sweep::fixture::job;
    use crate::policy::DeletePolicy;

    #[test]
    fn the_last_lines_that_there_is_room_for_are_kept() {
        let all = 3 * LINE_BYTES + 6;
        for (text, room, kept, cut) in [
            ("a\nbb\nccc\n", all, &["a", "bb", "ccc"][..], 0),
            ("a\nbb\nccc\n", all - 1, &["bb", "ccc"], 1),
            ("a\nbb\nccc\n", LINE_BYTES + 2, &["cc"], 3),
            ("c\u{e9}", LINE_BYTES + 2, &["c"], 1),
            ("\n\n\n", 2 * LINE_BYTES, &["", ""], 1),
            ("\n\n\n", 0, &[], 3),
        ] {
            let mut log = JobLog::default();
            let bytes = log.add("pod", "main".to_owned(), text, room);
            assert_eq!(log.containers[0].lines, kept, "{text:?} {room}");
            assert_eq!((log.lines_cut, log.bytes), (cut, bytes), "{text:?} {room}");
            assert!(bytes <= room && log.is_cut() == (cut > 0), "{bytes} of {room}");
        }
    }

    #[test]
    fn logs_are_read_when_the_user_or_the_job_asks() {
        for (tail, failed, by_policy, lines) in [
            (None, true, false, 0),
            (None, true, true, 20),
            (None, false, true, 20),
            (Some(5), true, false, 5),
            (Some(5), false, false, 0),
            (Some(5), false, true, 5),
            (Some(0), true, true, 0),
        ] {
            let job = if failed { job("a").failed() } else { job("a").succeeded() };
            let log_policy = by_policy.then(|| DeletePolicy::parse("hook-succeeded,hook-failed"));
            let wanted = lines_wanted(tail, &job.with(|shared| shared.log_policy = log_policy));
            assert_eq!(wanted, lines, "{tail:?} {failed} {by_policy}");
        }
    }
}

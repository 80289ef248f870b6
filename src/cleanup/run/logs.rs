//! The last words of a Job's pods, read before the Job and its pods are deleted.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use crate::cleanup::output::terminal::Say;
use crate::cleanup::sweep::{JobLog, Level, Order, PodLog};
use crate::cluster::api::{Api, Failure, Pod};

/// How many lines a Job gets that asks for its logs, when the user has not said.
const LINES: u32 = 20;
/// How often a deletion is put off because the pods could not be listed.
const ATTEMPTS: u32 = 4;
/// How much is kept of one Job's logs, in all its pods.
const JOB_BYTES: usize = 256 * 1024;
/// How much is kept of all logs in a sweep: to its end for the report, and in front of a slow reader of stderr.
const SWEEP_BYTES: usize = 8 * 1024 * 1024;
/// What a line takes besides its text.
const LINE: usize = size_of::<String>();

/// Reads logs, as long as that is allowed.
pub(crate) struct Logs<'a> {
    tail: Option<u32>,
    say: &'a Say,
    level: Level,
    keep: bool,
    /// How much may still be kept.
    left: Cell<usize>,
    /// The namespaces whose logs we may not read.
    forbidden: RefCell<HashSet<String>>,
}

/// Whether it is worth another attempt. A doubtful no is not doubted for long.
fn may_pass(failure: &Failure, order: &Order) -> bool {
    matches!(failure, Failure::MayRecover(_)) || (failure.is_transient() && order.log_failures + 1 < ATTEMPTS)
}

impl<'a> Logs<'a> {
    /// What the user wants to see, whether it is kept for the report, and how loud it is said.
    pub(crate) fn new(tail: Option<u32>, keep: bool, level: Level, say: &'a Say) -> Self {
        Self { tail, say, level, keep, left: Cell::new(SWEEP_BYTES), forbidden: RefCell::default() }
    }

    /// Reads and says what is wanted of a Job's logs; `None` if nothing is. Trouble that may pass is an error, a few
    /// times, since there is no other chance to read them; any other trouble is said, and stops nothing.
    pub(crate) async fn of(&self, api: &Api, order: &Order) -> Result<Option<JobLog>, Failure> {
        let lines = wanted(self.tail, order);
        if lines == 0 || order.logs_read || self.is_forbidden(order) {
            return Ok(None);
        }
        let mut log = JobLog::default();
        match self.read(api, order, lines, &mut log).await {
            Ok(()) => {}
            Err(failure) if may_pass(&failure, order) => {
                self.left.set(self.left.get() + log.bytes);
                return Err(failure);
            }
            Err(failure) => {
                // One warning for a namespace is enough, however many are under way.
                if !self.is_forbidden(order) {
                    self.say.warning(format_args!("no logs of {}: {failure}", order.id));
                }
                if matches!(failure, Failure::Forbidden(..)) {
                    self.forbidden.borrow_mut().insert(order.id.namespace.clone());
                }
            }
        }
        for PodLog { pod, container, lines } in &log.containers {
            let heading = format_args!("last lines of {}, pod {pod}, container {container}", order.id);
            self.say.log(self.level, heading, lines);
        }
        if log.is_cut() {
            let JobLog { lines_cut, containers_cut, .. } = log;
            self.say.warning(format_args!(
                "the logs of {} are cut; lines left out: {lines_cut}, containers not asked: {containers_cut}",
                order.id
            ));
        }
        Ok(Some(if self.keep { log } else { JobLog::default() }))
    }

    fn is_forbidden(&self, order: &Order) -> bool {
        self.forbidden.borrow().contains(&order.id.namespace)
    }

    async fn read(&self, api: &Api, order: &Order, lines: u32, log: &mut JobLog) -> Result<(), Failure> {
        for Pod { name: pod, containers } in api.pods(&order.id).await? {
            for container in containers {
                let room = JOB_BYTES.saturating_sub(log.bytes).min(self.left.get());
                if room <= LINE {
                    log.containers_cut += 1;
                    continue;
                }
                match api.log(&order.id.namespace, &pod, &container, lines).await {
                    Ok(text) if text.is_empty() => {}
                    Ok(text) => {
                        // Others have read meanwhile.
                        let room = room.min(self.left.get());
                        let bytes = log.add(&pod, container, &text, room);
                        self.left.set(self.left.get() - bytes);
                    }
                    // A container that never started has nothing to say.
                    Err(failure @ Failure::Refused(_)) if !failure.is_transient() => {
                        self.say
                            .detail(format_args!("no log of pod {pod}, container {container}: {failure}"));
                    }
                    // What one cannot be asked for, another may still tell, if this is the last time we ask.
                    Err(failure) if failure.is_transient() && !may_pass(&failure, order) => {
                        self.say
                            .warning(format_args!("no log of pod {pod}, container {container}: {failure}"));
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(())
    }
}

impl JobLog {
    /// Keeps the last lines of a container that there is room for; of the very last one, if it is longer, the
    /// beginning. Gives the room that they take.
    fn add(&mut self, pod: &str, container: String, text: &str, room: usize) -> usize {
        let (mut lines, mut bytes, mut cut) = (Vec::new(), 0, 0);
        for line in text.lines().rev() {
            match room.checked_sub(bytes + LINE) {
                Some(left) if cut == 0 && (line.len() <= left || lines.is_empty()) => {
                    let fits = start(line, left);
                    cut += usize::from(fits.len() < line.len());
                    bytes += fits.len() + LINE;
                    lines.push(fits.to_owned());
                }
                _ => cut += 1,
            }
        }
        lines.reverse();
        self.containers.push(PodLog { pod: pod.to_owned(), container, lines });
        self.bytes += bytes;
        self.lines_cut += cut;
        bytes
    }
}

/// As much of the beginning of a text as has room.
fn start(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let ends = text.char_indices().map(|(at, char)| at + char.len_utf8());
    &text[..ends.take_while(|end| *end <= room).last().unwrap_or_default()]
}

/// How many lines of a Job's logs are wanted.
fn wanted(tail: Option<u32>, order: &Order) -> u32 {
    match tail {
        Some(lines) if order.failed || order.logs_by_policy => lines,
        None if order.logs_by_policy => LINES,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::job::JobId;

    #[test]
    fn the_last_lines_that_there_is_room_for_are_kept() {
        let all = 3 * LINE + 6;
        for (text, room, kept, cut) in [
            ("a\nbb\nccc\n", all, &["a", "bb", "ccc"][..], 0),
            ("a\nbb\nccc\n", all - 1, &["bb", "ccc"], 1),
            ("a\nbb\nccc\n", LINE + 2, &["cc"], 3),
            ("c\u{e9}", LINE + 2, &["c"], 1),
            ("\n\n\n", 2 * LINE, &["", ""], 1),
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
        let order = |failed, logs_by_policy| Order {
            id: JobId { namespace: "shop".to_owned(), name: "migrate".to_owned(), uid: "u1".to_owned() },
            version: Some("1".to_owned()),
            failed,
            logs_by_policy,
            logs_read: false,
            failures: 0,
            log_failures: 0,
        };
        for (tail, failed, by_policy, lines) in [
            (None, true, false, 0),
            (None, true, true, 20),
            (None, false, true, 20),
            (Some(5), true, false, 5),
            (Some(5), false, false, 0),
            (Some(5), false, true, 5),
            (Some(0), true, true, 0),
        ] {
            assert_eq!(wanted(tail, &order(failed, by_policy)), lines, "{tail:?} {failed} {by_policy}");
        }
    }
}

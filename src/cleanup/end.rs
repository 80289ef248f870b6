//! How a sweep ends, and the exit code that says so.

use std::collections::BTreeMap;
use std::fmt;

use super::api::Failure;
use super::decide::Kept;
use super::report::words::{action, why};
use super::say::Say;
use super::signals::Signal;
use super::sweep::{Phase, Sweep};
use crate::policy::Outcome;

/// Every Job in scope was seen to, and every due deletion is confirmed.
pub(crate) const SWEPT: u8 = 0;
/// Something went wrong.
pub(crate) const ERROR: u8 = 1;
/// A Job in scope failed, and the user wanted to know.
pub(crate) const JOB_FAILED: u8 = 3;
/// The deadline came first.
pub(crate) const DEADLINE: u8 = 4;
/// Not allowed.
pub(crate) const NOT_ALLOWED: u8 = 5;

/// How a sweep ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Nothing is left to do.
    Swept,
    /// The deadline came first.
    Deadline,
    /// A signal did.
    Stopped(Signal),
    /// A second one came before the deletions under way were answered.
    Aborted(Signal),
    /// Something that no waiting cures.
    Failed(Failure),
}

impl End {
    /// The exit code. What says most about the sweep wins: that it was cut short, then that it went wrong, then what
    /// became of the Jobs.
    pub(crate) fn exit_code(&self, sweep: &Sweep, fail_on_failed: bool) -> u8 {
        match self {
            Self::Stopped(signal) | Self::Aborted(signal) => signal.exit_code(),
            Self::Failed(Failure::Unauthorized(_) | Failure::Forbidden(..)) => NOT_ALLOWED,
            Self::Failed(failure) if failure.code() == Some(403) => NOT_ALLOWED,
            Self::Failed(_) => ERROR,
            // Where nothing was ever seen, it is not the Jobs that took too long.
            Self::Deadline if !sweep.was_listed() => ERROR,
            Self::Deadline | Self::Swept if was_refused(sweep) => ERROR,
            Self::Deadline => DEADLINE,
            Self::Swept if fail_on_failed && has_failed(sweep) => JOB_FAILED,
            Self::Swept => SWEPT,
        }
    }

    /// The same as a word, for reports.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Swept => "swept",
            Self::Deadline => "deadline",
            Self::Stopped(_) | Self::Aborted(_) => "stopped",
            Self::Failed(_) => "error",
        }
    }
}

impl End {
    /// Says how it ended, and what was left when that came too early.
    pub(crate) fn explain(&self, sweep: &Sweep, say: &Say) {
        match self {
            Self::Failed(failure) => say.error(format_args!("{failure}")),
            Self::Deadline if !sweep.was_listed() => {
                say.error(format_args!("the deadline came before the Jobs could be listed"));
            }
            Self::Deadline => say.error(format_args!("the deadline came before everything was swept")),
            Self::Stopped(Signal::Interrupt) => say.warning(format_args!("stopped by SIGINT")),
            Self::Stopped(Signal::Terminate) => say.warning(format_args!("stopped by SIGTERM")),
            Self::Aborted(_) => {
                say.error(format_args!("aborted; deletions under way may or may not be carried out"))
            }
            Self::Swept => {}
        }
        let mut open: Vec<_> = sweep.entries().filter(|entry| entry.phase.is_open()).collect();
        open.sort_by_key(|entry| entry.job.id.to_string());
        for entry in open {
            say.warning(format_args!("left {}: {}", entry.job.id, why(entry).unwrap_or_default()));
        }
        say.line(format_args!("{}", Summary(sweep)));
    }
}

/// `3 deleted, 1 kept`.
struct Summary<'a>(&'a Sweep);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts = BTreeMap::new();
        for entry in self.0.entries() {
            *counts.entry(action(entry)).or_insert(0) += 1;
        }
        if counts.is_empty() {
            return f.write_str("no Job with a delete policy in scope");
        }
        let counts: Vec<_> = counts.into_iter().map(|(action, count)| format!("{count} {action}")).collect();
        f.write_str(&counts.join(", "))
    }
}

/// Whether the API server refused a deletion.
fn was_refused(sweep: &Sweep) -> bool {
    sweep.entries().any(|entry| matches!(entry.phase, Phase::Kept(Kept::Refused(_))))
}

/// Whether a Job in scope failed. One that is marked to be left alone is not in scope, nor is one that left it.
fn has_failed(sweep: &Sweep) -> bool {
    sweep.entries().any(|entry| {
        entry.job.outcome() == Some(Outcome::Failed)
            && !matches!(entry.phase, Phase::Kept(Kept::Ignored | Kept::LeftScope | Kept::Own))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cleanup::decide::Rules;
    use crate::cleanup::fixture::job;
    use crate::cleanup::sweep::Answer;

    /// A sweep that saw a Job fail, and perhaps one whose deletion was refused.
    fn sweep(refused: bool) -> Sweep {
        let mut sweep = Sweep::new(Rules::default(), false, 1, 4);
        sweep.list_begins(0);
        sweep.seen(0, job("failed").failed(), Duration::ZERO);
        sweep.seen(0, job("due").succeeded(), Duration::ZERO);
        sweep.listed(0, Duration::ZERO);
        let answer = if refused { Answer::Refused("no".to_owned()) } else { Answer::Gone };
        let order = sweep.next_order(Duration::ZERO).expect("a deletion");
        sweep.answered(&order, answer, None, Duration::ZERO);
        sweep
    }

    #[test]
    fn where_several_exit_codes_are_true_one_comes_first() {
        let never_listed = Sweep::new(Rules::default(), false, 1, 4);
        let signal = || End::Stopped(Signal::Terminate);
        let not_allowed = || End::Failed(Failure::Unauthorized(String::new()));
        let broken = || End::Failed(Failure::Broken(String::new()));
        for (end, sweep, fail_on_failed, code) in [
            (signal(), &sweep(true), true, 143),
            (not_allowed(), &sweep(true), true, 5),
            (broken(), &sweep(true), true, 1),
            (End::Deadline, &sweep(true), true, 1),
            (End::Swept, &sweep(true), true, 1),
            (End::Deadline, &never_listed, true, 1),
            (End::Deadline, &sweep(false), true, 4),
            (End::Swept, &sweep(false), true, 3),
            (End::Swept, &sweep(false), false, 0),
        ] {
            assert_eq!(end.exit_code(sweep, fail_on_failed), code, "{end:?}");
        }
    }
}

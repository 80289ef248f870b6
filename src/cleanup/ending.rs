//! When a sweep ends, how, and what is said then. Pure.

use std::time::Duration;

use super::output::words::{jobs, totals, why};
use super::rules::Kept;
use super::sweep::{Message, Phase, Sweep};
use crate::cluster::error::Error;
use crate::cluster::stop::{Stop, Timeout};
use crate::console::Verbosity;
use crate::escape::block;
use crate::exit_code::ExitCode;
use crate::policy::{KOTS_DELETE_POLICY, Outcome};
use crate::signals::Signal;

/// How many of the Jobs that are left are named.
const NAMED: usize = 100;

#[derive(Debug)]
pub(crate) enum Ending {
    Swept,
    Stopped(Stop),
    /// A second signal came before the deletions under way had results.
    Aborted(Signal),
}

pub(crate) struct EndCondition {
    timeout: Timeout,
    settle: Duration,
    /// Since when nothing has been left to do.
    done_since: Option<Duration>,
}

impl EndCondition {
    /// With a timeout of zero, the sweep ends as soon as it could only wait.
    pub(crate) fn new(timeout: Timeout, settle: Duration) -> Self {
        let settle = if timeout.is_zero() { Duration::ZERO } else { settle };
        Self { timeout, settle, done_since: None }
    }

    pub(crate) fn check(&mut self, sweep: &Sweep, now: Duration) -> Option<Ending> {
        // Only watched time shows that nothing new appears.
        let is_done = sweep.is_done() && (self.settle.is_zero() || sweep.is_watched());
        self.done_since = if is_done { self.done_since.or(Some(now)) } else { None };
        let is_out_of_time = (self.timeout.is_zero() && sweep.is_idle(now))
            || self.timeout.limit().is_some_and(|limit| now >= limit);
        match self.settled_at() {
            Some(at) if now >= at || is_out_of_time => Some(Ending::Swept),
            None if is_out_of_time => Some(Ending::Stopped(Stop::Deadline)),
            _ => None,
        }
    }

    /// When to call [`Self::check`] again if nothing happens before.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.timeout.limit().into_iter().chain(self.settled_at()).min()
    }

    fn settled_at(&self) -> Option<Duration> {
        Some(self.done_since?.saturating_add(self.settle))
    }
}

impl Ending {
    /// A signal comes first, then any error, then the deadline, then failed Jobs.
    pub(crate) fn exit_code(&self, sweep: &Sweep, fail_on_failed: bool) -> ExitCode {
        match self {
            Self::Aborted(signal) => signal.exit_code(),
            Self::Stopped(stop @ (Stop::Signal(_) | Stop::Failed(_))) => stop.exit_code(),
            _ if self.error(sweep).is_some() => ExitCode::Failure,
            Self::Stopped(Stop::Deadline) => ExitCode::Deadline,
            Self::Swept if fail_on_failed && has_failed(sweep) => ExitCode::JobFailed,
            Self::Swept => ExitCode::Done,
        }
    }

    /// The value of the report's field `end`.
    pub(crate) fn name(&self, sweep: &Sweep) -> &'static str {
        match self {
            Self::Stopped(Stop::Signal(_)) | Self::Aborted(_) => "stopped",
            _ if self.error(sweep).is_some() => "error",
            Self::Stopped(_) => "deadline",
            Self::Swept => "swept",
        }
    }

    pub(crate) fn error(&self, sweep: &Sweep) -> Option<String> {
        match self {
            Self::Stopped(Stop::Failed(error)) => Some(error.to_string()),
            Self::Stopped(Stop::Deadline) if !sweep.was_listed() => {
                Some("the deadline came before the Jobs could be listed".to_owned())
            }
            Self::Swept | Self::Stopped(Stop::Deadline) => not_swept(sweep),
            Self::Stopped(Stop::Signal(_)) | Self::Aborted(_) => None,
        }
    }

    /// What is said about the end itself: `Err` is an error.
    fn headline(&self, sweep: &Sweep) -> Option<Result<String, String>> {
        match self {
            Self::Stopped(Stop::Signal(signal)) => Some(Ok(format!("stopped by {signal}"))),
            Self::Aborted(_) => {
                Some(Err("aborted; the deletions under way may or may not be carried out".to_owned()))
            }
            Self::Stopped(Stop::Deadline) if sweep.was_listed() => {
                Some(Err("the deadline came before everything was swept".to_owned()))
            }
            _ => self.error(sweep).map(Err),
        }
    }
}

impl From<Stop> for Ending {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        Self::Stopped(error.into())
    }
}

fn not_swept(sweep: &Sweep) -> Option<String> {
    let count = |is: fn(&Kept) -> bool| {
        sweep.jobs().filter(|tracked| matches!(&tracked.phase, Phase::Kept(kept) if is(kept))).count()
    };
    let refused = count(|kept| matches!(kept, Kept::Refused(_)));
    let unreadable = count(|kept| matches!(kept, Kept::Unreadable(_)));
    let refused = (refused > 0).then(|| format!("the API server refused to delete {}", jobs(refused)));
    let unreadable = (unreadable > 0).then(|| format!("{} could not be read", jobs(unreadable)));
    let texts: Vec<_> = refused.into_iter().chain(unreadable).collect();
    (!texts.is_empty()).then(|| texts.join(", and "))
}

/// Whether a Job that is still in scope failed.
fn has_failed(sweep: &Sweep) -> bool {
    sweep.jobs().any(|tracked| {
        tracked.job.outcome() == Some(Outcome::Failed)
            && !matches!(tracked.phase, Phase::Kept(Kept::Ignored | Kept::LeftScope | Kept::OwnJob))
    })
}

/// The last messages: how the sweep ended, what is left, and how many Jobs it handled. An `Err` is an error.
pub(crate) fn last_messages(
    ending: &Ending,
    sweep: &Sweep,
    unix_now: i64,
) -> impl Iterator<Item = Result<Message, String>> {
    let message = |level| move |text: String| Message { level, text: block(&text) };
    let warning = message(Verbosity::Warning);
    let headline = ending.headline(sweep).map(|headline| headline.map(warning).map_err(|text| block(&text)));
    let left: Vec<_> = sweep.sorted_jobs().into_iter().filter(|tracked| tracked.phase.is_open()).collect();
    let named = left
        .iter()
        .take(NAMED)
        .map(|tracked| format!("left {}: {}", tracked.job, why(tracked, unix_now).unwrap_or_default()));
    let more = left.len().checked_sub(NAMED).filter(|more| *more > 0);
    let more = more.map(|more| format!("left {more} more; the table and the JSON report list them all"));
    let mut messages: Vec<_> = named.chain(more).map(warning).collect();

    let any = sweep.jobs().next().is_some();
    let normal = message(Verbosity::Normal);
    if any {
        messages.push(normal(totals(sweep.jobs())));
    } else if sweep.was_listed() {
        messages.push(normal(format!("no Job in scope has the annotation {KOTS_DELETE_POLICY}")));
    }
    let (others, nameless) = if sweep.was_listed() || any { sweep.left_out() } else { (0, 0) };
    if others > 0 {
        messages.push(normal(format!("left out by --release: {} of other releases", jobs(others))));
    }
    if nameless > 0 {
        // These Jobs may be all that the user meant.
        let level = if any { Verbosity::Normal } else { Verbosity::Warning };
        messages.push(message(level)(format!(
            "left out by --release: {} without a release. Helm does not annotate hooks with it: give such a Job the \
             label app.kubernetes.io/instance, or sweep without --release",
            jobs(nameless)
        )));
    }
    headline.into_iter().chain(messages.into_iter().map(Ok))
}

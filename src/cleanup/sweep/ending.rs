//! How a sweep ends, and the exit code that says so.

use std::collections::BTreeMap;
use std::fmt;

use crate::cleanup::output::progress::jobs;
use crate::cleanup::output::terminal::Say;
use crate::cleanup::output::words::{action, why};
use crate::cleanup::sweep::rules::Kept;
use crate::cleanup::sweep::{Entry, Phase, Sweep};
use crate::cluster::api::Failure;
use crate::exit_code::ExitCode;
use crate::policy::{KOTS_DELETE_POLICY, Outcome};
use crate::signals::Signal;

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
    pub(crate) fn exit_code(&self, sweep: &Sweep, fail_on_failed: bool) -> ExitCode {
        match self {
            Self::Stopped(signal) | Self::Aborted(signal) => signal.exit_code(),
            Self::Failed(Failure::Unauthorized(_) | Failure::Forbidden(..) | Failure::MayRecover(_)) => {
                ExitCode::NotAllowed
            }
            Self::Failed(failure) if failure.code() == Some(403) => ExitCode::NotAllowed,
            _ if self.error(sweep).is_some() => ExitCode::Failure,
            Self::Deadline => ExitCode::Deadline,
            _ if fail_on_failed && has_failed(sweep) => ExitCode::JobFailed,
            _ => ExitCode::Done,
        }
    }

    /// What went wrong, if something did.
    pub(crate) fn error(&self, sweep: &Sweep) -> Option<String> {
        match self {
            Self::Failed(failure) => Some(failure.to_string()),
            // Where nothing was ever seen, it is not the Jobs that took too long.
            Self::Deadline if !sweep.was_listed() => {
                Some("the deadline came before the Jobs could be listed".to_owned())
            }
            Self::Swept | Self::Deadline => not_swept(sweep),
            Self::Stopped(_) | Self::Aborted(_) => None,
        }
    }

    /// How it ended as a word, for reports.
    pub(crate) fn word(&self, sweep: &Sweep) -> &'static str {
        match self {
            Self::Stopped(_) | Self::Aborted(_) => "stopped",
            _ if self.error(sweep).is_some() => "error",
            Self::Deadline => "deadline",
            _ => "swept",
        }
    }

    /// Says how it ended, and what was left when that came too early.
    pub(crate) fn explain(&self, sweep: &Sweep, say: &Say) {
        match self {
            Self::Stopped(Signal::Interrupt) => say.warning(format_args!("stopped by SIGINT")),
            Self::Stopped(Signal::Terminate) => say.warning(format_args!("stopped by SIGTERM")),
            Self::Aborted(_) => {
                say.error(format_args!("aborted; deletions under way may or may not be carried out"))
            }
            Self::Deadline if sweep.was_listed() => {
                say.error(format_args!("the deadline came before everything was swept"));
            }
            _ => self.error(sweep).into_iter().for_each(|error| say.error(format_args!("{error}"))),
        }
        let mut open: Vec<_> = sweep.entries().filter(|entry| entry.phase.is_open()).collect();
        open.sort_by_key(|entry| entry.job.id.to_string());
        for entry in open {
            say.warning(format_args!("left {}: {}", entry.job.id, why(entry).unwrap_or_default()));
        }
        // Of Jobs that were never looked at there is nothing to sum up.
        if sweep.was_listed() || sweep.entries().next().is_some() {
            say.line(format_args!("{}", Summary(sweep)));
            elsewhere(sweep, say);
        }
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
            return write!(f, "no Job in scope has the annotation {KOTS_DELETE_POLICY}");
        }
        let counts: Vec<_> = counts.into_iter().map(|(action, count)| format!("{count} {action}")).collect();
        f.write_str(&counts.join(", "))
    }
}

/// Says which Jobs `--release` left out: none of them is missed by who knows of them.
fn elsewhere(sweep: &Sweep, say: &Say) {
    let (others, nameless) = sweep.elsewhere();
    if others > 0 {
        say.line(format_args!("left out by --release: {} of other releases", jobs(others)));
    }
    if nameless > 0 {
        let text = format!(
            "left out by --release: {} that name no release, as Helm's hooks do not; give such a Job the label \
             app.kubernetes.io/instance, or sweep without --release",
            jobs(nameless)
        );
        // They may well be all that the user meant.
        if sweep.entries().next().is_none() {
            say.warning(format_args!("{text}"));
        } else {
            say.line(format_args!("{text}"));
        }
    }
}

/// What a sweep that came to its end could not do.
fn not_swept(sweep: &Sweep) -> Option<String> {
    let count = |is: fn(&Entry) -> bool| Some(sweep.entries().filter(|it| is(it)).count()).filter(|n| *n > 0);
    let refused = count(|entry| matches!(entry.phase, Phase::Kept(Kept::Refused(_))));
    let unreadable = count(|entry| matches!(entry.phase, Phase::Kept(Kept::Unreadable(_))));
    let refused = refused.map(|count| format!("the API server refused to delete {}", jobs(count)));
    let unreadable = unreadable.map(|count| format!("{} could not be read", jobs(count)));
    let both: Vec<_> = refused.into_iter().chain(unreadable).collect();
    (!both.is_empty()).then(|| both.join(", and "))
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
    use super::*;
    use crate::cleanup::output::terminal::tests::Heard;
    use crate::cleanup::sweep::fixture::job;
    use crate::cleanup::sweep::rules::Rules;
    use crate::cleanup::sweep::{Answer, Level};
    use crate::cluster::job::Job;
    use crate::cluster::job::state::State;
    use std::time::Duration;

    fn sweep(scopes: usize) -> Sweep {
        Sweep::new(Rules::default(), false, scopes, 1)
    }

    fn listed(jobs: impl IntoIterator<Item = Job>) -> Sweep {
        let mut sweep = sweep(1);
        sweep.list_begins(0);
        jobs.into_iter().for_each(|job| sweep.seen(0, job, Duration::ZERO));
        sweep.listed(0, Duration::ZERO);
        sweep
    }

    fn explained(end: &End, sweep: &Sweep) -> String {
        let heard = Heard::default();
        let say = heard.say(Level::Normal);
        end.explain(sweep, &say);
        say.finish();
        heard.text()
    }

    #[test]
    fn nothing_is_summed_up_that_was_never_looked_at() {
        let nowhere = End::Failed(Failure::Config("no kubeconfig".to_owned()));
        assert_eq!(explained(&nowhere, &sweep(0)).lines().count(), 1);
        assert_eq!(explained(&End::Deadline, &sweep(1)).lines().count(), 1);
        assert!(explained(&End::Swept, &listed([])).contains("no Job in scope has the annotation"));
    }

    #[test]
    fn a_deletion_that_was_refused_and_a_job_that_was_not_read_are_errors() {
        let odd = job("odd").state(State::Unreadable("odd".to_owned()));
        let mut sweep = listed([job("a").succeeded(), odd]);
        let order = sweep.next_order(Duration::ZERO).expect("a deletion");
        sweep.answered(&order, Answer::Refused("no".to_owned()), None, Duration::ZERO);
        let error = "the API server refused to delete 1 Job, and 1 Job could not be read";
        assert_eq!(End::Swept.error(&sweep).as_deref(), Some(error));
        assert_eq!(
            (End::Swept.exit_code(&sweep, false), End::Swept.word(&sweep)),
            (ExitCode::Failure, "error")
        );
        assert!(explained(&End::Swept, &sweep).contains(error));
    }

    /// A Job failed, another's deletion was refused, and a third is not yet finished.
    fn refused() -> Sweep {
        let mut sweep = listed([job("failed").failed(), job("due").succeeded(), job("running")]);
        while let Some(order) = sweep.next_order(Duration::ZERO) {
            sweep.answered(&order, Answer::Refused("no".to_owned()), None, Duration::ZERO);
        }
        sweep
    }

    #[test]
    fn where_several_ends_are_true_one_comes_first() {
        let failed = || listed([job("a").failed()]);
        let no = Failure::Unauthorized(String::new());
        for (end, sweep, word, code) in [
            (End::Swept, failed(), "swept", ExitCode::JobFailed),
            (End::Swept, listed([]), "swept", ExitCode::Done),
            (End::Deadline, listed([job("a")]), "deadline", ExitCode::Deadline),
            (End::Deadline, sweep(1), "error", ExitCode::Failure),
            (End::Deadline, refused(), "error", ExitCode::Failure),
            (End::Failed(Failure::ConnectionLost(String::new())), refused(), "error", ExitCode::Failure),
            (End::Failed(Failure::Unauthorized(String::new())), refused(), "error", ExitCode::NotAllowed),
            (End::Failed(Failure::MayRecover(Box::new(no))), refused(), "error", ExitCode::NotAllowed),
            (End::Stopped(Signal::Terminate), refused(), "stopped", ExitCode::Terminated),
            (End::Stopped(Signal::Terminate), sweep(1), "stopped", ExitCode::Terminated),
        ] {
            assert_eq!((end.word(&sweep), end.exit_code(&sweep, true)), (word, code), "{end:?}");
        }
    }
}

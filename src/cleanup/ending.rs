//! When a sweep ends, how, and what is said then. Pure.

use std::time::Duration;

use super::output::wording::{jobs, why};
use super::rules::Kept;
use super::sweep::{Message, Phase, Sweep, TrackedJob};
use crate::cluster::stop::{Stop, Timeout};
use crate::console::Verbosity;
use crate::error::ExitCode;
use crate::escape::block;
use crate::policy::{KOTS_DELETE_POLICY, Outcome};

/// An error means that something may be left to do.
pub(crate) type Ending = Result<(), Stop>;

/// What the report and the exit code say of an ending.
pub(crate) struct Conclusion {
    pub name: &'static str,
    pub error: Option<String>,
    pub exit_code: ExitCode,
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
        match self.done_since {
            Some(since) if is_out_of_time || now >= since.saturating_add(self.settle) => Some(Ok(())),
            None if is_out_of_time => Some(Err(Stop::Deadline)),
            _ => None,
        }
    }
}

impl Conclusion {
    /// A signal comes first, then any error, then the deadline, then failed Jobs.
    pub(crate) fn new(ending: &Ending, sweep: &Sweep, fail_on_failed: bool) -> Self {
        let unlisted = || Some("the deadline came before the Jobs could be listed".to_owned());
        let (name, error, exit_code) = match (ending, not_swept(sweep)) {
            (Err(stop @ Stop::Signal(_)), _) => ("stopped", None, stop.exit_code()),
            (Err(Stop::Failed(error)), _) => ("error", Some(error.to_string()), error.exit_code()),
            (Err(Stop::Deadline), _) if !sweep.was_listed() => ("error", unlisted(), ExitCode::Failure),
            (_, Some(error)) => ("error", Some(error), ExitCode::Failure),
            (Err(stop), None) => ("deadline", None, stop.exit_code()),
            (Ok(()), None) if fail_on_failed && has_failed(sweep) => ("swept", None, ExitCode::JobFailed),
            (Ok(()), None) => ("swept", None, ExitCode::Done),
        };
        Self { name, error, exit_code }
    }
}

fn not_swept(sweep: &Sweep) -> Option<String> {
    let is_refused = |tracked: &&TrackedJob| matches!(tracked.phase, Phase::Kept(Kept::Refused(_)));
    let refused = sweep.jobs().filter(is_refused).count();
    (refused > 0).then(|| format!("the API server refused to delete {}", jobs(refused)))
}

/// Whether a Job that is still in scope failed.
fn has_failed(sweep: &Sweep) -> bool {
    sweep.jobs().any(|tracked| {
        tracked.job.outcome() == Some(Outcome::Failed)
            && !matches!(tracked.phase, Phase::Kept(Kept::Ignored | Kept::LeftScope | Kept::OwnJob))
    })
}

/// The messages before the report: how the sweep ended, and what is left, unless a table follows that shows it.
pub(crate) fn last_messages(
    ending: &Ending,
    error: Option<&str>,
    sweep: &Sweep,
    table_follows: bool,
    unix_now: i64,
) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut say = |level, text: &str| messages.push((level, block(text)));
    match (ending, error) {
        (Err(Stop::Signal(signal)), _) => say(Verbosity::Warning, &format!("stopped by {}", signal.name)),
        (Err(Stop::Deadline), _) if sweep.was_listed() => {
            say(Verbosity::Error, "the deadline came before everything was swept");
        }
        (_, Some(error)) => say(Verbosity::Error, error),
        (_, None) => {}
    }
    let mut left = sweep.sorted_jobs();
    left.retain(|tracked| tracked.phase.is_open() && !table_follows);
    for tracked in left {
        let why = why(tracked, unix_now).unwrap_or_default();
        say(Verbosity::Warning, &format!("left {}: {why}", tracked.job));
    }
    messages
}

/// The message of a sweep that found no Job. `place` is where it looked, `missing` are the namespaces that do not exist.
pub(crate) fn nothing_in_scope(
    place: &str,
    missing: &[String],
    release: Option<&str>,
    sweep: &Sweep,
) -> String {
    let missing = missing.iter().map(|namespace| format!("; namespace {namespace} does not exist"));
    let advice = without_policy(sweep);
    let missing: String = missing.collect();
    // Helm annotates no hook with its release.
    let release = release.map(|name| {
        format!("; to belong to release {name}, a hook needs the label app.kubernetes.io/instance={name}")
    });
    let release = release.unwrap_or_default();
    format!("no Job in scope has the annotation {KOTS_DELETE_POLICY} ({place}){missing}{release}{advice}")
}

/// What to add to a message that counts Jobs.
pub(crate) fn without_policy(sweep: &Sweep) -> String {
    match sweep.without_policy() {
        0 => String::new(),
        1 => "; 1 Job has no policy; see --default-policy".to_owned(),
        count => format!("; {count} Jobs have no policy; see --default-policy"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::fixture::{answer_all, event, job, listed, refused, sweep};
    use crate::cleanup::rules::Rules;
    use crate::cluster::error::Error;
    use crate::cluster::watch::Event;
    use crate::signals::TERMINATE;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What happens in a sweep over one scope, one thing a second.
    #[derive(Clone, Copy)]
    enum Then {
        Listed,
        Watching,
        Interrupted,
        Appears,
        Nothing,
    }
    use Then::{Appears, Interrupted, Listed, Nothing, Watching};

    /// When it is over, and how.
    fn end(timeout: Timeout, settle: u64, story: &[Then]) -> Option<(u64, &'static str)> {
        let mut end_condition = EndCondition::new(timeout, seconds(settle));
        let mut sweep = sweep(Rules::default(), 1);
        (0..).zip(story).find_map(|(second, then)| {
            match then {
                Listed => {
                    event(&mut sweep, Event::ListBegins);
                    event(&mut sweep, Event::Listed);
                }
                Watching => event(&mut sweep, Event::Watching),
                Interrupted => {
                    let error = Error::ConnectionLost(String::new());
                    event(&mut sweep, Event::Interrupted(error, Duration::ZERO));
                }
                Appears => event(&mut sweep, Event::Seen(job("late"))),
                Nothing => {}
            }
            let ending = end_condition.check(&sweep, seconds(second))?;
            Some((second, Conclusion::new(&ending, &sweep, false).name))
        })
    }

    #[test]
    fn it_is_over_when_nothing_was_left_to_do_for_so_long() {
        let (never, none) = (Timeout::Never, Timeout::After(Duration::ZERO));
        let after = |limit| Timeout::After(seconds(limit));
        for (name, timeout, settle, story, expected) in [
            ("nothing is listed", never, 0, &[Nothing, Nothing][..], None),
            ("the list is enough", never, 0, &[Listed], Some((0, "swept"))),
            ("the list is not enough", never, 2, &[Listed, Nothing, Nothing, Nothing], None),
            ("it is watched", never, 2, &[Listed, Watching, Nothing, Nothing], Some((3, "swept"))),
            ("it is interrupted", never, 2, &[Listed, Watching, Interrupted, Watching, Nothing], None),
            ("a Job appears", never, 2, &[Listed, Watching, Appears, Nothing, Nothing], None),
            ("no waiting", none, 2, &[Listed], Some((0, "swept"))),
            ("it never settles", after(3), 9, &[Listed, Watching, Nothing, Nothing], Some((3, "swept"))),
            (
                "it is never watched",
                after(3),
                2,
                &[Listed, Interrupted, Interrupted, Interrupted],
                Some((3, "deadline")),
            ),
            ("it is never listed", after(1), 0, &[Nothing, Nothing], Some((1, "error"))),
            ("there is no end to settling", never, u64::MAX, &[Listed, Watching, Nothing], None),
        ] {
            assert_eq!(end(timeout, settle, story), expected, "{name}");
        }
    }

    #[test]
    fn what_runs_is_not_waited_for_without_waiting() {
        let mut end_condition = EndCondition::new(Timeout::After(Duration::ZERO), Duration::ZERO);
        let ending = end_condition.check(&listed([job("running")]), Duration::ZERO);
        assert!(matches!(ending, Some(Err(Stop::Deadline))));
    }

    /// A sweep of these Jobs whose deletions are all refused.
    fn all_refused(jobs: impl IntoIterator<Item = crate::cluster::job::Job>) -> Sweep {
        let mut sweep = listed(jobs);
        answer_all(&mut sweep, || Err(refused(403, "Forbidden")));
        sweep
    }

    #[test]
    fn where_several_ends_are_true_one_comes_first() {
        let failed = || listed([job("a").failed()]);
        let sweep = |scopes| sweep(Rules::default(), scopes);
        let refused = || all_refused([job("failed").failed(), job("due").succeeded(), job("running")]);
        let deadline = || Ending::Err(Stop::Deadline);
        let stopped = || Ending::Err(Stop::Signal(TERMINATE));
        let error = |error: Error| Ending::Err(error.into());
        let no = || Error::Unauthorized(String::new());
        for (ending, sweep, word, code) in [
            (Ok(()), failed(), "swept", ExitCode::JobFailed),
            (Ok(()), listed([]), "swept", ExitCode::Done),
            (deadline(), listed([job("a")]), "deadline", ExitCode::Deadline),
            (deadline(), sweep(1), "error", ExitCode::Failure),
            (deadline(), refused(), "error", ExitCode::Failure),
            (error(Error::ConnectionLost(String::new())), refused(), "error", ExitCode::Failure),
            (error(no()), refused(), "error", ExitCode::NotAllowed),
            (error(Error::DeniedForNow(Box::new(no()))), refused(), "error", ExitCode::NotAllowed),
            (stopped(), refused(), "stopped", ExitCode::Terminated),
            (stopped(), sweep(1), "stopped", ExitCode::Terminated),
        ] {
            let found = Conclusion::new(&ending, &sweep, true);
            assert_eq!((found.name, found.exit_code), (word, code), "{ending:?}");
        }
    }

    fn said(ending: &Ending, sweep: &Sweep) -> String {
        let error = Conclusion::new(ending, sweep, false).error;
        let texts =
            last_messages(ending, error.as_deref(), sweep, false, 0).into_iter().map(|(_, text)| text);
        texts.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn nothing_is_summed_up_that_was_never_looked_at() {
        let nowhere = Ending::Err(Stop::Failed(Error::Config("no kubeconfig".to_owned())));
        assert_eq!(said(&nowhere, &sweep(Rules::default(), 0)).lines().count(), 1);
        assert_eq!(said(&Err(Stop::Deadline), &sweep(Rules::default(), 1)).lines().count(), 1);
        assert_eq!(said(&Ok(()), &listed([])), "");
    }

    #[test]
    fn nothing_in_scope_is_explained() {
        let annotation = "no Job in scope has the annotation kots.io/hook-delete-policy";
        let without_policy = |count: usize| listed((0..count).map(|n| job(&n.to_string()).without_policy()));
        let place = "namespace shop, context dev";
        let label = "; to belong to release web, a hook needs the label app.kubernetes.io/instance=web";
        for (missing, release, count, expected) in [
            (&[][..], None, 0, ""),
            (&["shop".to_owned()], None, 0, "; namespace shop does not exist"),
            (&[], Some("web"), 0, label),
            (&[], None, 1, "; 1 Job has no policy; see --default-policy"),
            (&[], None, 46, "; 46 Jobs have no policy; see --default-policy"),
        ] {
            let text = nothing_in_scope(place, missing, release, &without_policy(count));
            assert_eq!(text, format!("{annotation} ({place}){expected}"));
        }
    }

    #[test]
    fn a_deletion_that_was_refused_is_an_error() {
        let sweep = all_refused([job("a").succeeded()]);
        let error = "the API server refused to delete 1 Job";
        let found = Conclusion::new(&Ok(()), &sweep, false);
        assert_eq!(found.error.as_deref(), Some(error));
        assert_eq!((found.exit_code, found.name), (ExitCode::Failure, "error"));
        assert!(said(&Ok(()), &sweep).contains(error));
    }
}

//! When a sweep is complete.

use std::time::Duration;

use crate::cleanup::sweep::Sweep;
use crate::cleanup::sweep::ending::Ending;
use crate::cluster::Timeout;

/// How long connecting may take with `--timeout 0`.
const CONNECT: Duration = Duration::from_secs(30);

pub(crate) struct EndCondition {
    pub deadline: Option<Duration>,
    /// With `--timeout 0`, the sweep ends as soon as it could only wait.
    pub no_wait: bool,
    settle: Duration,
    /// When the sweep last became idle. Unwatched time does not count, so it moves this time forward.
    idle_since: Option<Duration>,
    unwatched_since: Option<Duration>,
}

impl EndCondition {
    pub(crate) fn new(timeout: Timeout, settle: Duration) -> Self {
        let no_wait = timeout == Timeout::After(Duration::ZERO);
        let deadline = match timeout {
            Timeout::After(limit) if !no_wait => Some(limit),
            _ => None,
        };
        let settle = if no_wait { Duration::ZERO } else { settle };
        Self { deadline, no_wait, settle, idle_since: None, unwatched_since: None }
    }

    /// A credential plugin may hang.
    pub(crate) fn connect_limit(&self) -> Duration {
        if self.no_wait { CONNECT } else { self.deadline.unwrap_or(Duration::MAX) }
    }

    pub(crate) fn check(&mut self, sweep: &Sweep, now: Duration) -> Option<Ending> {
        // Only watched time shows that nothing new appears.
        let counts = self.settle.is_zero() || sweep.is_watched();
        let unwatched = self.unwatched_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.unwatched_since = (!counts).then_some(now);
        self.idle_since = match sweep.is_done() {
            true => self.idle_since.map(|since| since.saturating_add(unwatched)).or(counts.then_some(now)),
            false => None,
        };
        let out_of_time =
            (self.no_wait && sweep.is_idle(now)) || self.deadline.is_some_and(|deadline| now >= deadline);
        match self.settled_at() {
            Some(at) if now >= at || out_of_time => Some(Ending::Swept),
            None if out_of_time => Some(Ending::Deadline),
            _ => None,
        }
    }

    /// When to call [`Self::check`] again if nothing happens before.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.deadline.into_iter().chain(self.settled_at()).min()
    }

    fn settled_at(&self) -> Option<Duration> {
        let since = self.idle_since.filter(|_| self.unwatched_since.is_none())?;
        Some(since.saturating_add(self.settle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::sweep::fixture::{job, sweep};
    use crate::cleanup::sweep::request::Retry;
    use crate::cleanup::sweep::rules::Rules;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What happens in a sweep over one scope, one thing a second.
    #[derive(Clone, Copy)]
    enum Then {
        Listed,
        Watching,
        Renewing,
        Interrupted,
        Appears,
        Nothing,
    }
    use Then::{Appears, Interrupted, Listed, Nothing, Renewing, Watching};

    /// When it is over, and how.
    fn end(timeout: Timeout, settle: u64, story: &[Then]) -> Option<(u64, &'static str)> {
        let mut end_condition = EndCondition::new(timeout, seconds(settle));
        let mut sweep = sweep(Rules::default(), 1);
        (0..).zip(story).find_map(|(second, then)| {
            let now = seconds(second);
            match then {
                Listed => {
                    sweep.list_begins(0);
                    sweep.listed(0, now);
                }
                Watching => sweep.watching(0),
                Renewing => sweep.renewing(0),
                Interrupted => sweep.interrupted(0, Retry { after: Duration::ZERO, why: String::new() }),
                Appears => sweep.seen(0, job("late"), now),
                Nothing => {}
            }
            end_condition.check(&sweep, now).map(|ending| (second, ending.name(&sweep)))
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
            ("sight is lost", never, 2, &[Listed, Watching, Interrupted, Watching, Nothing], None),
            (
                "it is renewed",
                never,
                2,
                &[Listed, Watching, Renewing, Nothing, Watching, Nothing],
                Some((5, "swept")),
            ),
            (
                "it is not renewed",
                after(4),
                2,
                &[Listed, Watching, Renewing, Nothing, Nothing],
                Some((4, "deadline")),
            ),
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
    fn connecting_takes_no_longer_than_the_sweep_may_and_has_an_end_without_waiting() {
        for (timeout, limit) in [
            (Timeout::Never, Duration::MAX),
            (Timeout::After(seconds(90)), seconds(90)),
            (Timeout::After(Duration::ZERO), CONNECT),
        ] {
            assert_eq!(EndCondition::new(timeout, Duration::ZERO).connect_limit(), limit, "{timeout:?}");
        }
    }

    #[test]
    fn what_runs_is_not_waited_for_without_waiting() {
        let mut end_condition = EndCondition::new(Timeout::After(Duration::ZERO), Duration::ZERO);
        let mut sweep = sweep(Rules::default(), 1);
        sweep.list_begins(0);
        sweep.seen(0, job("running"), Duration::ZERO);
        sweep.listed(0, Duration::ZERO);
        assert!(matches!(end_condition.check(&sweep, Duration::ZERO), Some(Ending::Deadline)));
    }
}

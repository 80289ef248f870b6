//! When a sweep is over.

use std::time::Duration;

use crate::cleanup::sweep::Sweep;
use crate::cleanup::sweep::ending::End;
use crate::cluster::Timeout;

/// How long connecting may take where nothing is waited for.
const CONNECT: Duration = Duration::from_secs(30);

/// How long a sweep may take, and how long nothing must be left to do. Times are counted from its start.
#[derive(Debug)]
pub(crate) struct Limits {
    /// When it has to end.
    pub deadline: Option<Duration>,
    /// Whether it ends as soon as there is nothing to do but wait.
    pub no_wait: bool,
    settle: Duration,
    /// Since when nothing is left to do, as far as we watched.
    quiet: Option<Duration>,
    /// Since when we have not watched.
    blind: Option<Duration>,
}

impl Limits {
    /// What the user wants. A timeout of 0 is no deadline: it waits for nothing, but does what can be done now.
    pub(crate) fn new(timeout: Timeout, settle: Duration) -> Self {
        let no_wait = timeout == Timeout::After(Duration::ZERO);
        let deadline = match timeout {
            Timeout::After(limit) if !no_wait => Some(limit),
            _ => None,
        };
        Self { deadline, no_wait, settle, quiet: None, blind: None }
    }

    /// How long connecting may take: a credential plugin may hang.
    pub(crate) fn connect(&self) -> Duration {
        if self.no_wait { CONNECT } else { self.deadline.unwrap_or(Duration::MAX) }
    }

    /// Whether it is over, and how.
    pub(crate) fn end(&mut self, sweep: &Sweep, now: Duration) -> Option<End> {
        // Time in which nobody watches proves nothing: it is left out.
        let counts = self.settle.is_zero() || self.no_wait || sweep.is_watched();
        let unseen = self.blind.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.blind = (!counts).then_some(now);
        self.quiet = match sweep.is_done() {
            true => self.quiet.map(|since| since.saturating_add(unseen)).or(counts.then_some(now)),
            false => None,
        };
        let settled = self.settled().is_some_and(|at| now >= at || self.no_wait);
        let out_of_time =
            (self.no_wait && sweep.is_idle(now)) || self.deadline.is_some_and(|deadline| now >= deadline);
        match self.quiet.filter(|_| counts) {
            Some(_) if settled || out_of_time => Some(End::Swept),
            None if out_of_time => Some(End::Deadline),
            _ => None,
        }
    }

    /// When to look again, unless something happens earlier.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.deadline.into_iter().chain(self.settled()).min()
    }

    fn settled(&self) -> Option<Duration> {
        self.quiet.filter(|_| self.blind.is_none()).map(|since| since.saturating_add(self.settle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::sweep::Sight;
    use crate::cleanup::sweep::fixture::job;
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
        Lost,
        Appears,
        Nothing,
    }
    use Then::{Appears, Listed, Lost, Nothing, Renewing, Watching};

    /// When it is over, and how.
    fn end(timeout: Timeout, settle: u64, story: &[Then]) -> Option<(u64, &'static str)> {
        let mut limits = Limits::new(timeout, seconds(settle));
        let mut sweep = Sweep::new(Rules::default(), false, 1, 4);
        (0..).zip(story).find_map(|(second, then)| {
            let now = seconds(second);
            match then {
                Listed => {
                    sweep.list_begins(0);
                    sweep.listed(0, now);
                }
                Watching => sweep.sees(0, Sight::Watched),
                Renewing => sweep.sees(0, Sight::Listed),
                Lost => sweep.sees(0, Sight::Lost),
                Appears => sweep.seen(0, job("late"), now),
                Nothing => {}
            }
            limits.end(&sweep, now).map(|end| (second, end.word(&sweep)))
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
            ("sight is lost", never, 2, &[Listed, Watching, Lost, Watching, Nothing], None),
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
            ("it is never watched", after(3), 2, &[Listed, Lost, Lost, Lost], Some((3, "deadline"))),
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
            assert_eq!(Limits::new(timeout, Duration::ZERO).connect(), limit, "{timeout:?}");
        }
    }

    #[test]
    fn what_runs_is_not_waited_for_without_waiting() {
        let mut limits = Limits::new(Timeout::After(Duration::ZERO), Duration::ZERO);
        let mut sweep = Sweep::new(Rules::default(), false, 1, 4);
        sweep.list_begins(0);
        sweep.seen(0, job("running"), Duration::ZERO);
        sweep.listed(0, Duration::ZERO);
        assert!(matches!(limits.end(&sweep, Duration::ZERO), Some(End::Deadline)));
    }
}

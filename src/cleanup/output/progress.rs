//! How far the sweep is: a progress line on a terminal, an occasional message elsewhere.

use std::time::Duration;

use crate::cleanup::output::wording::{age, totals};
use crate::cleanup::sweep::Sweep;
use crate::console::{Console, Verbosity};
use crate::escape::one_line;

/// How many of the Jobs that are left are named.
const NAMED: usize = 3;

pub(crate) struct Progress<'a> {
    console: &'a Console,
    deadline: Option<Duration>,
    next: Duration,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(console: &'a Console, deadline: Option<Duration>) -> Self {
        Self { console, deadline, next: Duration::from_secs(1) }
    }

    pub(crate) fn show(&mut self, sweep: &Sweep, now: Duration) {
        if now < self.next {
            return;
        }
        self.next = now + Duration::from_secs(1);
        let line = self.line(sweep, now);
        let is_shown = self.console.show_progress(&line);
        if !is_shown && sweep.was_listed() && !sweep.is_done() {
            self.console.message(Verbosity::Normal, &line);
            self.next = now + Duration::from_secs(30);
        }
    }

    fn line(&self, sweep: &Sweep, now: Duration) -> String {
        let seconds = |duration: Duration| age(duration.as_secs().try_into().unwrap_or(i64::MAX));
        let limit = self.deadline.map(|deadline| format!(" of {}", seconds(deadline))).unwrap_or_default();
        let mut left = sweep
            .jobs()
            .filter(|tracked| tracked.phase.is_open())
            .map(|tracked| one_line(&tracked.job.to_string()));
        let named: Vec<_> = left.by_ref().take(NAMED).collect();
        let more = if left.next().is_some() { ", …" } else { "" };
        let left = if named.is_empty() { String::new() } else { format!(": {}{more}", named.join(", ")) };
        let totals = Some(totals(sweep.jobs())).filter(|totals| !totals.is_empty());
        format!("{}{limit}, {}{left}", seconds(now), totals.as_deref().unwrap_or("no Job seen yet"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::fixture::{answer_all, job, listed_by};
    use crate::cleanup::rules::Rules;

    #[test]
    fn the_line_counts_what_happened_and_names_what_is_left() {
        let names = |count: usize| (0..count).map(|number| job(&format!("job-{number}")));
        for (dry_run, finished, running, expected) in [
            (true, 1, 0, "12s of 5m, 1 would-delete"),
            (false, 0, 0, "12s of 5m, no Job seen yet"),
            (false, 0, 1, "12s of 5m, 1 waiting: shop/job-0"),
            (false, 0, 4, "12s of 5m, 4 waiting: shop/job-0, shop/job-1, shop/job-2, …"),
        ] {
            let rules = Rules { dry_run, ..Rules::default() };
            let jobs = names(finished).map(|job| job.succeeded()).chain(names(running));
            let mut sweep = listed_by(rules, jobs);
            answer_all(&mut sweep, || Ok(true));
            let console = Console::default();
            let progress = Progress::new(&console, Some(Duration::from_secs(300)));
            assert_eq!(progress.line(&sweep, Duration::from_secs(12)), expected);
        }
    }
}

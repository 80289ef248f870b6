//! How far the sweep is: a progress line on a terminal, an occasional message elsewhere.

use std::time::Duration;

use crate::cleanup::output::wording::brief;
use crate::cleanup::sweep::{Gone, Phase, Sweep};
use crate::console::{Console, Verbosity};

pub(crate) struct Progress<'a> {
    console: &'a Console,
    deadline: Option<Duration>,
    interval: Duration,
    next: Duration,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(console: &'a Console, deadline: Option<Duration>) -> Self {
        let interval = Duration::from_secs(if console.has_progress() { 1 } else { 30 });
        Self { console, deadline, interval, next: interval }
    }

    pub(crate) fn show(&mut self, sweep: &Sweep, now: Duration) {
        if now < self.next {
            return;
        }
        self.next = now + self.interval;
        let line = self.line(sweep, now);
        if self.console.has_progress() {
            self.console.show_progress(&line);
        } else {
            self.console.message(Verbosity::Normal, &line);
        }
    }

    fn line(&self, sweep: &Sweep, now: Duration) -> String {
        let (mut waiting, mut recent, mut due, mut gone, mut would_go, mut kept) = (0, 0, 0, 0, 0, 0);
        for tracked in sweep.jobs() {
            *match tracked.phase {
                Phase::Waiting(_) => &mut waiting,
                Phase::TooRecent(_) => &mut recent,
                Phase::Due | Phase::Going { .. } => &mut due,
                Phase::Gone(Gone::WouldDelete) => &mut would_go,
                Phase::Gone(_) => &mut gone,
                Phase::Kept(_) => &mut kept,
            } += 1;
        }
        let if_any = |count, what| if count > 0 { format!("{count} {what}, ") } else { String::new() };
        let recent = if_any(recent, "finished too recently");
        let would_go = if_any(would_go, "would be deleted");
        let after = self.after(now);
        format!("{after}: {waiting} running, {recent}{due} being deleted, {would_go}{gone} gone, {kept} kept")
    }

    fn after(&self, now: Duration) -> String {
        let now = Duration::from_secs(now.as_secs());
        match self.deadline {
            Some(deadline) => format!("{} of {}", brief(now), brief(deadline)),
            None => brief(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::fixture::{answer_all, job, listed_by};
    use crate::cleanup::rules::Rules;

    #[test]
    fn in_a_dry_run_no_job_is_said_to_be_gone() {
        let rules = Rules { dry_run: true, ..Rules::default() };
        let mut sweep = listed_by(rules, [job("a").succeeded()]);
        answer_all(&mut sweep, || Ok(true));
        let console = Console::default();
        let line = Progress::new(&console, None).line(&sweep, Duration::ZERO);
        assert_eq!(line, "0s: 0 running, 0 being deleted, 1 would be deleted, 0 gone, 0 kept");
    }
}

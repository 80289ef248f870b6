//! How far the sweep is: a progress line on a terminal, an occasional message elsewhere.

use std::time::Duration;

use crate::cleanup::output::terminal::Terminal;
use crate::cleanup::output::words::{brief, jobs};
use crate::cleanup::sweep::{Phase, Sweep};

/// How often the message comes where there is no progress line.
const REMINDER: Duration = Duration::from_secs(30);
/// How many Jobs the message names.
const NAMED: usize = 3;

pub(crate) struct Progress<'a> {
    terminal: &'a Terminal,
    deadline: Option<Duration>,
    next: Duration,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(terminal: &'a Terminal, deadline: Option<Duration>) -> Self {
        let next = if terminal.has_progress { Duration::from_secs(1) } else { REMINDER };
        Self { terminal, deadline, next }
    }

    pub(crate) fn show(&mut self, sweep: &Sweep, now: Duration) {
        if now < self.next {
            return;
        }
        if self.terminal.has_progress {
            self.next = now + Duration::from_secs(1);
            self.terminal.progress(self.line(sweep, now));
            return;
        }
        self.next = now + REMINDER;
        let left = || sweep.jobs().filter(|tracked| tracked.phase.blocks_end());
        let count = left().count();
        if count > 0 {
            let names: Vec<_> = left().take(NAMED).map(|tracked| tracked.job.id.to_string()).collect();
            let more = if count > NAMED { ", …" } else { "" };
            let (count, names, after) = (jobs(count), names.join(", "), self.after(now));
            self.terminal.line(format_args!("{after}: still waiting for {count} ({names}{more})"));
        }
    }

    fn line(&self, sweep: &Sweep, now: Duration) -> String {
        let (mut waiting, mut recent, mut due, mut gone, mut would_go, mut kept) = (0, 0, 0, 0, 0, 0);
        for tracked in sweep.jobs() {
            *match tracked.phase {
                Phase::Waiting(_) => &mut waiting,
                Phase::TooRecent(_) => &mut recent,
                Phase::Due | Phase::Deleting | Phase::Outdated | Phase::Terminating { .. } => &mut due,
                Phase::Deleted | Phase::DeletedByOthers | Phase::DeletedOrRelabelled => &mut gone,
                Phase::WouldDelete => &mut would_go,
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
    use crate::cleanup::options::Verbosity;
    use crate::cleanup::output::terminal::tests::Screen;
    use crate::cleanup::sweep::fixture::{job, sweep};
    use crate::cleanup::sweep::request::{DeletionResult, Reply, Request};
    use crate::cleanup::sweep::rules::Rules;

    #[test]
    fn in_a_dry_run_no_job_is_said_to_be_gone() {
        let mut sweep = sweep(Rules { dry_run: true, ..Rules::default() }, 1);
        sweep.list_begins(0);
        sweep.seen(0, job("a").succeeded(), Duration::ZERO);
        let Some(Request::Delete(deletion)) = sweep.next_request(Duration::ZERO) else {
            panic!("no deletion")
        };
        sweep.replied(Reply::Deletion(deletion, None, DeletionResult::Deleted), Duration::ZERO);
        let terminal = Screen::default().terminal(Verbosity::Normal);
        let line = Progress::new(&terminal, None).line(&sweep, Duration::ZERO);
        assert_eq!(line, "0s: 0 running, 0 being deleted, 1 would be deleted, 0 gone, 0 kept");
    }
}

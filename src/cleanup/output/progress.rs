//! How far the sweep is: a line that changes in place on a terminal, a reminder now and then elsewhere.

use std::time::Duration;

use crate::cleanup::output::duration::brief;
use crate::cleanup::output::terminal::Say;
use crate::cleanup::sweep::{Phase, Sweep};

/// Where there is no progress line, this often it is said what is still waited for.
const REMINDER: Duration = Duration::from_secs(30);
/// How many Jobs a reminder names.
const NAMED: usize = 3;

/// Shows how far the sweep is.
pub(crate) struct Progress<'a> {
    say: &'a Say,
    deadline: Option<Duration>,
    next: Duration,
}

impl<'a> Progress<'a> {
    /// Nothing is shown before the first second has passed.
    pub(crate) fn new(say: &'a Say, deadline: Option<Duration>) -> Self {
        let next = if say.has_progress() { Duration::from_secs(1) } else { REMINDER };
        Self { say, deadline, next }
    }

    /// Shows it, if it is time to.
    pub(crate) fn show(&mut self, sweep: &Sweep, now: Duration) {
        if now < self.next {
            return;
        }
        if self.say.has_progress() {
            self.next = now + Duration::from_secs(1);
            self.say.progress(self.line(sweep, now));
        } else {
            self.next = now + REMINDER;
            let open: Vec<_> = sweep.entries().filter(|entry| entry.phase.is_open()).collect();
            if !open.is_empty() {
                let names: Vec<_> = open.iter().take(NAMED).map(|entry| entry.job.id.to_string()).collect();
                let more = if open.len() > NAMED { ", …" } else { "" };
                let (names, after) = (names.join(", "), self.after(now));
                self.say
                    .line(format_args!("{after}: still waiting for {} ({names}{more})", jobs(open.len())));
            }
        }
    }

    fn line(&self, sweep: &Sweep, now: Duration) -> String {
        let (mut waiting, mut due, mut deleted, mut kept) = (0, 0, 0, 0);
        for entry in sweep.entries() {
            *match entry.phase {
                Phase::Waiting(_) | Phase::Seen => &mut waiting,
                Phase::Due | Phase::Deleting | Phase::Outdated(_) | Phase::Terminating { .. } => &mut due,
                Phase::Deleted | Phase::WouldDelete | Phase::Gone | Phase::OutOfSight => &mut deleted,
                Phase::Kept(_) => &mut kept,
            } += 1;
        }
        format!("{}: {waiting} running, {due} being deleted, {deleted} gone, {kept} kept", self.after(now))
    }

    fn after(&self, now: Duration) -> String {
        let now = Duration::from_secs(now.as_secs());
        match self.deadline {
            Some(deadline) => format!("{} of {}", brief(now), brief(deadline)),
            None => brief(now),
        }
    }
}

/// `1 Job`, `2 Jobs`.
pub(crate) fn jobs(count: usize) -> String {
    if count == 1 { "1 Job".to_owned() } else { format!("{count} Jobs") }
}

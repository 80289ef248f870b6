//! Whether the sweep's view of each scope is up to date.
//!
//! The first failure of an interruption is shown as a warning, and its end as a message. Failures between them are only shown with `-v`.

use std::time::Duration;

use super::Sweep;
use super::message::Message;
use crate::cleanup::sweep::request::Retry;

#[derive(Default)]
pub(super) struct ScopeState {
    pub name: String,
    /// How many lists of this scope have begun.
    pub list_number: u32,
    pub was_listed: bool,
    pub sight: Sight,
    /// Whether an interruption was reported and is not over yet.
    pub interrupted: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sight {
    /// Changes may have gone unnoticed.
    #[default]
    Stale,
    /// Everything was known a moment ago; the watch will report what has changed since.
    Listed,
    /// Every change is noticed at once.
    Watched,
}

impl Sweep {
    pub(crate) fn list_begins(&mut self, scope: usize) {
        let scope = &mut self.scopes[scope];
        scope.list_number += 1;
        scope.sight = Sight::Stale;
        self.messages.push(Message::Listing(scope.name.clone()));
    }

    /// The list is complete. Jobs that it does not contain are missing.
    pub(crate) fn listed(&mut self, scope: usize, now: Duration) {
        let list_number = self.scopes[scope].list_number;
        for number in 0..self.jobs.len() {
            let tracked = &self.jobs[number];
            if tracked.scope == scope && tracked.list_number != list_number {
                self.mark_missing(number, now);
            }
        }
        self.left_out.retain(|_, job| job.scope != scope || job.list_number == list_number);
        self.recovered(scope, Sight::Listed);
        self.scopes[scope].was_listed = true;
        self.messages.push(Message::Listed(self.scopes[scope].name.clone()));
    }

    pub(crate) fn watching(&mut self, scope: usize) {
        self.recovered(scope, Sight::Watched);
        self.messages.push(Message::Watching(self.scopes[scope].name.clone()));
    }

    /// The watch ended normally, and the next one is not open yet.
    pub(crate) fn renewing(&mut self, scope: usize) {
        self.scopes[scope].sight = Sight::Listed;
    }

    pub(crate) fn interrupted(&mut self, scope: usize, retry: Retry) {
        let scope = &mut self.scopes[scope];
        scope.sight = Sight::Stale;
        let repeated = std::mem::replace(&mut scope.interrupted, true);
        let message =
            Message::Interrupted { scope: scope.name.clone(), retry, listed: scope.was_listed, repeated };
        self.messages.push(message);
    }

    fn recovered(&mut self, scope: usize, sight: Sight) {
        let scope = &mut self.scopes[scope];
        scope.sight = sight;
        if std::mem::take(&mut scope.interrupted) {
            self.messages.push(Message::Recovered(scope.name.clone()));
        }
    }
}

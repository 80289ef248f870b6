//! Whether a scope is watched right after its list, or only once most of it has gone.

use super::Sweep;
use super::tracked_job::{Entry, Phase};

/// With more deletions than this ahead, it may pay to defer the watch, and not to be told of each.
const MANY: usize = 1000;
/// A deferred watch begins, with a list of what is left, once so few deletions are due.
const FEW: usize = 250;

impl Sweep {
    /// Whether the watch on a scope, of which so many Jobs have just been listed, is to be deferred until it has been
    /// listed again. If nearly all of them go, and none is waited for, a list of the rest costs the API server less than
    /// an event for each.
    pub(crate) fn defers_watch(&mut self, scope: usize, size: usize) -> bool {
        let listing = self.scopes[scope].listing;
        let listed = |entry: &&Entry| entry.scope == scope && entry.listing == listing;
        let (mut going, mut awaited) = (0, 0);
        for entry in self.jobs.values().filter(listed) {
            match entry.phase {
                Phase::Due | Phase::Deleting | Phase::Deleted => going += 1,
                Phase::Waiting(_) | Phase::Outdated(_) | Phase::Terminating { .. } => awaited += 1,
                _ => {}
            }
        }
        let most = size.saturating_sub(going) <= going / 4;
        let defers = going > MANY && most && awaited == 0 && self.smooth && !self.dry_run;
        self.scopes[scope].relist_at = defers.then(|| self.taken + self.due.len().saturating_sub(FEW));
        defers
    }

    /// The scopes whose watch is to be deferred no longer: a deletion did not go well, so the rest may take long, or
    /// need to be told of what changes.
    pub(crate) fn undeferred(&mut self) -> Vec<usize> {
        if self.smooth {
            return Vec::new();
        }
        let scopes = self.scopes.iter_mut().enumerate();
        scopes.filter_map(|(number, scope)| scope.relist_at.take().map(|_| number)).collect()
    }
}

//! Jobs and sweeps for tests.

use std::time::Duration;

use super::Sweep;
use super::request::{Reply, Request};
use super::rules::Rules;
use crate::cluster::delete::DeletionResult;
use crate::cluster::job::state::{Hint, State};
use crate::cluster::job::{Job, JobId};
use crate::policy::{DeletePolicy, Outcome};

/// A running Job of this name in version 1, whose uid is its name, with the policy `hook-succeeded`.
pub(crate) fn job(name: &str) -> Job {
    Job {
        id: JobId { namespace: "shop".to_owned(), name: name.to_owned(), uid: name.to_owned() },
        version: "1".to_owned(),
        policy: Some(DeletePolicy::parse("hook-succeeded")),
        ignored: false,
        releases: [None, None],
        log_policy: None,
        terminating: false,
        finalizers: Vec::new(),
        state: State::Unfinished(Hint::None),
        seconds: None,
        finished_at: None,
    }
}

/// A sweep over this many scopes.
pub(crate) fn sweep(rules: Rules, scopes: usize) -> Sweep {
    Sweep::new(rules, (0..scopes).map(|number| format!("scope {number}")), 4)
}

/// A sweep whose only scope has these Jobs.
pub(crate) fn listed(jobs: impl IntoIterator<Item = Job>) -> Sweep {
    let mut sweep = sweep(Rules::default(), 1);
    sweep.list_begins(0);
    jobs.into_iter().for_each(|job| sweep.seen(0, job, Duration::ZERO));
    sweep.listed(0, Duration::ZERO);
    sweep
}

/// The same, and the API server refuses every deletion.
pub(crate) fn refused(jobs: impl IntoIterator<Item = Job>) -> Sweep {
    let mut sweep = listed(jobs);
    while let Some(Request::Delete(deletion)) = sweep.next_request(Duration::ZERO) {
        let refused = DeletionResult::Refused("no".to_owned());
        sweep.replied(Reply::Deletion(deletion, None, refused), Duration::ZERO);
    }
    sweep
}

impl Job {
    pub(crate) fn succeeded(self) -> Self {
        self.state(State::Finished(Outcome::Succeeded, String::new()))
    }

    pub(crate) fn failed(self) -> Self {
        self.state(State::Finished(Outcome::Failed, String::new()))
    }

    /// It succeeded at this time of the API server's clock.
    pub(crate) fn finished_at(self, seconds: i64) -> Self {
        Self { finished_at: Some(seconds), ..self.succeeded() }
    }

    pub(crate) fn state(self, state: State) -> Self {
        Self { state, ..self }
    }

    pub(crate) fn policy(self, policy: &str) -> Self {
        Self { policy: Some(DeletePolicy::parse(policy)), ..self }
    }

    pub(crate) fn version(self, version: &str) -> Self {
        Self { version: version.to_owned(), ..self }
    }

    pub(crate) fn uid(self, uid: &str) -> Self {
        Self { id: JobId { uid: uid.to_owned(), ..self.id }, ..self }
    }

    pub(crate) fn held_by(self, finalizer: &str) -> Self {
        Self { terminating: true, finalizers: vec![finalizer.to_owned()], ..self }
    }
}

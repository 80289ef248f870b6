//! Jobs and sweeps for tests.

use std::sync::Arc;
use std::time::Duration;

use super::rules::Rules;
use super::sweep::Sweep;
use crate::cluster::error::Error;
use crate::cluster::job::{Job, State};
use crate::cluster::watch::Event;
use crate::policy::{DeletePolicy, KOTS_DELETE_POLICY, Outcome};

/// A running Job of this name in version 1, whose UID is its name, with the policy `hook-succeeded`.
pub(crate) fn job(name: &str) -> Job {
    Job::read(serde_json::json!({ "metadata": {
        "namespace": "shop", "name": name, "uid": name, "resourceVersion": "1",
        "annotations": { KOTS_DELETE_POLICY: "hook-succeeded" },
    } }))
}

/// A sweep over this many scopes, with room for four deletions at once. It starts in 1970.
pub(crate) fn sweep(rules: Rules, scopes: usize) -> Sweep {
    Sweep::new(rules, (0..scopes).map(|number| format!("scope {number}")), 4, 0)
}

/// Takes in something that happened at the start.
pub(crate) fn event(sweep: &mut Sweep, event: Event) {
    sweep.event(0, event, Duration::ZERO).expect("the scope is followed");
}

/// A sweep whose only scope has these Jobs.
pub(crate) fn listed(jobs: impl IntoIterator<Item = Job>) -> Sweep {
    listed_by(Rules::default(), jobs)
}

pub(crate) fn listed_by(rules: Rules, jobs: impl IntoIterator<Item = Job>) -> Sweep {
    let mut sweep = sweep(rules, 1);
    event(&mut sweep, Event::ListBegins);
    jobs.into_iter().for_each(|job| event(&mut sweep, Event::Seen(job)));
    event(&mut sweep, Event::Listed);
    sweep
}

/// Answers every deletion in this way.
pub(crate) fn answer_all(sweep: &mut Sweep, answer: impl Fn() -> Result<bool, Error>) -> Vec<Arc<Job>> {
    let mut deleted = Vec::new();
    while let Some(job) = sweep.next_deletion(Duration::ZERO) {
        sweep.replied(&job, None, Some(answer()), Duration::ZERO).expect("a reply for this Job");
        deleted.push(job);
    }
    deleted
}

/// An error response.
pub(crate) fn refused(code: u16, reason: &str) -> Error {
    let status = Box::new(kube::core::Status::failure("no", reason).with_code(code));
    Error::Refused { status, retry_after: None }
}

impl Job {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn succeeded(self) -> Self {
        self.state(State::Finished(Outcome::Succeeded, String::new()))
    }

    pub(crate) fn failed(self) -> Self {
        self.state(State::Finished(Outcome::Failed, String::new()))
    }

    pub(crate) fn finished_at(self, unix: i64) -> Self {
        self.succeeded().with(|job| job.finished_at = Some(unix))
    }

    pub(crate) fn state(self, state: State) -> Self {
        self.with(|job| job.state = state)
    }

    pub(crate) fn policy(self, policy: &str) -> Self {
        self.with(|job| job.policy = Some(DeletePolicy::parse(policy)))
    }

    pub(crate) fn without_policy(self) -> Self {
        self.with(|job| job.policy = None)
    }

    pub(crate) fn releases(self, releases: [Option<&str>; 2]) -> Self {
        self.with(|job| job.releases = releases.map(|release| release.map(str::to_owned)))
    }

    pub(crate) fn held_by(self, finalizer: &str) -> Self {
        self.with(|job| {
            job.terminating = true;
            job.finalizers = vec![finalizer.to_owned()];
        })
    }
}

//! Jobs and sweeps for tests.

use std::time::Duration;

use super::Sweep;
use super::request::{DeletionResult, Reply, Request};
use super::rules::Rules;
use crate::cluster::old::job::Job;
use crate::cluster::old::job::state::State;
use crate::policy::{DeletePolicy, KOTS_DELETE_POLICY, Outcome};

/// A running Job of this name in version 1, whose uid is its name, with the policy `hook-succeeded`.
pub(crate) fn job(name: &str) -> Job {
    let json = format!(
        r#"{{"metadata":{{"namespace":"shop","name":{name:?},"uid":{name:?},"resourceVersion":"1",
            "annotations":{{"{KOTS_DELETE_POLICY}":"hook-succeeded"}}}}}}"#
    );
    Job::decode(json.as_bytes()).expect("a Job")
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

    /// A Job that succeeded at this time of the API server's clock.
    pub(crate) fn finished_at(self, seconds: u32) -> Self {
        let mut job = self.succeeded();
        job.finished_at = Some(seconds).into();
        job
    }

    pub(crate) fn state(self, state: State) -> Self {
        self.with(|shared| shared.state = state)
    }

    pub(crate) fn policy(self, policy: &str) -> Self {
        self.with(|shared| shared.policy = Some(DeletePolicy::parse(policy)))
    }

    pub(crate) fn without_policy(self) -> Self {
        self.with(|shared| shared.policy = None)
    }

    pub(crate) fn releases(self, releases: [Option<&str>; 2]) -> Self {
        self.with(|shared| shared.releases = releases.map(|release| release.map(str::to_owned)))
    }

    pub(crate) fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    pub(crate) fn uid(mut self, uid: &str) -> Self {
        self.id.uid = uid.into();
        self
    }

    pub(crate) fn held_by(self, finalizer: &str) -> Self {
        self.with(|shared| {
            shared.terminating = true;
            shared.finalizers = vec![finalizer.to_owned()];
        })
    }
}

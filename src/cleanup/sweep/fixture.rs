//! Jobs for tests.

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
    }
}

impl Job {
    pub(crate) fn succeeded(self) -> Self {
        self.state(State::Finished(Outcome::Succeeded, String::new()))
    }

    pub(crate) fn failed(self) -> Self {
        self.state(State::Finished(Outcome::Failed, String::new()))
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

//! Talks to a cluster: finds it, lists and watches its Jobs, and deletes them.
//!
//! - `connect` finds the cluster and the credentials, and makes the client; `helm_env` applies Helm's environment variables.
//! - `job` is a Job as jobsweep reads it, and `job::state` what its conditions say. Both are pure.
//! - `api` sends the requests and tells how one failed; `backoff` says when to send it again.
//! - `follow` lists the Jobs of a scope and then watches them.

pub(crate) mod api;
pub(crate) mod backoff;
pub(crate) mod connect;
pub(crate) mod follow;
pub(crate) mod helm_env;
pub(crate) mod job;

use std::env;
use std::time::Duration;

/// An environment variable that is set and not empty. What is not UTF-8 in it is replaced, so that it names nothing else.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

/// How long to wait in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// Without a limit.
    Never,
    /// At most this long. Zero means one pass without waiting.
    After(Duration),
}

impl Timeout {
    /// How long a credential plugin may take at first. A pass without waiting gives it 30 s. Without a limit, it may wait for a user
    /// who logs in.
    pub(crate) fn plugin_limit(self) -> Duration {
        match self {
            Self::Never => Duration::MAX,
            Self::After(Duration::ZERO) => Duration::from_secs(30),
            Self::After(limit) => limit,
        }
    }
}

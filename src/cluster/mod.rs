//! Talks to a cluster, for all modes.
//!
//! - `caller` says which Helm calls, if one does.
//! - `connect` finds the cluster and the credentials, and makes kube's client; `helm_env` applies Helm's environment variables.
//! - `client` adds to kube's client what it lacks; `error` says how a request failed and which rule of a Role is missing,
//!   and `retry` when to send it again.
//! - `job` is a Job as jobsweep reads it, and what its conditions say. Pure.
//! - `pods` reads the logs of a Job, and says why its pods do not let it finish.
//! - `watch` keeps the caller up to date about the Jobs of a scope.
//! - `stop` starts the work of a mode, and ends it at its deadline or at a signal.

#[doc(hidden)]
pub mod caller;
pub(crate) mod client;
pub(crate) mod connect;
pub(crate) mod error;
pub(crate) mod helm_env;
pub(crate) mod job;
pub(crate) mod pods;
pub(crate) mod retry;
pub(crate) mod stop;
pub(crate) mod watch;

use std::env;

pub use stop::Timeout;

/// An environment variable that is set and not empty. What is not UTF-8 in it is replaced, so that it names nothing else.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

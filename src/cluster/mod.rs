//! What the modes that talk to a cluster share: connect to it, list and watch its Jobs, delete one as it was seen.
//!
//! - `connect` finds the cluster: kubeconfig, pod, or what Helm hands to a plugin.
//! - `job` is a Job as jobsweep reads it; its `state` follows from its conditions. Pure.
//! - `api` makes the requests and says how one failed; `backoff` says when to send it again.
//! - `follow` lists the Jobs of a scope and watches them from there on.

pub(crate) mod api;
pub(crate) mod backoff;
pub(crate) mod connect;
pub(crate) mod follow;
pub(crate) mod job;
mod quote;

use std::time::Duration;

/// How long to wait in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// As long as it takes.
    Never,
    /// At most this long. Zero means one pass without waiting.
    After(Duration),
}

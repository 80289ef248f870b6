//! The client that `--unblock` still uses.

pub(crate) mod api;
pub(crate) mod backoff;
pub(crate) mod follow;
pub(crate) mod job;

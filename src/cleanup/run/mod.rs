//! The sweep at work: events and answers come in, deletions go out.

pub(crate) mod delete;
pub(crate) mod event_loop;
pub(crate) mod logs;

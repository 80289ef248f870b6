//! Reads a stream: its documents, their nodes, and the Jobs among them.

pub(crate) mod head;
pub(crate) mod jobs;
pub(crate) mod lookup;
pub(crate) mod nodes;
pub(crate) mod prefilter;
pub(crate) mod stream;
pub(crate) mod value;

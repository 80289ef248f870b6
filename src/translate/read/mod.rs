//! Reads: a stream into documents, a document into nodes, and what the nodes mean.

pub(crate) mod head;
pub(crate) mod jobs;
pub(crate) mod line_reader;
pub(crate) mod lookup;
pub(crate) mod nodes;
pub(crate) mod prefilter;
pub(crate) mod stream;

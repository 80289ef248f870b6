//! What the sweep says: lines as things happen, the progress line, and the report at the end.

pub(crate) mod duration;
mod json;
pub(crate) mod messages;
pub(crate) mod progress;
pub(crate) mod report;
mod table;
pub(crate) mod terminal;
pub(crate) mod words;

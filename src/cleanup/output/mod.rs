//! What the user sees: messages and progress on stderr, and the report on stdout.

pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod table;
pub(crate) mod wording;

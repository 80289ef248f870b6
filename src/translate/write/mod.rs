//! Writes new entries into a document, in the style of the entries there.

pub(crate) mod change;
pub(crate) mod entry;
pub(crate) mod insert;
pub(crate) mod lines;

//! Writes new entries into a document, in the style of the entries there.

pub(crate) mod change;
pub(crate) mod copied_annotation;
pub(crate) mod extend;
pub(crate) mod lines;
pub(crate) mod new_entry;
pub(crate) mod style;

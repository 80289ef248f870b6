//! Writes the planned entries in the style of the document.

pub(crate) mod change;
pub(crate) mod extend;
pub(crate) mod lines;
pub(crate) mod mirrored_entry;
pub(crate) mod new_entry;

//! Decides which policy each Job gets, and where in the document.

pub(crate) mod insert;
pub(crate) mod policies;
pub(crate) mod sharing;

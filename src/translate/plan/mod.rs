//! Plans what to insert into a document.

pub(crate) mod insert;

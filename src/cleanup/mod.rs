//! The cleanup.

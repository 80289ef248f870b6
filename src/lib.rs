//! jobsweep: helpers for the Jobs that Helm charts leave behind.
#![cfg_attr(not(test), warn(missing_docs))]
pub mod cli;
pub mod policy;
pub mod run;
pub mod translate;
#[cfg(feature = "cleanup")]
pub mod cleanup;

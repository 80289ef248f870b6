//! jobsweep: helpers for the Jobs that Helm charts leave behind.
#![cfg_attr(not(test), warn(missing_docs))]
#[cfg(feature = "cleanup")]
pub mod cleanup;
pub mod cli;
pub mod policy;
pub mod run;
pub mod translate;

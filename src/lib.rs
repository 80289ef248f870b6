//! jobsweep.
#[cfg(feature = "cleanup")]
pub mod cleanup;
pub mod cli;
pub mod policy;
pub mod run;
pub mod translate;

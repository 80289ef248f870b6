//! The command line, grouped by mode.

mod filter;

#[cfg(feature = "cleanup")]
mod cleanup;

#[cfg(feature = "cleanup")]
pub use cleanup::{CleanupArgs, Output, Timeout};
pub use filter::FilterArgs;

use clap::Parser;

/// Sweep finished Kubernetes Jobs by their Helm hook delete policy.
#[derive(Debug, Parser)]
#[command(name = "jobsweep", version)]
pub struct Cli {
    /// What the filter does.
    #[command(flatten)]
    pub filter: FilterArgs,

    /// Wait for the annotated Jobs in the cluster to finish, delete those whose policy says so, and exit.
    #[cfg(feature = "cleanup")]
    #[arg(long, help_heading = "Cleanup")]
    pub cleanup: bool,

    /// What the cleanup does.
    #[cfg(feature = "cleanup")]
    #[command(flatten)]
    pub sweep: CleanupArgs,
}

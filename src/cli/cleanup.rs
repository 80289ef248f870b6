//! Arguments of the cleanup.

use clap::Args;

/// What the cleanup does in the cluster.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cleanup")]
pub struct CleanupArgs {}

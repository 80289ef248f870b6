//! Arguments of the filter.

use clap::Args;

use crate::policy::DeletePolicy;

/// What the filter does with the manifests on stdin.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filter")]
pub struct FilterArgs {
    /// Give Jobs that have no policy at all this one
    #[arg(long, value_name = "POLICY", env = "JOBSWEEP_DEFAULT_POLICY")]
    pub default_policy: Option<DeletePolicy>,

    /// Refuse a policy with a word that neither Helm nor KOTS knows, instead of warning
    #[arg(long)]
    pub strict: bool,
}

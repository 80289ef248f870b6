//! Arguments of the filter.

use std::path::PathBuf;

use clap::Args;

use crate::policy::DeletePolicy;

/// Names the log file in the environment, where it is found even if the arguments are wrong.
pub const LOG_FILE: &str = "JOBSWEEP_LOG_FILE";

/// What the filter does with the manifests on stdin.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filter")]
pub struct FilterArgs {
    /// Give Jobs that have no delete policy this one: hook-succeeded, hook-failed or both, separated by a comma
    #[arg(long, value_name = "POLICY", env = "JOBSWEEP_DEFAULT_POLICY", hide_env_values = true)]
    pub default_policy: Option<DeletePolicy>,

    /// Refuse a policy with a word other than hook-succeeded, hook-failed and before-hook-creation, instead of warning
    #[arg(long)]
    pub strict: bool,

    /// Append warnings and errors to this file too, with the time: Helm drops the stderr of a post-renderer
    #[arg(long, value_name = "FILE", env = LOG_FILE, hide_env_values = true)]
    pub log_file: Option<PathBuf>,
}

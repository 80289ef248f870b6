//! Arguments of the filter.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::OsStringValueParser;

use crate::policy::{DefaultPolicy, DeletePolicy};

/// Names the default policy in the environment.
pub(super) const DEFAULT_POLICY: &str = "JOBSWEEP_DEFAULT_POLICY";
/// Names the log file in the environment. The program uses it even if the arguments are wrong.
pub(super) const LOG_FILE: &str = "JOBSWEEP_LOG_FILE";

/// What the filter does with the manifests on stdin.
///
/// The methods read the environment variables, not clap, because the cleanup must ignore them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filter")]
pub struct FilterArgs {
    /// The policy of Jobs that have none, such as hook-succeeded,hook-failed [env: JOBSWEEP_DEFAULT_POLICY]
    #[arg(long, value_name = "POLICY")]
    #[cfg_attr(feature = "cleanup", arg(conflicts_with = "cleanup"))]
    pub default_policy: Option<DefaultPolicy>,

    /// Make an unknown word in a policy an error instead of a warning
    #[arg(long)]
    #[cfg_attr(feature = "cleanup", arg(conflicts_with = "cleanup"))]
    pub strict: bool,

    /// Append messages to this file too, with the time: Helm drops stderr [env: JOBSWEEP_LOG_FILE]
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new())]
    #[cfg_attr(feature = "cleanup", arg(conflicts_with = "cleanup"))]
    pub log_file: Option<OsString>,
}

impl FilterArgs {
    /// The policy for Jobs that have none: the argument, or else the configured policy, or else the variable.
    ///
    /// # Errors
    /// Returns what is wrong with the variable. Clap has checked the argument.
    pub fn default_policy(&self, configured: Option<DefaultPolicy>) -> Result<Option<DeletePolicy>, String> {
        if let Some(DefaultPolicy(policy)) = self.default_policy.clone().or(configured) {
            return Ok(policy);
        }
        let set = env::var_os(DEFAULT_POLICY).unwrap_or_default();
        let policy = set.to_string_lossy().parse().map_err(|why| format!("{DEFAULT_POLICY}: {why}"));
        policy.map(|DefaultPolicy(policy)| policy)
    }
}

/// The log file: the given one, or else the variable. An empty name means no log file, because CI systems often set empty variables.
#[must_use]
pub fn log_file(given: Option<OsString>) -> Option<PathBuf> {
    given.or_else(|| env::var_os(LOG_FILE)).filter(|name| !name.is_empty()).map(PathBuf::from)
}

//! Arguments of the filter.

use std::ffi::OsString;
use std::path::Path;
use std::str::FromStr;

use clap::Args;
use clap::builder::OsStringValueParser;

use crate::policy::DeletePolicy;

/// Names the log file in the environment, where it is found even if the arguments are wrong.
pub const LOG_FILE: &str = "JOBSWEEP_LOG_FILE";

/// What the filter does with the manifests on stdin.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filter")]
pub struct FilterArgs {
    /// Give Jobs that have no delete policy this one: hook-succeeded, hook-failed or both, separated by a comma
    #[arg(long, value_name = "POLICY", env = "JOBSWEEP_DEFAULT_POLICY", hide_env_values = true)]
    pub default_policy: Option<DefaultPolicy>,

    /// Refuse a policy with a word other than hook-succeeded, hook-failed and before-hook-creation, instead of warning
    #[arg(long)]
    pub strict: bool,

    /// Append warnings and errors to this file too, with the time: Helm drops the stderr of a post-renderer
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new(), env = LOG_FILE, hide_env_values = true)]
    pub log_file: Option<OsString>,
}

impl FilterArgs {
    /// The log file, unless its name is empty: CI systems like to set variables to nothing.
    #[must_use]
    pub fn log_file(&self) -> Option<&Path> {
        self.log_file.as_deref().filter(|name| !name.is_empty()).map(Path::new)
    }
}

/// A policy for Jobs that have none; an empty text is no policy.
#[derive(Debug, Clone)]
pub struct DefaultPolicy(pub Option<DeletePolicy>);

impl FromStr for DefaultPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|policy| Self(Some(policy))) }
    }
}

//! The arguments of the filter.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use clap::builder::OsStringValueParser;

use super::inject::InjectArgs;
use super::variable;
use crate::policy::{DefaultPolicy, DeletePolicy};
use crate::translate::NameSuffix;

/// Names the default policy in the environment.
pub(super) const DEFAULT_POLICY: &str = "JOBSWEEP_DEFAULT_POLICY";

/// What the filter does with the manifests on stdin.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filter")]
pub struct FilterArgs {
    /// The policy of Jobs that have none, such as hook-succeeded,hook-failed [env: JOBSWEEP_DEFAULT_POLICY]
    #[arg(long, value_name = "POLICY")]
    pub default_policy: Option<String>,

    /// Make unknown words in a policy, and names without hash, errors
    #[arg(long)]
    pub strict: bool,

    /// Append a hash of its content to the name of each plain Job
    #[arg(long)]
    pub name_suffix_hash: bool,

    /// A Job that keeps its name; repeatable
    #[arg(long = "keep-name", value_name = "NAME", hide_short_help = true, requires = "name_suffix_hash")]
    pub keep_names: Vec<String>,

    /// A Job that gets a hash though something seems to use its name; repeatable
    #[arg(long = "rename", value_name = "NAME", hide_short_help = true, requires = "name_suffix_hash")]
    pub renames: Vec<String>,

    /// Append messages to this file too [env: JOBSWEEP_LOG_FILE]
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new())]
    pub log_file: Option<OsString>,

    /// What the filter appends.
    #[command(flatten)]
    pub inject: InjectArgs,
}

impl FilterArgs {
    /// Which Jobs get a hash in their names, if any. A KRM function may be configured to append hashes.
    #[must_use]
    pub fn name_suffix(&self, configured: bool) -> Option<NameSuffix> {
        let names = || NameSuffix { keep: self.keep_names.clone(), rename: self.renames.clone() };
        (self.name_suffix_hash || configured).then(names)
    }

    /// The policy for Jobs that have none: the argument, or else the configured policy, or else the variable.
    ///
    /// # Errors
    /// Returns what is wrong with the argument or the variable.
    pub fn default_policy(&self, configured: Option<DefaultPolicy>) -> Result<Option<DeletePolicy>, String> {
        let (text, named) = match (&self.default_policy, configured) {
            (Some(text), _) => {
                (text.clone(), format!("invalid value '{text}' for '--default-policy <POLICY>'"))
            }
            (None, Some(DefaultPolicy(policy))) => return Ok(policy),
            (None, None) => (variable(DEFAULT_POLICY), DEFAULT_POLICY.to_owned()),
        };
        text.parse().map(|DefaultPolicy(policy)| policy).map_err(|why| format!("{named}: {why}"))
    }
}

/// The log file: the given one, or else the variable. An empty name means no log file.
#[must_use]
pub fn log_file(given: Option<OsString>) -> Option<PathBuf> {
    given.or_else(|| env::var_os("JOBSWEEP_LOG_FILE")).filter(|name| !name.is_empty()).map(PathBuf::from)
}

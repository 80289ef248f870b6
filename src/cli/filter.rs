//! The arguments of the filter.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::OsStringValueParser;
use clap::{Args, Parser};
use clap_complete::Shell;

use super::inject::InjectArgs;
use crate::policy::{DefaultPolicy, DeletePolicy};
use crate::translate::NameSuffix;

/// Names the default policy in the environment.
pub(super) const DEFAULT_POLICY: &str = "JOBSWEEP_DEFAULT_POLICY";
/// With --unblock, a Job without a policy must stay.
pub(super) const NO_POLICY: &str = "none";
/// With --unblock, a Job without a policy may go, which is the default.
pub(super) const BEFORE_HOOK_CREATION: &str = "before-hook-creation";
/// Names the log file in the environment. The program uses it even if the arguments are wrong.
pub(super) const LOG_FILE: &str = "JOBSWEEP_LOG_FILE";

/// The first line is the filter's. The others lead to the other modes.
#[cfg(feature = "cleanup")]
const USAGE: &str = "\
jobsweep [OPTIONS] < MANIFESTS > TRANSLATED
       jobsweep --unblock [OPTIONS] < MANIFESTS > TRANSLATED
       jobsweep --cleanup [OPTIONS]";
#[cfg(not(feature = "cleanup"))]
const USAGE: &str = "jobsweep [OPTIONS] < MANIFESTS > TRANSLATED";

/// Keep finished Kubernetes Jobs from blocking the next upgrade
///
/// Without --unblock or --cleanup, jobsweep is a filter: it writes the manifests on stdin to stdout, where every Job that has the
/// annotation helm.sh/hook-delete-policy also has kots.io/hook-delete-policy with the same value. No other byte changes. Each mode has help of its own, such as jobsweep --unblock --help.
#[derive(Debug, Parser)]
#[command(override_usage = USAGE)]
#[command(after_help = "Each mode has help of its own, such as jobsweep --unblock --help.")]
pub struct Filter {
    #[command(flatten)]
    _modes: ModeFlags,

    /// What the filter does.
    #[command(flatten)]
    pub filter: FilterArgs,

    /// Print a completion script for this shell
    #[arg(long, value_name = "SHELL", help_heading = "Other")]
    pub completions: Option<Shell>,

    /// Print the manual page
    #[arg(long, help_heading = "Other")]
    pub man: bool,
}

/// The flags of the other modes, for the help. With one of them, it is not the filter that parses the arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "Modes")]
struct ModeFlags {
    /// Delete the finished Jobs that block the manifests on stdin, then write the manifests
    #[cfg(feature = "cleanup")]
    #[arg(long)]
    unblock: bool,

    /// Wait in the cluster for the annotated Jobs to finish, and delete each whose policy names how it ended
    #[cfg(feature = "cleanup")]
    #[arg(long)]
    cleanup: bool,
}

/// What the filter does with the manifests on stdin.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filter")]
pub struct FilterArgs {
    /// The policy of Jobs that have none, such as hook-succeeded,hook-failed [env: JOBSWEEP_DEFAULT_POLICY]
    #[arg(long, value_name = "POLICY", value_parser = policy_text)]
    pub default_policy: Option<String>,

    /// Make an unknown word in a policy an error instead of a warning, and a name that may not get a hash
    #[arg(long)]
    pub strict: bool,

    /// Append a hash of its content to the name of each plain Job, so that a changed Job is a new one
    ///
    /// A Job keeps its name if something in the manifests uses it, with a warning that says where, or with --strict an error.
    #[arg(long)]
    pub name_suffix_hash: bool,

    /// A Job that keeps its name; repeatable
    #[arg(long = "keep-name", value_name = "NAME", hide_short_help = true, requires = "name_suffix_hash")]
    pub keep_names: Vec<String>,

    /// A Job that gets a hash though something seems to use its name; repeatable
    #[arg(long = "rename", value_name = "NAME", hide_short_help = true, requires = "name_suffix_hash")]
    pub renames: Vec<String>,

    /// Append messages to this file too, with the time: Helm drops stderr [env: JOBSWEEP_LOG_FILE]
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
        let policy = match (&self.default_policy, configured) {
            (Some(text), _) => text
                .parse()
                .map_err(|why| format!("invalid value '{text}' for '--default-policy <POLICY>': {why}")),
            (None, Some(configured)) => Ok(configured),
            (None, None) => policy_in_environment().parse().map_err(|why| format!("{DEFAULT_POLICY}: {why}")),
        };
        policy.map(|DefaultPolicy(policy)| policy)
    }
}

pub(super) fn policy_in_environment() -> String {
    env::var_os(DEFAULT_POLICY).unwrap_or_default().to_string_lossy().into_owned()
}

/// A policy for Jobs that have none, in any mode: with --unblock, it need not name an outcome.
fn policy_text(text: &str) -> Result<String, String> {
    if ![NO_POLICY, BEFORE_HOOK_CREATION].contains(&text) {
        text.parse::<DefaultPolicy>()?;
    }
    Ok(text.to_owned())
}

/// The log file: the given one, or else the variable. An empty name means no log file, because CI systems often set empty variables.
#[must_use]
pub fn log_file(given: Option<OsString>) -> Option<PathBuf> {
    given.or_else(|| env::var_os(LOG_FILE)).filter(|name| !name.is_empty()).map(PathBuf::from)
}

//! What a sweep is asked to do. The command line makes these; nothing here knows of it.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::cluster::Timeout;
use crate::cluster::connect::Connection;

/// What a sweep is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster.
    pub connection: Connection,
    /// The namespaces in scope.
    pub namespaces: Namespaces,
    /// Only Jobs with these labels, as in `kubectl get -l`.
    pub selector: Option<String>,
    /// Only Jobs of this Helm release.
    pub release: Option<String>,
    /// Whether a policy that lists `before-hook-creation` names every outcome.
    pub before_hook_creation: bool,
    /// How long nothing must be left to do before the sweep ends.
    pub settle: Duration,
    /// Whether Jobs that have not finished stay, instead of being waited for.
    pub once: bool,
    /// How long the sweep may take.
    pub timeout: Timeout,
    /// How many deletions are under way at once.
    pub concurrency: NonZeroUsize,
    /// Whether deletions are sent as server-side dry runs.
    pub dry_run: bool,
    /// How many lines of a failed Job's logs are shown before the Job is deleted.
    pub log_tail: Option<u32>,
    /// Whether the exit code tells that a Job in scope failed.
    pub fail_on_failed: bool,
    /// The form of the report on stdout.
    pub format: Format,
    /// How much is said on stderr.
    pub verbosity: Verbosity,
}

/// The namespaces in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Namespaces {
    /// The pod's own, or that of the kubeconfig's context.
    Default,
    /// These.
    Named(Vec<String>),
    /// All of them.
    All,
}

/// The form of the report on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line for every Job.
    Table,
    /// One object.
    Json,
    /// The deleted Jobs only, as `job.batch/NAME`.
    Name,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings and errors.
    Warning,
    /// What the sweep does and why.
    Normal,
    /// Lists, watches and retries too.
    Verbose,
}

/// How long nothing must be left to do, unless the user says so. Where nothing is waited for, nothing comes late.
#[must_use]
pub fn default_settle(once: bool) -> Duration {
    if once { Duration::ZERO } else { Duration::from_secs(2) }
}

use std::num::NonZeroUsize;
use std::time::Duration;

use super::rules::Rules;
use crate::cluster::Timeout;
use crate::cluster::connect::Connection;
use crate::console::Verbosity;

/// The options of a sweep.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster.
    pub connection: Connection,
    /// The namespaces in scope.
    pub namespaces: Namespaces,
    /// Only Jobs with these labels are in scope, as in `kubectl get -l`.
    pub selector: Option<String>,
    /// What to do with each Job.
    pub rules: Rules,
    /// How long nothing must be left to do before the sweep ends.
    pub settle: Duration,
    /// How long the sweep may take.
    pub timeout: Timeout,
    /// How many requests are under way at once.
    pub concurrency: NonZeroUsize,
    /// How many lines of a failed Job's logs are shown before the Job is deleted.
    pub log_tail: Option<u32>,
    /// Whether the exit code tells that a Job in scope failed.
    pub fail_on_failed: bool,
    /// The format of the report on stdout.
    pub format: Format,
    /// Which messages appear on stderr.
    pub verbosity: Verbosity,
}

/// The namespaces in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Namespaces {
    /// The namespace of the pod, or of the kubeconfig's context.
    Default,
    /// These namespaces.
    Named(Vec<String>),
    /// All namespaces.
    All,
}

impl Namespaces {
    pub(super) fn may_be_several(&self) -> bool {
        match self {
            Self::Default => false,
            Self::Named(names) => names.len() > 1,
            Self::All => true,
        }
    }
}

/// The format of the report on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people, unless stdout and stderr are a log, which has a line for each Job.
    Table,
    /// One JSON object; docs/cleanup.md links to its fields.
    Json,
    /// Only the deleted Jobs, as `job.batch/NAME`.
    Name,
}

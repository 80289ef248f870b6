//! The arguments of `--unblock`.

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;

use super::cluster::ClusterArgs;
use super::filter::DEFAULT_POLICY;
use super::{FilterArgs, manual, variable};
use crate::cluster::connect::Connection;
use crate::unblock::Rules;

/// Delete the finished Jobs that the manifests on stdin cannot change, then write the manifests
///
/// If one Job in the way may not be deleted, jobsweep deletes none, and writes no manifest.
#[derive(Debug, Clone, Parser)]
#[command(
    override_usage = "jobsweep --unblock [OPTIONS] < MANIFESTS > OUTPUT",
    next_help_heading = "Unblock"
)]
#[command(after_help = manual::notes(manual::UNBLOCK), after_long_help = manual::long_notes(manual::UNBLOCK))]
pub struct Unblock {
    /// The namespace of Jobs whose manifest names none [default: Helm's, $HELM_NAMESPACE, or the pod's]
    #[arg(short, long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) namespace: Option<String>,

    /// The Helm release of the manifests, if Helm does not run jobsweep
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) release: Option<String>,

    /// Delete also a failed Job that has not changed, so that it runs again
    #[arg(long)]
    retry_failed: bool,

    /// Delete what is in the way even if it runs, whatever its policy says
    ///
    /// Jobs of others and ignored Jobs stay. jobsweep waits until the pods are gone too.
    #[arg(long)]
    pub(crate) force: bool,

    /// Do not look for the Helm that runs this as its post-renderer
    #[arg(long)]
    pub(crate) no_caller: bool,

    /// Also say which Helm calls, and which cluster that means
    #[arg(short, long)]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    /// What the filter does.
    #[command(flatten)]
    pub filter: FilterArgs,

    /// Whether a Job without a policy must stay.
    #[arg(skip)]
    needs_policy: bool,
}

impl Unblock {
    /// The arguments, together with the variables that stand for some of them.
    ///
    /// # Errors
    /// Returns what is wrong with a variable. Clap has checked the arguments.
    pub fn with_variables(mut self) -> Result<Self, String> {
        let policy = self.filter.default_policy.clone().unwrap_or_else(|| variable(DEFAULT_POLICY));
        // With these, a Job without a policy must stay or may go, and the filter gives it none.
        if ["none", "before-hook-creation"].contains(&&*policy) {
            self.filter.default_policy = Some(String::new());
        }
        self.needs_policy = policy == "none";
        self.cluster.dry_run = self.cluster.is_dry_run()?;
        Ok(self)
    }

    pub(crate) fn connection(&self) -> Connection {
        self.cluster.connection(true)
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules {
            once: self.cluster.once,
            retry_failed: self.retry_failed,
            force: self.force,
            needs_policy: self.needs_policy,
        }
    }
}

//! The arguments of `--unblock`.

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;

use super::cluster::ClusterArgs;
use super::filter::DEFAULT_POLICY;
use super::{FilterArgs, manual, variable};
use crate::unblock::{Options, Rules};

/// Delete the finished Jobs that the manifests on stdin cannot change, then write the manifests
///
/// If one Job in the way may not be deleted, jobsweep deletes none, and writes no manifest.
#[derive(Debug, Parser)]
#[command(
    override_usage = "jobsweep --unblock [OPTIONS] < MANIFESTS > OUTPUT",
    next_help_heading = "Unblock"
)]
#[command(after_help = manual::notes(manual::UNBLOCK), after_long_help = manual::long_notes(manual::UNBLOCK))]
pub struct Unblock {
    /// The namespace of Jobs whose manifest names none [default: Helm's, $HELM_NAMESPACE, or the pod's]
    #[arg(short, long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    namespace: Option<String>,

    /// The Helm release of the manifests, if Helm does not run jobsweep
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    release: Option<String>,

    /// Delete also a failed Job that has not changed, so that it runs again
    #[arg(long)]
    retry_failed: bool,

    /// Delete what is in the way even if it runs, whatever its policy says
    ///
    /// Jobs of others and ignored Jobs stay. jobsweep waits until the pods are gone too.
    #[arg(long)]
    force: bool,

    /// Do not look for the Helm that runs this as its post-renderer
    #[arg(long)]
    no_caller: bool,

    /// Also say which Helm calls, and which cluster that means
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// What the filter does.
    #[command(flatten)]
    pub filter: FilterArgs,
}

impl Unblock {
    /// The options of `--unblock`, and what the filter does.
    ///
    /// # Errors
    /// Returns what is wrong with the environment variable. Clap has checked the arguments.
    pub fn options(mut self) -> Result<(Options, FilterArgs), String> {
        let policy = self.filter.default_policy.clone().unwrap_or_else(|| variable(DEFAULT_POLICY));
        // With these, a Job without a policy must stay or may go, and the filter gives it none.
        if ["none", "before-hook-creation"].contains(&&*policy) {
            self.filter.default_policy = Some(String::new());
        }
        let options = Options {
            connection: self.cluster.connection(true),
            namespace: self.namespace,
            timeout: self.cluster.timeout,
            dry_run: self.cluster.is_dry_run()?,
            looks_for_caller: !self.no_caller,
            verbose: self.verbose,
            release: self.release,
            rules: Rules {
                once: self.cluster.once,
                retry_failed: self.retry_failed,
                force: self.force,
                needs_policy: policy == "none",
            },
        };
        Ok((options, self.filter))
    }
}

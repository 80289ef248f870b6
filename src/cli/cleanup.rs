//! The arguments of `--cleanup`.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;

use super::cluster::{ClusterArgs, duration};
use super::{manual, variable};
use crate::cleanup::{Format, Namespaces, Options, Rules, Verbosity};
use crate::cluster::helm_env::{helm_debug, started_by_helm};
use crate::policy::DeletePolicy;

/// Sweep finished Kubernetes Jobs by their delete policy
///
/// jobsweep waits for the Jobs that are annotated with kots.io/hook-delete-policy to finish, deletes each whose policy names how
/// it ended, and waits until these are gone.
#[derive(Debug, Parser)]
#[command(override_usage = "jobsweep --cleanup [OPTIONS]", next_help_heading = "Cleanup")]
#[command(after_help = manual::notes(manual::CLEANUP), after_long_help = manual::long_notes(manual::CLEANUP))]
pub struct Cleanup {
    /// Sweep this namespace; repeatable [default: the context's or pod's]
    #[arg(short, long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) namespace: Vec<String>,

    /// Sweep all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(super) all_namespaces: bool,

    /// Sweep only Jobs with these labels, as in `kubectl get -l`
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,

    /// Sweep only Jobs of this Helm release
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    release: Option<String>,

    /// Policy of Jobs that have neither one nor an owner; needs -n or --release
    #[arg(long, value_name = "POLICY", value_parser = str::parse::<DeletePolicy>)]
    default_policy: Option<DeletePolicy>,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// Delete Jobs with before-hook-creation, however they ended
    #[arg(long)]
    before_hook_creation: bool,

    /// Delete what finished this long ago [env: JOBSWEEP_FINISHED_FOR]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    finished_for: Option<Duration>,

    /// Wait this long for further Jobs at the end [default: 2s, with --once 0s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    settle: Option<Duration>,

    /// Keep at most this many deletions under way
    #[arg(long, value_name = "N", default_value = "32")]
    concurrency: NonZeroUsize,

    /// Show the last N log lines of failed Jobs [default: 20 of those that ask]
    #[arg(long, value_name = "N")]
    log_tail: Option<u32>,

    /// Exit with 3 if a Job in scope failed
    #[arg(long)]
    fail_on_failed: bool,

    /// Format of the report on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,

    /// Also show waiting, lists, watches and retries; all Jobs in the table
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,

    /// Show only warnings, errors and logs
    #[arg(short, long)]
    quiet: bool,
}

impl Cleanup {
    /// The options of the sweep.
    ///
    /// # Errors
    /// Returns what is wrong with an environment variable. Clap has checked the arguments.
    pub fn options(self) -> Result<Options, String> {
        self.check_default_policy()?;
        let dry_run = self.cluster.is_dry_run()?;
        Ok(Options {
            // A user of Helm may have set its variables for Helm alone.
            connection: self.cluster.connection(started_by_helm()),
            namespaces: match self.namespace {
                _ if self.all_namespaces => Namespaces::All,
                names if names.is_empty() => Namespaces::Default,
                names => Namespaces::Named(names),
            },
            selector: self.selector,
            rules: Rules {
                release: self.release,
                default_policy: self.default_policy,
                before_hook_creation: self.before_hook_creation,
                finished_for: self.finished_for.map_or_else(finished_for_by_variable, Ok)?,
                once: self.cluster.once,
                dry_run,
                ..Rules::default()
            },
            settle: self.settle.unwrap_or(Duration::from_secs(if self.cluster.once { 0 } else { 2 })),
            timeout: self.cluster.timeout,
            concurrency: self.concurrency,
            log_tail: self.log_tail,
            fail_on_failed: self.fail_on_failed,
            format: self.output,
            verbosity: match (self.quiet, self.verbose || helm_debug()) {
                (true, _) => Verbosity::Warning,
                (_, true) => Verbosity::Verbose,
                _ => Verbosity::Normal,
            },
        })
    }

    /// A default policy must not reach Jobs that the user did not think of.
    pub(super) fn check_default_policy(&self) -> Result<(), String> {
        let is_chosen = self.release.is_some() || !self.namespace.is_empty();
        if self.default_policy.is_some() && (self.all_namespaces || !is_chosen) {
            return Err("--default-policy needs --release or --namespace, and no --all-namespaces".to_owned());
        }
        Ok(())
    }
}

fn finished_for_by_variable() -> Result<Duration, String> {
    match &*variable("JOBSWEEP_FINISHED_FOR") {
        "" => Ok(Duration::ZERO),
        text => duration(text).map_err(|why| format!("JOBSWEEP_FINISHED_FOR is {text:?}: {why}")),
    }
}

//! The arguments of `--cleanup`.

use std::env;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;

use super::cluster::{ClusterArgs, duration};
use crate::cleanup::{Format, Namespaces, Options, Verbosity};
use crate::cluster::helm_env::{HelmVariables, helm_debug};

/// Sets in the environment how long ago a Job must have finished.
pub(super) const FINISHED_FOR: &str = "JOBSWEEP_FINISHED_FOR";

/// Sweep finished Kubernetes Jobs by their delete policy
///
/// jobsweep waits for the Jobs that are annotated with kots.io/hook-delete-policy to finish, deletes each whose policy names how
/// it ended, and waits until these are gone.
#[derive(Debug, Parser)]
#[command(override_usage = "jobsweep --cleanup [OPTIONS]", next_help_heading = "Cleanup")]
pub struct Cleanup {
    /// Sweep this namespace; repeatable [default: the context's, or the pod's]
    #[arg(short, long = "namespace", value_name = "NAME", value_parser = super::namespace)]
    pub(super) namespaces: Vec<String>,

    /// Sweep all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespaces")]
    pub(super) all_namespaces: bool,

    /// Sweep only Jobs with these labels, as in `kubectl get -l`
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,

    /// Sweep only Jobs of this Helm release
    ///
    /// A Job belongs to the release that its annotation meta.helm.sh/release-name or its label app.kubernetes.io/instance names.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    release: Option<String>,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// Delete Jobs whose policy lists before-hook-creation, however they ended
    ///
    /// Use this right before the next apply.
    #[arg(long)]
    before_hook_creation: bool,

    /// Delete only Jobs that finished this long ago [default: 0] [env: JOBSWEEP_FINISHED_FOR]
    ///
    /// The API server's clock counts. On a schedule, 15m is three times as long as Helm waits by default.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    finished_for: Option<Duration>,

    /// End only after there was nothing to do for this long [default: 2s, with --once 0s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    settle: Option<Duration>,

    /// Keep at most this many deletions under way
    #[arg(long, value_name = "N", default_value = "32")]
    concurrency: NonZeroUsize,

    /// Show the last N lines of a failed Job's logs before its deletion
    ///
    /// 0 shows none. [default: 20 if the Job's helm.sh/hook-output-log-policy asks for logs, otherwise 0]
    #[arg(long, value_name = "N")]
    log_tail: Option<u32>,

    /// Exit with 3 if a Job in scope failed
    #[arg(long)]
    fail_on_failed: bool,

    /// Format of the report on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,

    /// Also show lists, watches and retries
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,

    /// Show only warnings, errors and logs
    ///
    /// With -o json, logs appear only in the report.
    #[arg(short, long)]
    quiet: bool,
}

impl Cleanup {
    /// The options of the sweep.
    ///
    /// # Errors
    /// Returns what is wrong with an environment variable. Clap has checked the arguments.
    pub fn options(self) -> Result<Options, String> {
        let dry_run = self.cluster.is_dry_run()?;
        Ok(Options {
            connection: self.cluster.connection(HelmVariables::default()),
            namespaces: match self.namespaces {
                _ if self.all_namespaces => Namespaces::All,
                names if names.is_empty() => Namespaces::Default,
                names => Namespaces::Named(names),
            },
            selector: self.selector,
            release: self.release,
            before_hook_creation: self.before_hook_creation,
            finished_for: self.finished_for.map_or_else(finished_for_by_variable, Ok)?,
            settle: self.settle.unwrap_or(Duration::from_secs(if self.cluster.once { 0 } else { 2 })),
            once: self.cluster.once,
            timeout: self.cluster.timeout,
            concurrency: self.concurrency,
            dry_run,
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
}

fn finished_for_by_variable() -> Result<Duration, String> {
    match &*env::var_os(FINISHED_FOR).unwrap_or_default().to_string_lossy() {
        "" => Ok(Duration::ZERO),
        text => duration(text).map_err(|why| format!("{FINISHED_FOR} is {text:?}: {why}")),
    }
}

//! Arguments of the cleanup.

use std::env;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PossibleValue};
use clap::{Args, ValueEnum};

use crate::cleanup::{Format, Namespaces, Options, Verbosity, default_settle};
use crate::cluster::Timeout;
use crate::cluster::connect::Connection;
use crate::cluster::helm_env::helm_debug;

/// Sets in the environment how long ago a Job must have finished.
pub(super) const FINISHED_FOR: &str = "JOBSWEEP_FINISHED_FOR";

/// Options of the cleanup. If an option is given twice, the last one counts, so that users can append theirs to those of a
/// manifest.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cleanup")]
pub struct CleanupArgs {
    /// Sweep this namespace; repeatable [default: the context's, or the pod's]
    #[arg(short, long = "namespace", value_name = "NAME", requires = "in_cluster", value_parser = super::namespace)]
    pub namespaces: Vec<String>,

    /// Sweep all namespaces
    #[arg(short = 'A', long, requires = "cleanup", conflicts_with = "namespaces")]
    pub all_namespaces: bool,

    /// Sweep only Jobs with these labels, as in `kubectl get -l`
    #[arg(short = 'l', long, value_name = "LABELS", requires = "cleanup")]
    pub selector: Option<String>,

    /// Sweep only Jobs of this Helm release
    ///
    /// A Job belongs to the release that its annotation meta.helm.sh/release-name or its label app.kubernetes.io/instance names.
    #[arg(long, value_name = "NAME", requires = "in_cluster", value_parser = NonEmptyStringValueParser::new())]
    pub release: Option<String>,

    /// Kubeconfig file [default: $KUBECONFIG, ~/.kube/config or the pod's]
    #[arg(long, value_name = "FILE", requires = "in_cluster")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: its current context]
    #[arg(long, value_name = "NAME", requires = "in_cluster")]
    pub context: Option<String>,

    /// Delete Jobs whose policy lists before-hook-creation, however they ended
    ///
    /// Use this right before the next apply.
    #[arg(long, requires = "cleanup")]
    pub before_hook_creation: bool,

    /// Delete only Jobs that finished this long ago [default: 0] [env: JOBSWEEP_FINISHED_FOR]
    ///
    /// The API server's clock counts. On a schedule, 15m is three times as long as Helm waits by default.
    #[arg(long, value_name = "DURATION", requires = "cleanup", value_parser = duration, overrides_with = "finished_for")]
    pub finished_for: Option<Duration>,

    /// End only after there was nothing to do for this long [default: 2s, with --once 0s]
    #[arg(long, value_name = "DURATION", requires = "cleanup", value_parser = duration, overrides_with = "settle")]
    pub settle: Option<Duration>,

    /// Do not wait for Jobs that have not finished
    ///
    /// The cleanup also does not wait for Jobs that finished too recently for --finished-for.
    #[arg(long, requires = "in_cluster")]
    pub once: bool,

    /// Give up after this long; `none` waits without limit
    ///
    /// Deletions under way have 10s more. 0 does not wait at all.
    #[arg(long, value_name = "DURATION", requires = "in_cluster", default_value = "5m", value_parser = timeout, overrides_with = "timeout")]
    pub timeout: Timeout,

    /// Keep at most this many deletions under way
    #[arg(
        long,
        value_name = "N",
        requires = "cleanup",
        default_value = "32",
        overrides_with = "concurrency"
    )]
    pub concurrency: NonZeroUsize,

    /// Send every deletion as a server-side dry run
    ///
    /// A dry run checks permissions, admission and preconditions.
    #[arg(long, requires = "in_cluster")]
    pub dry_run: bool,

    /// Treat a failed Job as in the way though its manifest has not changed, so that it runs again
    #[arg(long, requires = "unblock")]
    pub retry_failed: bool,

    /// Delete what is in the way whether or not it has finished, and whatever its policy says
    ///
    /// Neither the Jobs of others nor ignored Jobs are deleted.
    #[arg(long, requires = "unblock")]
    pub force: bool,

    /// Do not look for the Helm that calls
    #[arg(long, requires = "unblock")]
    pub no_caller: bool,

    /// Show the last N lines of a failed Job's logs before its deletion
    ///
    /// 0 shows none. [default: 20 if the Job's helm.sh/hook-output-log-policy asks for logs, otherwise 0]
    #[arg(long, value_name = "N", requires = "cleanup", overrides_with = "log_tail")]
    pub log_tail: Option<u32>,

    /// Exit with 3 if a Job in scope failed
    #[arg(long, requires = "cleanup")]
    pub fail_on_failed: bool,

    /// Format of the report on stdout
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        requires = "cleanup",
        default_value = "table",
        overrides_with = "output"
    )]
    pub output: Format,

    /// Also show lists, watches and retries
    #[arg(short, long, requires = "cleanup", conflicts_with = "quiet")]
    pub verbose: bool,

    /// Show only warnings, errors and logs
    ///
    /// With -o json, logs appear only in the report.
    #[arg(short, long, requires = "cleanup")]
    pub quiet: bool,
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Table, Self::Json, Self::Name]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Table => ("table", "A table with one line for each Job"),
            Self::Json => ("json", "One JSON object; docs/cleanup.md links to its fields"),
            Self::Name => ("name", "Only the deleted Jobs, as job.batch/NAME"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl CleanupArgs {
    /// Converts the arguments to the options of the sweep.
    ///
    /// # Errors
    /// Returns what is wrong with the environment variable. Clap has checked the arguments.
    pub fn options(self) -> Result<Options, String> {
        let Self {
            namespaces,
            all_namespaces,
            selector,
            release,
            kubeconfig,
            context,
            before_hook_creation,
            finished_for,
            settle,
            once,
            timeout,
            concurrency,
            dry_run,
            log_tail,
            fail_on_failed,
            output,
            verbose,
            quiet,
            // Only of --unblock.
            retry_failed: _,
            force: _,
            no_caller: _,
        } = self;
        Ok(Options {
            connection: Connection { kubeconfig, context, ..Connection::default() },
            namespaces: match namespaces {
                _ if all_namespaces => Namespaces::All,
                names if names.is_empty() => Namespaces::Default,
                names => Namespaces::Named(names),
            },
            selector,
            release,
            before_hook_creation,
            finished_for: finished_for.map_or_else(finished_for_by_variable, Ok)?,
            settle: settle.unwrap_or_else(|| default_settle(once)),
            once,
            timeout,
            concurrency,
            dry_run,
            log_tail,
            fail_on_failed,
            format: output,
            verbosity: match (quiet, verbose || helm_debug()) {
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

fn timeout(text: &str) -> Result<Timeout, String> {
    match text {
        "none" => Ok(Timeout::Never),
        _ => duration(text).map(Timeout::After),
    }
}

/// `90s`, `5m`, `1h30m`, or a plain `0`.
fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| "expected a duration like 90s, 5m or 1h30m".to_owned())?;
    Duration::try_from(span).map_err(|_| "a duration cannot be negative".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_in_kubernetes() {
        for (text, seconds) in [("0", 0), ("0s", 0), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("2h", 7200)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for text in ["", "5", "m", "five minutes", "-5s", "none"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_none_waits_without_limit() {
        assert_eq!(timeout("none"), Ok(Timeout::Never));
        assert_eq!(timeout("0"), Ok(Timeout::After(Duration::ZERO)));
        assert!(timeout("never").is_err());
    }
}

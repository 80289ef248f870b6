//! The command line, grouped by mode.

#[cfg(feature = "cleanup")]
mod cleanup;
mod filter;
mod inject;

use clap::Parser;
use clap_complete::Shell;

#[cfg(feature = "cleanup")]
pub use cleanup::{CleanupArgs, Output, Timeout};
pub use filter::{DefaultPolicy, FilterArgs, LOG_FILE};
pub use inject::InjectArgs;

/// Keep finished Kubernetes Jobs from blocking the next upgrade
#[derive(Debug, Parser)]
#[command(name = "jobsweep", version, long_about = ABOUT, after_long_help = EXIT_CODES)]
pub struct Cli {
    /// What the filter does.
    #[command(flatten)]
    pub filter: FilterArgs,

    /// What the filter appends.
    #[command(flatten)]
    pub inject: InjectArgs,

    /// Wait in the cluster for the annotated Jobs to finish, and delete each whose policy names how it ended
    #[cfg(feature = "cleanup")]
    #[arg(long, help_heading = "Cleanup")]
    pub cleanup: bool,

    /// What the cleanup does.
    #[cfg(feature = "cleanup")]
    #[command(flatten)]
    pub sweep: CleanupArgs,

    /// Print a completion script for this shell
    #[arg(long, value_name = "SHELL", help_heading = "Other")]
    pub completions: Option<Shell>,

    /// Print the manual page
    #[arg(long, help_heading = "Other")]
    pub man: bool,
}

const ABOUT: &str = "\
Keep finished Kubernetes Jobs from blocking the next upgrade.

Without --cleanup it is a filter: manifests are read on stdin and written to
stdout, where every Job that has the annotation helm.sh/hook-delete-policy
also has kots.io/hook-delete-policy with the same value. No other byte changes.

    helm install my-release my-chart --post-renderer jobsweep
    helm template my-chart | jobsweep | kubectl apply -f -

With --cleanup it waits in a cluster for the annotated Jobs to finish, and
deletes each whose policy names how it ended.

    jobsweep --cleanup --namespace my-namespace";

const EXIT_CODES: &str = "\
Exit codes:
  0         done: the filter wrote everything, or the due Jobs are gone
  1         input or output failed, or an internal error
  2         wrong usage
  3         --fail-on-failed: a Job in scope failed
  4         the deadline came first
  5         not allowed: the missing rule is on stderr
  65        the filter's input is not valid; nothing was written
  130, 143  ended by SIGINT, SIGTERM";

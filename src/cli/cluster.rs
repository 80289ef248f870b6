//! What the modes have in common that talk to a cluster.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};

use super::{Cli, variable};
use crate::cluster::Timeout;
use crate::cluster::caller::Caller;
use crate::cluster::connect::Connection;

#[derive(Debug, Args)]
pub(super) struct ClusterArgs {
    /// Kubeconfig file [default: $KUBECONFIG, ~/.kube/config or the pod's]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: its current context; with --unblock, or as a plugin of Helm, $HELM_KUBECONTEXT first]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// Do not wait for Jobs that may not be deleted yet
    #[arg(long)]
    pub once: bool,

    /// Give up after this time; none means no limit
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = timeout)]
    pub timeout: Timeout,

    /// Send deletions as server-side dry runs [or JOBSWEEP_DRY_RUN=1]
    #[arg(long)]
    dry_run: bool,
}

impl ClusterArgs {
    /// Whether the option or the variable asks for a dry run.
    pub(super) fn is_dry_run(&self) -> Result<bool, String> {
        Ok(self.dry_run | is_set("JOBSWEEP_DRY_RUN")?)
    }

    pub(super) fn connection(&self, helm_variables: bool) -> Connection {
        Connection {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            helm_variables,
            ..Connection::default()
        }
    }
}

/// Whether the variable stands for `--unblock`, for a host that cannot give arguments, such as Ansible's `kubernetes.core.helm`. In a
/// pipe, it does not count.
pub(super) fn is_unblock_by_variable(args: &[OsString]) -> Result<bool, clap::Error> {
    let is_set = || is_set("JOBSWEEP_UNBLOCK");
    if args.len() > 1 || !is_set().map_err(|why| Cli::command().error(ErrorKind::InvalidValue, why))? {
        return Ok(false);
    }
    // If it is not clear what Helm does, --unblock says so.
    let caller = Caller::find(crate::cluster::variable("HELM_PLUGIN_NAME").as_deref());
    Ok(!matches!(caller, Ok(Caller::None { .. })))
}

/// Whether a variable says yes. A value that says neither yes nor no is an error, so that a misspelt `true` deletes nothing.
fn is_set(name: &str) -> Result<bool, String> {
    match &*variable(name) {
        "1" | "true" => Ok(true),
        "" | "0" | "false" => Ok(false),
        other => Err(format!("{name} is {other:?}; set it to 1 or 0")),
    }
}

/// The command as users type it, if kubectl starts this program: `kubectl sweep-jobs` for `kubectl-sweep_jobs`, because kubectl
/// replaces a dash in a command's name by an underscore in the file's name.
pub(super) fn kubectl_plugin(program: &OsStr) -> Option<String> {
    let file = Path::new(program).file_name()?.to_str()?;
    let name = file.strip_suffix(".exe").unwrap_or(file).strip_prefix("kubectl-")?;
    Some(format!("kubectl {}", name.replace('-', " ").replace('_', "-")))
}

fn timeout(text: &str) -> Result<Timeout, String> {
    match text {
        "none" => Ok(Timeout::Never),
        _ => duration(text).map(Timeout::After),
    }
}

/// `90s`, `5m`, `1h30m`, or a plain `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
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
    fn a_plugin_is_named_as_the_user_types_it() {
        for (program, name) in [
            ("/home/ann/.krew/bin/kubectl-sweep_jobs", Some("kubectl sweep-jobs")),
            ("kubectl-sweep_jobs.exe", Some("kubectl sweep-jobs")),
            ("kubectl-sweep-jobs", Some("kubectl sweep jobs")),
            ("/opt/kubectl-sweep_jobs/jobsweep", None),
            ("kubectl", None),
            ("", None),
        ] {
            assert_eq!(kubectl_plugin(OsStr::new(program)).as_deref(), name, "{program}");
        }
    }

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

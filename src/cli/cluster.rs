//! The arguments that all modes have that talk to a cluster.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cluster::Timeout;
use crate::cluster::connect::Connection;
use crate::cluster::helm_env::HelmVariables;

/// The variable that asks for a dry run.
const DRY_RUN: &str = "JOBSWEEP_DRY_RUN";

#[derive(Debug, Args)]
pub(super) struct ClusterArgs {
    /// Kubeconfig file [default: $KUBECONFIG, ~/.kube/config or the pod's]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: its current context; with --unblock, or as a plugin of Helm, $HELM_KUBECONTEXT first]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// Wait for no Job that has not finished, or not long enough ago
    #[arg(long)]
    pub once: bool,

    /// Give up after this long, `none` for never
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = timeout)]
    pub timeout: Timeout,

    /// Send deletions as server-side dry runs [or JOBSWEEP_DRY_RUN=1]
    #[arg(long)]
    dry_run: bool,
}

impl ClusterArgs {
    /// Whether the option or the variable asks for a dry run.
    pub(super) fn is_dry_run(&self) -> Result<bool, String> {
        Ok(self.dry_run | super::is_set(DRY_RUN)?)
    }

    pub(super) fn connection(&self, helm_variables: HelmVariables) -> Connection {
        Connection {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            helm_variables,
            ..Connection::default()
        }
    }
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

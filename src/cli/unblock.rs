//! The arguments of `--unblock`.

use std::env;

use clap::Parser;

use super::FilterArgs;
use super::cluster::ClusterArgs;
use crate::cluster::helm_env::HelmVariables;
use crate::unblock::Options;

/// The variable that asks for a dry run. Helm does not tell a post-renderer whether it will apply the output.
pub(super) const DRY_RUN: &str = "JOBSWEEP_DRY_RUN";

/// Delete the finished Jobs that the manifests on stdin cannot change, then write the manifests
///
/// jobsweep deletes a Job if it has finished, the new manifest changes an immutable field, and the policy of the new manifest allows
/// it. If one Job in the way may not be deleted, it deletes none, and writes no manifest.
#[derive(Debug, Parser)]
#[command(override_usage = "jobsweep --unblock [OPTIONS] < MANIFESTS > TRANSLATED")]
#[command(next_help_heading = "Unblock")]
pub struct Unblock {
    /// The namespace of Jobs whose manifest names none [default: $HELM_NAMESPACE, or the pod's]
    #[arg(short, long, value_name = "NAME", value_parser = super::namespace)]
    namespace: Option<String>,

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
    pub fn options(self) -> Result<(Options, FilterArgs), String> {
        let options = Options {
            connection: self.cluster.connection(HelmVariables::Always),
            namespace: self.namespace,
            timeout: self.cluster.timeout,
            once: self.cluster.once,
            dry_run: self.cluster.dry_run || dry_run_by_variable()?,
        };
        Ok((options, self.filter))
    }
}

/// Another value is an error, so that a misspelt `true` deletes nothing.
fn dry_run_by_variable() -> Result<bool, String> {
    match &*env::var_os(DRY_RUN).unwrap_or_default().to_string_lossy() {
        "1" | "true" => Ok(true),
        "" | "0" | "false" => Ok(false),
        other => Err(format!("{DRY_RUN} is {other:?}; set it to 1 or 0")),
    }
}

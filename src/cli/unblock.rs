//! Arguments of `--unblock`. Those about the cluster are the cleanup's.

use std::env;

use super::CleanupArgs;
use crate::cluster::connect::Connection;
use crate::cluster::helm_env::HelmVariables;
use crate::unblock::Options;

/// Asks for a dry run in the environment, for calls that Helm does not apply.
pub(super) const DRY_RUN: &str = "JOBSWEEP_DRY_RUN";

/// The options of `--unblock`.
///
/// # Errors
/// More than one namespace is given, or the variable says neither yes nor no.
pub(super) fn options(args: CleanupArgs) -> Result<Options, String> {
    let CleanupArgs { mut namespaces, kubeconfig, context, once, timeout, dry_run, .. } = args;
    let namespace = namespaces.pop();
    if !namespaces.is_empty() {
        return Err("--unblock takes one --namespace: that of the manifests that name none".to_owned());
    }
    let dry_run = dry_run || dry_run_by_variable()?;
    Ok(Options {
        connection: Connection { kubeconfig, context, helm_variables: HelmVariables::Always },
        namespace,
        timeout,
        once,
        dry_run,
    })
}

/// A misspelt yes must not delete anything.
fn dry_run_by_variable() -> Result<bool, String> {
    match &*env::var_os(DRY_RUN).unwrap_or_default().to_string_lossy() {
        "1" | "true" => Ok(true),
        "" | "0" | "false" => Ok(false),
        other => Err(format!("{DRY_RUN} is {other:?}; set it to 1 or 0")),
    }
}

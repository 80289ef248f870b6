//! Arguments of `--unblock`. It shares the arguments about the cluster with the cleanup.

use std::env;

use super::CleanupArgs;
use crate::cluster::connect::Connection;
use crate::cluster::helm_env::HelmVariables;
use crate::unblock::Options;

/// The variable that asks for a dry run. Helm does not tell a post-renderer whether it will apply the output.
pub(super) const DRY_RUN: &str = "JOBSWEEP_DRY_RUN";

/// The options of `--unblock`.
///
/// # Errors
/// More than one namespace is given, or the variable is no boolean.
pub(super) fn options(args: &CleanupArgs) -> Result<Options, String> {
    if args.namespaces.len() > 1 {
        return Err("--unblock takes one --namespace: that of the manifests that name none".to_owned());
    }
    Ok(Options {
        connection: Connection {
            kubeconfig: args.kubeconfig.clone(),
            context: args.context.clone(),
            helm_variables: HelmVariables::Always,
            ..Connection::default()
        },
        namespace: args.namespaces.first().cloned(),
        timeout: args.timeout,
        once: args.once,
        dry_run: args.dry_run || dry_run_by_variable()?,
        looks_for_caller: !args.no_caller,
        release: args.release.clone(),
        retry_failed: args.retry_failed,
        force: args.force,
        needs_policy: false,
    })
}

/// Another value is an error, so that a misspelt `true` deletes nothing.
fn dry_run_by_variable() -> Result<bool, String> {
    match &*env::var_os(DRY_RUN).unwrap_or_default().to_string_lossy() {
        "1" | "true" => Ok(true),
        "" | "0" | "false" => Ok(false),
        other => Err(format!("{DRY_RUN} is {other:?}; set it to 1 or 0")),
    }
}

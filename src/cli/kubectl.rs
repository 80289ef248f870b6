//! The program as a kubectl plugin: `kubectl sweep-jobs` runs `kubectl-sweep_jobs`, which is the cleanup.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;

const ABOUT: &str = "\
Sweep finished Kubernetes Jobs by their delete policy.

Waits for the Jobs that are annotated with kots.io/hook-delete-policy to finish,
and deletes each whose policy names how it ended. This is jobsweep --cleanup.";

/// Adds `--cleanup` to the arguments, and kubectl's name to help and errors, if kubectl starts this program.
pub(super) fn as_plugin(command: Command, args: &mut Vec<OsString>) -> Command {
    let Some(name) = args.first().and_then(|program| plugin_name(program)) else { return command };
    args.insert(1, "--cleanup".into());
    command
        .long_about(ABOUT)
        .override_usage(format!("{name} [OPTIONS]"))
        .mut_args(|arg| {
            let is_of_the_cleanup = arg.get_help_heading() == Some("Cleanup") && arg.get_id() != "cleanup";
            arg.hide(!is_of_the_cleanup)
        })
        .bin_name(name)
}

/// `kubectl sweep-jobs` for `kubectl-sweep_jobs`: kubectl looks for a dash in a command's name as an underscore.
fn plugin_name(program: &OsStr) -> Option<String> {
    let file = Path::new(program).file_name()?.to_str()?;
    let name = file.strip_suffix(".exe").unwrap_or(file).strip_prefix("kubectl-")?;
    Some(format!("kubectl {}", name.replace('-', " ").replace('_', "-")))
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
            assert_eq!(plugin_name(OsStr::new(program)).as_deref(), name, "{program}");
        }
    }
}

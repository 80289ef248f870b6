//! The program as a kubectl plugin: `kubectl sweep-jobs` runs `kubectl-sweep_jobs`, which is the cleanup.

use std::ffi::OsStr;
use std::path::Path;

/// The command as users type it, if kubectl starts this program: `kubectl sweep-jobs` for `kubectl-sweep_jobs`, because kubectl
/// replaces a dash in a command's name by an underscore in the file's name.
pub(super) fn plugin_name(program: &OsStr) -> Option<String> {
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

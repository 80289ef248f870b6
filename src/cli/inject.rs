//! The arguments of `--inject-cleanup`.

use clap::Args;

use crate::inject::manifests::{IMAGE, Moment};
use crate::inject::{Injection, name};

/// The cleanup that the filter appends to the manifests.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Injection")]
pub struct InjectArgs {
    /// Append a Job that sweeps its namespace, with all that it needs
    ///
    /// By default NAME, the name of all of them, is jobsweep-RELEASE, with the release from the label app.kubernetes.io/instance,
    /// or else jobsweep- and the name of the first resource.
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, value_parser = name::check)]
    pub inject_cleanup: Option<Option<String>>,

    /// Run the cleanup after Helm has waited, or before Helm applies an upgrade or a rollback
    #[arg(long, value_name = "MOMENT", default_value = "after")]
    #[arg(hide_short_help = true, requires = "inject_cleanup")]
    pub cleanup_when: Moment,

    /// The image of the cleanup
    #[arg(long, value_name = "IMAGE", hide_short_help = true, requires = "inject_cleanup", default_value = IMAGE)]
    pub cleanup_image: String,

    /// An argument for the cleanup, such as --cleanup-arg=--log-tail=20; repeatable
    #[arg(long = "cleanup-arg", value_name = "ARG", allow_hyphen_values = true)]
    #[arg(hide_short_help = true, requires = "inject_cleanup")]
    pub cleanup_args: Vec<String>,
}

impl InjectArgs {
    /// The injection, if the arguments ask for one.
    ///
    /// # Errors
    /// Returns what the cleanup would reject in its arguments, so that users see it here and not in the log of a pod.
    pub fn injection(self) -> Result<Option<Injection>, String> {
        #[cfg(feature = "cleanup")]
        check(&self.cleanup_args)?;
        Ok(self.inject_cleanup.map(|name| Injection {
            name,
            moment: self.cleanup_when,
            image: Some(self.cleanup_image),
            args: self.cleanup_args,
        }))
    }
}

#[cfg(feature = "cleanup")]
fn check(args: &[String]) -> Result<(), String> {
    let line = ["jobsweep"].into_iter().chain(args.iter().map(String::as_str));
    let sweep = <super::Cleanup as clap::Parser>::try_parse_from(line)
        .map_err(|error| format!("--cleanup-arg: {}", super::what_is_wrong(&error)))?;
    if sweep.all_namespaces || !sweep.namespace.is_empty() {
        return Err("--cleanup-arg: the injected Role is for its own namespace; for others use the chart charts/jobsweep \
                    with scope: cluster"
            .to_owned());
    }
    sweep.check_default_policy().map_err(|why| format!("--cleanup-arg: {why}"))
}

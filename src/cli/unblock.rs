//! The arguments of `--unblock`.

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;

use super::FilterArgs;
use super::cluster::ClusterArgs;
use super::filter::{BEFORE_HOOK_CREATION, NO_POLICY, policy_in_environment};
use crate::cluster::helm_env::HelmVariables;
use crate::unblock::{Options, Rules};

/// Delete the finished Jobs that the manifests on stdin cannot change, then write the manifests
///
/// jobsweep deletes a Job if it has finished, the new manifest changes an immutable field, and the policy of the new manifest allows
/// it. If one Job in the way may not be deleted, it deletes none, and writes no manifest.
#[derive(Debug, Parser)]
#[command(override_usage = "jobsweep --unblock [OPTIONS] < MANIFESTS > TRANSLATED")]
#[command(next_help_heading = "Unblock")]
pub struct Unblock {
    /// The namespace of Jobs whose manifest names none [default: Helm's, $HELM_NAMESPACE, or the pod's]
    #[arg(short, long, value_name = "NAME", value_parser = super::namespace)]
    namespace: Option<String>,

    /// The Helm release of the manifests, if no Helm calls: a Job of another release must stay
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    release: Option<String>,

    /// Count a failed Job as in the way though its manifest has not changed, so that it runs again
    #[arg(long)]
    retry_failed: bool,

    /// Delete what is in the way whether or not it has finished, and whatever its policy says
    ///
    /// Jobs of others and ignored Jobs stay. jobsweep waits until the pods are gone too.
    #[arg(long)]
    force: bool,

    /// Do not look for the Helm that runs this as its post-renderer
    ///
    /// Then --namespace, --context and --kubeconfig say where the manifests are applied.
    #[arg(long)]
    no_caller: bool,

    /// Also say on stderr which Helm calls, and which cluster and namespace that means
    #[arg(short, long)]
    verbose: bool,

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
    pub fn options(mut self) -> Result<(Options, FilterArgs), String> {
        let policy = self.filter.default_policy.clone().unwrap_or_else(policy_in_environment);
        if [NO_POLICY, BEFORE_HOOK_CREATION].contains(&&*policy) {
            // The filter gives no Job a policy.
            self.filter.default_policy = Some(String::new());
        }
        let options = Options {
            connection: self.cluster.connection(HelmVariables::Always),
            namespace: self.namespace,
            timeout: self.cluster.timeout,
            dry_run: self.cluster.is_dry_run()?,
            looks_for_caller: !self.no_caller,
            verbose: self.verbose,
            release: self.release,
            rules: Rules {
                once: self.cluster.once,
                retry_failed: self.retry_failed,
                force: self.force,
                needs_policy: policy == NO_POLICY,
            },
        };
        Ok((options, self.filter))
    }
}

//! Which cluster and namespace: those of the Helm that calls, or those that the options name.

use std::path::PathBuf;

use super::{Blocked, Options, note};
use crate::cluster::caller::HelmCall;
use crate::cluster::connect::{self, Connection};
use crate::cluster::error::Error;
use crate::cluster::helm_env::{HelmVariables, started_by_helm};
use crate::cluster::variable;
use crate::console::Console;
use crate::error::ExitCode;
use crate::escape::quoted;

pub(super) struct Target {
    pub cluster: connect::Target,
    /// The namespace of manifests that name none.
    pub namespace: Option<String>,
}

/// Sends no request.
///
/// # Errors
/// There is no cluster, or the options and Helm name different ones.
pub(super) async fn find(
    options: &Options,
    call: Option<&HelmCall>,
    console: &Console,
) -> Result<Target, Blocked> {
    let Some(call) = call else { return Ok(of_options(options).await?) };
    let cluster = connect::Target::find(&helms_connection(call)).await?;
    let namespace = cluster.default_namespace().to_owned();
    let context = cluster.context.as_deref().unwrap_or("none");
    note(&format!("called by {call}, namespace {namespace}, context {context}"), options, console);
    let target = Target { cluster, namespace: Some(namespace) };
    let own = with_options(options, call, &target).await?;
    if let Some(difference) = own.and_then(|own| difference(&own, &target)) {
        let advice = "leave --namespace, --context and --kubeconfig out: those of Helm count";
        return Err(Blocked::new(ExitCode::Usage, format!("{difference}; {advice}")));
    }
    Ok(target)
}

async fn of_options(options: &Options) -> Result<Target, Error> {
    let mut connection = options.connection.clone();
    if connection.kubeconfig.is_some() || connection.context.is_some() {
        // The variables belong to another cluster.
        connection.helm_variables = HelmVariables::Never;
    }
    let cluster = connect::Target::find(&connection).await?;
    // A Helm that runs a plugin sets the variable to its own namespace, which may be another one.
    let by_variable = || variable("HELM_NAMESPACE").filter(|_| !started_by_helm());
    let namespace = options.namespace.clone().or_else(by_variable).or_else(|| cluster.pod_namespace.clone());
    Ok(Target { cluster, namespace })
}

fn helms_connection(call: &HelmCall) -> Connection {
    let kubeconfig = call.cluster.variable("KUBECONFIG").filter(|file| !file.is_empty());
    Connection {
        kubeconfig: kubeconfig.map(PathBuf::from),
        context: None,
        helm_variables: HelmVariables::Always,
        helm_flags: call.cluster.clone(),
    }
}

/// The target that the options name, with what they leave out as Helm has it. `None` if they name nothing.
async fn with_options(options: &Options, call: &HelmCall, helm: &Target) -> Result<Option<Target>, Error> {
    let Connection { kubeconfig, context, .. } = &options.connection;
    if kubeconfig.is_none() && context.is_none() && options.namespace.is_none() {
        return Ok(None);
    }
    let mut connection = helms_connection(call);
    if kubeconfig.is_some() || context.is_some() {
        let of_helm = connection.helm_flags.variable("HELM_KUBECONTEXT").filter(|name| !name.is_empty());
        let of_helm = of_helm.or_else(|| variable("HELM_KUBECONTEXT"));
        connection.context = context.clone().or(of_helm);
        connection.kubeconfig = kubeconfig.clone().or(connection.kubeconfig);
        connection.helm_variables = HelmVariables::Never;
        connection.helm_flags = Default::default();
    }
    let cluster = connect::Target::find(&connection).await?;
    let namespace = options.namespace.clone().or_else(|| helm.cluster.helm_namespace.clone());
    let namespace = namespace.unwrap_or_else(|| cluster.config.default_namespace.clone());
    Ok(Some(Target { cluster, namespace: Some(namespace) }))
}

/// What the two targets do not have in common.
fn difference(own: &Target, helm: &Target) -> Option<String> {
    let server = |target: &Target| target.cluster.config.cluster_url.to_string();
    let user = |target: &Target| serde_json::to_value(&target.cluster.config.auth_info).ok();
    let context = |target: &Target| quoted(target.cluster.context.as_deref().unwrap_or_default());
    let namespace = |target: &Target| quoted(target.namespace.as_deref().unwrap_or_default());
    let differ = |what: &str, helm: String, own: String| {
        Some(format!("Helm uses {what} {helm}, and the options name {own}"))
    };
    if server(own) != server(helm) {
        differ("the server", server(helm), server(own))
    } else if user(own) != user(helm) {
        differ("the user of context", context(helm), format!("that of {}", context(own)))
    } else if own.namespace != helm.namespace {
        differ("namespace", namespace(helm), namespace(own))
    } else {
        None
    }
}

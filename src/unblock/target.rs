//! Which cluster and namespace: those of the Helm that calls, or those that the options name.

use std::path::PathBuf;

use super::{Options, Stop, note};
use crate::cluster::caller::HelmCall;
use crate::cluster::connect::{self, Connection};
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
    console: &mut Console,
) -> Result<Target, Stop> {
    let Some(call) = call else { return of_options(options).await };
    let target = of_helm(call).await?;
    let namespace = target.namespace.as_deref().unwrap_or_default();
    let context = target.cluster.context.as_deref().unwrap_or("none");
    note(&format!("called by {call}, namespace {namespace}, context {context}"), options, console);
    let own = with_options(options, call).await?;
    if let Some(difference) = own.and_then(|own| difference(&own, &target)) {
        let advice = "leave --namespace, --context and --kubeconfig out: those of Helm count";
        return Err(Stop::Wrong(ExitCode::Usage, format!("{difference}; {advice}")));
    }
    Ok(target)
}

async fn of_options(options: &Options) -> Result<Target, Stop> {
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

async fn of_helm(call: &HelmCall) -> Result<Target, Stop> {
    let cluster = connect::Target::find(&helms_connection(call)).await?;
    let namespace = Some(cluster.default_namespace().to_owned());
    Ok(Target { cluster, namespace })
}

fn helms_connection(call: &HelmCall) -> Connection {
    let kubeconfig = call.cluster.kubeconfig.clone().filter(|file| !file.is_empty());
    Connection {
        kubeconfig: kubeconfig.map(PathBuf::from),
        context: None,
        helm_variables: HelmVariables::Always,
        helm_flags: call.cluster.clone(),
    }
}

/// The target that the options name, with what they leave out as Helm has it. `None` if they name nothing.
async fn with_options(options: &Options, call: &HelmCall) -> Result<Option<Target>, Stop> {
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
    let of_helm = call.cluster.namespace.clone().filter(|name| !name.is_empty());
    let of_helm = of_helm.or_else(|| variable("HELM_NAMESPACE"));
    let namespace = options.namespace.clone().or(of_helm);
    let namespace = namespace.unwrap_or_else(|| cluster.config.default_namespace.clone());
    Ok(Some(Target { cluster, namespace: Some(namespace) }))
}

/// What the two targets do not have in common.
fn difference(own: &Target, helm: &Target) -> Option<String> {
    let server = |target: &Target| target.cluster.config.cluster_url.to_string();
    let user = |target: &Target| serde_json::to_value(&target.cluster.config.auth_info).ok();
    let context = |target: &Target| quoted(target.cluster.context.as_deref().unwrap_or_default());
    let namespace = |target: &Target| target.namespace.clone().unwrap_or_default();
    if server(own) != server(helm) {
        Some(format!("Helm uses the server {}, and the options name {}", server(helm), server(own)))
    } else if user(own) != user(helm) {
        Some(format!(
            "Helm uses the user of context {}, and the options name that of {}",
            context(helm),
            context(own)
        ))
    } else if own.namespace != helm.namespace {
        let (helm, own) = (quoted(&namespace(helm)), quoted(&namespace(own)));
        Some(format!("Helm uses namespace {helm}, and the options name {own}"))
    } else {
        None
    }
}

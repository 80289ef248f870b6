//! Which cluster and namespace: those of the Helm that calls, or those that the options name.

use std::path::PathBuf;

use super::{Blocked, Options, note};
use crate::cluster::caller::HelmCall;
use crate::cluster::connect::{self, Connection};
use crate::cluster::error::Error;
use crate::cluster::helm_env::started_by_helm;
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
    if let Some(difference) = difference(options, call, &cluster).await? {
        let advice = "leave --namespace, --context and --kubeconfig out: those of Helm count";
        return Err(Blocked::new(ExitCode::Usage, format!("{difference}; {advice}")));
    }
    Ok(Target { cluster, namespace: Some(namespace) })
}

async fn of_options(options: &Options) -> Result<Target, Error> {
    let mut connection = options.connection.clone();
    if connection.kubeconfig.is_some() || connection.context.is_some() {
        // The variables belong to another cluster.
        connection.helm_variables = false;
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
        helm_variables: true,
        helm_flags: call.cluster.clone(),
    }
}

/// What the options name otherwise than Helm, if anything. What they leave out is as Helm has it.
async fn difference(
    options: &Options,
    call: &HelmCall,
    helm: &connect::Target,
) -> Result<Option<String>, Error> {
    let differ = |what: &str, helm: &str, own: &str| {
        Ok(Some(format!("Helm uses {what} {helm}, and the options name {own}")))
    };
    let Connection { kubeconfig, context, .. } = &options.connection;
    let mut namespace = options.namespace.clone();
    if kubeconfig.is_some() || context.is_some() {
        let by_flag = call.cluster.variable("HELM_KUBECONTEXT");
        let helms_context = by_flag.or_else(|| variable("HELM_KUBECONTEXT")).filter(|name| !name.is_empty());
        let connection = Connection {
            kubeconfig: kubeconfig.clone().or(helms_connection(call).kubeconfig),
            context: context.clone().or(helms_context),
            ..Connection::default()
        };
        let own = connect::Target::find(&connection).await?;
        let server = |target: &connect::Target| target.config.cluster_url.to_string();
        let user = |target: &connect::Target| serde_json::to_value(&target.config.auth_info).ok();
        let context = |target: &connect::Target| quoted(target.context.as_deref().unwrap_or_default());
        if server(&own) != server(helm) {
            return differ("the server", &server(helm), &server(&own));
        }
        if user(&own) != user(helm) {
            return differ("the user of context", &context(helm), &format!("that of {}", context(&own)));
        }
        namespace = namespace.or_else(|| helm.helm_namespace.clone()).or(Some(own.config.default_namespace));
    }
    match namespace {
        Some(own) if own != helm.default_namespace() => {
            differ("namespace", &quoted(helm.default_namespace()), &quoted(&own))
        }
        _ => Ok(None),
    }
}

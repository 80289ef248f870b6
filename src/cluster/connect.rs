//! Where the cluster is and who we are there: kubeconfig, pod, or what Helm hands to a plugin.

use std::env;
use std::path::{Path, PathBuf};

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use secrecy::{ExposeSecret, SecretString};

use crate::cluster::api::Failure;

/// How we call ourselves before the API server.
const USER_AGENT: &str = concat!("jobsweep/", env!("CARGO_PKG_VERSION"));

/// Which cluster is meant, if not the usual one.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// The kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig.
    pub context: Option<String>,
}

/// A cluster that was found.
pub(crate) struct Target {
    /// How to connect to it.
    pub config: Config,
    /// The namespace of the pod that we run in, if it is how the cluster was found.
    pub pod_namespace: Option<String>,
}

impl Target {
    /// Finds the cluster as kubectl does: the kubeconfig named, else `$KUBECONFIG`, else `~/.kube/config`, else the
    /// pod that we are in. Run by Helm as a plugin, its flags count like our own.
    pub(crate) async fn find(connection: &Connection) -> Result<Self, Failure> {
        let helm = Helm::from_env();
        let context = connection.context.clone().or(helm.context.clone());
        let in_pod = connection.kubeconfig.is_none() && context.is_none() && !has_kubeconfig() && in_pod();
        let (mut config, pod_namespace) = if in_pod {
            let config = Config::incluster().map_err(failed)?;
            let namespace = config.default_namespace.clone();
            (config, Some(namespace))
        } else {
            // On a thread of its own: what is named may be a pipe that nobody writes to yet.
            let path = connection.kubeconfig.clone();
            let read = move || path.map_or_else(Kubeconfig::read, Kubeconfig::read_from);
            let kubeconfig = crate::background::run(read).await.map_err(failed)?;
            let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
            let config = Config::from_custom_kubeconfig(kubeconfig.map_err(failed)?, &options)
                .await
                .map_err(failed)?;
            (config, None)
        };
        helm.apply(&mut config)?;
        check_token(&config)?;
        // Retries are ours: they heed Retry-After and the deadline.
        config.default_retry = false;
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        Ok(Self { config, pod_namespace })
    }
}

/// What Helm tells a plugin in its environment, where it counts only if it was Helm that started us.
#[derive(Default)]
struct Helm {
    namespace: Option<String>,
    context: Option<String>,
    server: Option<String>,
    token: Option<String>,
    ca_file: Option<String>,
    server_name: Option<String>,
    insecure: bool,
    user: Option<String>,
    groups: Option<String>,
}

/// Whether Helm started us as its plugin, and with `--debug`.
pub(crate) fn helm_debug() -> bool {
    by_helm() && set("HELM_DEBUG").is_some_and(|value| is_true(&value))
}

impl Helm {
    fn from_env() -> Self {
        if !by_helm() {
            return Self::default();
        }
        Self {
            namespace: set("HELM_NAMESPACE"),
            context: set("HELM_KUBECONTEXT"),
            server: set("HELM_KUBEAPISERVER"),
            token: set("HELM_KUBETOKEN"),
            ca_file: set("HELM_KUBECAFILE"),
            server_name: set("HELM_KUBETLS_SERVER_NAME"),
            insecure: set("HELM_KUBEINSECURE_SKIP_TLS_VERIFY").is_some_and(|value| is_true(&value)),
            user: set("HELM_KUBEASUSER"),
            groups: set("HELM_KUBEASGROUPS"),
        }
    }

    fn apply(self, config: &mut Config) -> Result<(), Failure> {
        let Self { namespace, context: _, server, token, ca_file, server_name, insecure, user, groups } =
            self;
        if let Some(namespace) = namespace {
            config.default_namespace = namespace;
        }
        if let Some(server) = server {
            config.cluster_url = server.parse().map_err(failed)?;
        }
        if let Some(token) = token {
            config.auth_info =
                kube::config::AuthInfo { token: Some(SecretString::from(token)), ..Default::default() };
        }
        if let Some(file) = ca_file {
            config.root_cert_file = Some(PathBuf::from(file));
        }
        config.tls_server_name = server_name.or(config.tls_server_name.take());
        config.accept_invalid_certs |= insecure;
        config.auth_info.impersonate = user.or(config.auth_info.impersonate.take());
        let groups = groups.map(|groups| groups.split(',').map(str::to_owned).collect());
        config.auth_info.impersonate_groups = groups.or(config.auth_info.impersonate_groups.take());
        Ok(())
    }
}

/// The client below would panic on a token that cannot be sent.
fn check_token(config: &Config) -> Result<(), Failure> {
    let token = config.auth_info.token.as_ref().map(ExposeSecret::expose_secret);
    match token.map(http::HeaderValue::from_str) {
        Some(Err(_)) => Err(Failure::Config("the token has a character that no HTTP header can have".into())),
        _ => Ok(()),
    }
}

fn by_helm() -> bool {
    ["HELM_PLUGIN_NAME", "HELM_PLUGIN_DIR", "HELM_BIN"].into_iter().any(|name| set(name).is_some())
}

fn has_kubeconfig() -> bool {
    let home = env::home_dir().map(|home| home.join(".kube/config"));
    set("KUBECONFIG").is_some() || home.is_some_and(|path| path.exists())
}

fn in_pod() -> bool {
    set("KUBERNETES_SERVICE_HOST").is_some()
        && Path::new("/var/run/secrets/kubernetes.io/serviceaccount/token").exists()
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_true(value: &str) -> bool {
    matches!(value, "true" | "1")
}

fn failed(error: impl std::error::Error + 'static) -> Failure {
    Failure::Config(crate::cluster::api::chain(&error))
}

//! Finds the cluster and the credentials: kubeconfig, the pod's ServiceAccount, and Helm's environment variables.
//!
//! `Config::infer` of kube is not used: if the kubeconfig cannot be used, it takes the pod's ServiceAccount without a word.

use std::env;
use std::path::{Path, PathBuf};

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use secrecy::ExposeSecret;
use tokio::task::spawn_blocking;

use crate::cluster::caller::ClusterFlags;
use crate::cluster::error::Error;
use crate::cluster::helm_env::{self, HelmVariables};
use crate::cluster::variable;

const USER_AGENT: &str = concat!("jobsweep/", env!("CARGO_PKG_VERSION"));

/// How to find the cluster.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// The kubeconfig file. The default is `$KUBECONFIG`, `~/.kube/config`, or the pod's ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. The default is its current context.
    pub context: Option<String>,
    /// When Helm's environment variables count. `context` has precedence over them.
    pub helm_variables: HelmVariables,
    /// Flags of Helm, which have precedence over its variables.
    pub helm_flags: ClusterFlags,
}

pub(crate) struct Target {
    pub config: Config,
    /// The context of the kubeconfig.
    pub context: Option<String>,
    pub pod_namespace: Option<String>,
    pub helm_namespace: Option<String>,
}

impl Target {
    /// Finds the cluster as kubectl does, and then applies Helm's variables. Sends no request.
    pub(crate) async fn find(connection: &Connection) -> Result<Self, Error> {
        let helm_variables_count = connection.helm_variables.count();
        let helm_variable = |name: &str| match connection.helm_flags.variable(name) {
            Some(flag) => Some(flag).filter(|value| !value.is_empty()),
            None => helm_variables_count.then(|| variable(name)).flatten(),
        };
        let context = connection.context.clone().or_else(|| helm_variable("HELM_KUBECONTEXT"));
        let by_pod = connection.kubeconfig.is_none() && context.is_none() && !has_kubeconfig() && in_pod();
        let (mut config, context) = if by_pod {
            (Config::incluster().map_err(Error::config)?, None)
        } else {
            from_kubeconfig(connection.kubeconfig.clone(), context).await?
        };
        let pod_namespace = by_pod.then(|| config.default_namespace.clone());
        helm_env::apply(&mut config, helm_variable)?;
        check_scheme(&config)?;
        check_token(&config)?;
        // kube's retries know neither Retry-After nor the deadline.
        config.default_retry = false;
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        Ok(Self { config, context, pod_namespace, helm_namespace: helm_variable("HELM_NAMESPACE") })
    }

    pub(crate) fn default_namespace(&self) -> &str {
        self.helm_namespace.as_deref().unwrap_or(&self.config.default_namespace)
    }
}

async fn from_kubeconfig(
    path: Option<PathBuf>,
    context: Option<String>,
) -> Result<(Config, Option<String>), Error> {
    // The path may name a pipe that has no writer yet, so another thread waits for it.
    let read = move || path.map_or_else(read_of_environment, Kubeconfig::read_from);
    let kubeconfig = spawn_blocking(read).await.map_err(Error::config)?.map_err(Error::config)?;
    let name = context.clone().or_else(|| kubeconfig.current_context.clone());
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(Error::config)?;
    Ok((config, name))
}

/// kubectl skips the files in `KUBECONFIG` that do not exist. kube refuses them.
fn read_of_environment() -> Result<Kubeconfig, KubeconfigError> {
    let list = variable("KUBECONFIG").unwrap_or_default();
    let existing = env::split_paths(&list).filter(|file| file.exists());
    let merged = existing.map(Kubeconfig::read_from).reduce(|all, next| all?.merge(next?));
    merged.unwrap_or_else(Kubeconfig::read)
}

/// kube's client panics on an address without a scheme.
fn check_scheme(config: &Config) -> Result<(), Error> {
    match config.cluster_url.scheme_str() {
        Some("http" | "https") => Ok(()),
        _ => {
            Err(Error::Config(format!("the server address {} must begin with https://", config.cluster_url)))
        }
    }
}

/// kube's client panics on a token that no HTTP header can hold.
fn check_token(config: &Config) -> Result<(), Error> {
    let token = config.auth_info.token.as_ref().map(ExposeSecret::expose_secret);
    match token.map(http::HeaderValue::from_str) {
        Some(Err(_)) => Err(Error::Config("the token has a character that no HTTP header can have".into())),
        _ => Ok(()),
    }
}

fn has_kubeconfig() -> bool {
    let home = env::home_dir().map(|home| home.join(".kube/config"));
    variable("KUBECONFIG").is_some() || home.is_some_and(|path| path.exists())
}

fn in_pod() -> bool {
    variable("KUBERNETES_SERVICE_HOST").is_some()
        && Path::new("/var/run/secrets/kubernetes.io/serviceaccount/token").exists()
}

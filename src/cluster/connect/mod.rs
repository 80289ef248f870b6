//! Finds the cluster and the credentials: kubeconfig, the pod's ServiceAccount, and Helm's environment variables. Makes kube's client.
//!
//! The oracle is kubectl: `tests/kubeconfig` runs both with the same kubeconfig and environment. Where kube differs, the module that
//! corrects it says so.
//!
//! - `kubeconfig` reads the files, and chooses cluster, user and namespace.
//! - `proxy` says which proxy a request takes (pure).
//! - `plugin` runs a credential plugin.
//! - `client` makes kube's client, with the `verifier` of the server's certificate.

mod client;
mod kubeconfig;
mod plugin;
mod proxy;
mod verifier;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderValue, Uri, header};
use kube::config::ExecAuthCluster;
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use tokio::time::Instant;

use crate::cluster::caller::ClusterFlags;
use crate::cluster::error::{Error, chain};
use crate::cluster::helm_env;
use crate::cluster::variable;
pub(crate) use kubeconfig::Chosen;

const USER_AGENT: &str = concat!("jobsweep/", env!("CARGO_PKG_VERSION"));
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How long a connection may take. This is shorter than the limit of a response, so that a request that waited for a connection in vain
/// was certainly not carried out.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// How to find the cluster.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// The kubeconfig file. The default is `$KUBECONFIG`, `~/.kube/config`, or the pod's ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. The default is its current context.
    pub context: Option<String>,
    /// Whether Helm's environment variables count. `context` has precedence over them.
    pub helm_variables: bool,
    /// Flags of Helm, which have precedence over its variables.
    pub helm_flags: ClusterFlags,
}

/// A cluster, and the user of it.
pub(crate) struct Target {
    /// With the plugin or the file that has the credentials, but without these.
    pub(crate) config: Config,
    /// The context of the kubeconfig.
    pub(crate) context: Option<String>,
    /// Where all this is from, for messages.
    origin: String,
    pub(crate) pod_namespace: Option<String>,
    pub(crate) helm_namespace: Option<String>,
}

impl Target {
    /// Finds the cluster as kubectl does, with Helm's flags and variables in place of kubectl's options. Sends no request.
    pub(crate) async fn find(connection: &Connection) -> Result<Self, Error> {
        let helm_variable = |name: &str| match connection.helm_flags.variable(name) {
            Some(flag) => Some(flag).filter(|value| !value.is_empty()),
            None => connection.helm_variables.then(|| variable(name)).flatten(),
        };
        let context = connection.context.clone().or_else(|| helm_variable("HELM_KUBECONTEXT"));
        let mut chosen = kubeconfig::choose(connection.kubeconfig.clone(), context).await?;
        helm_env::apply(&mut chosen, helm_variable);
        let by_pod = chosen.cluster.server.is_none() && is_in_pod();
        if by_pod {
            choose_pod(&mut chosen);
        }
        Ok(Self {
            context: chosen.context.clone(),
            origin: chosen.origin.clone(),
            config: configure(chosen)?,
            pod_namespace: by_pod.then(pod_namespace),
            helm_namespace: helm_variable("HELM_NAMESPACE"),
        })
    }

    pub(crate) fn default_namespace(&self) -> &str {
        self.helm_namespace.as_deref().unwrap_or(&self.config.default_namespace)
    }

    /// kube's client. Reads the credentials, or runs the credential plugin until the deadline at most, but sends no request. Credentials
    /// that the API server refuses may have been replaced: the next client has the new ones.
    pub(crate) async fn client(&self, deadline: Option<Instant>) -> Result<Client, Error> {
        let mut config = self.config.clone();
        let user = &mut config.auth_info;
        // To `kube` 5.0, the line break at the end of a file is a part of the token, and `token` has precedence over `tokenFile`.
        if let Some(file) = user.token_file.take() {
            match fs::read_to_string(&file) {
                Ok(token) => user.token = Some(token.trim().into()),
                Err(_) if user.token.is_some() => {}
                Err(error) => return Err(self.error(&format!("the token file {file}: {error}"))),
            }
        }
        if let Some(exec) = user.exec.take() {
            plugin::authenticate(user, &exec, &self.origin, deadline).await?;
        }
        // kube's client panics on such a token.
        if json!(user)["token"].as_str().is_some_and(|token| HeaderValue::from_str(token).is_err()) {
            return Err(self.error("the token has a character that no HTTP header can have"));
        }
        client::client(&config).map_err(|why| self.error(&why.to_string()))
    }

    fn error(&self, why: &str) -> Error {
        Error::Credentials(format!("{}: {why}", self.origin))
    }
}

fn configure(chosen: Chosen) -> Result<Config, Error> {
    let Chosen { cluster, mut user, namespace, origin, advice, .. } = chosen;
    let unusable = |why: String| Error::Config(format!("{origin}: {why}"));
    let address = cluster.server.as_deref().ok_or(Error::Config(advice))?;
    let server: Uri = address.parse().map_err(|error| unusable(format!("server {address}: {error}")))?;
    // kube's client panics on an address without a scheme.
    if !matches!(server.scheme_str(), Some("http" | "https")) {
        return Err(unusable(format!("the server address {address} must begin with https://")));
    }
    if server.scheme_str() == Some("http") {
        // As in client-go, credentials need TLS.
        (user.token, user.token_file, user.username, user.exec, user.auth_provider) = Default::default();
    }
    let proxy = proxy::proxy(&server, cluster.proxy_url.as_deref(), variable).map_err(unusable)?;
    let exec_cluster = ExecAuthCluster::try_from(&cluster).map_err(|error| unusable(chain(&error)))?;
    let certificate_authority = exec_cluster.certificate_authority_data.as_deref().map(certificates);
    let has_other = user.token.is_some()
        || user.token_file.is_some()
        || user.username.is_some()
        || user.client_certificate.is_some()
        || user.client_certificate_data.is_some();
    user.exec.take_if(|_| has_other);
    if let Some(exec) = &mut user.exec {
        exec.cluster = exec.provide_cluster_info.then_some(exec_cluster);
    }

    let mut config = Config::new(server);
    let namespace = namespace.or_else(|| is_in_pod().then(pod_namespace));
    config.default_namespace = namespace.unwrap_or_else(|| "default".to_owned());
    config.root_cert = certificate_authority.transpose().map_err(unusable)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify == Some(true);
    config.tls_server_name = cluster.tls_server_name;
    config.proxy_url = proxy;
    config.auth_info = user;
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.headers.push((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
    Ok(config)
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| format!("the certificate authority: {error}"))?;
    if certificates.is_empty() {
        return Err("the certificate authority has no certificate".to_owned());
    }
    Ok(certificates.into_iter().map(|certificate| certificate.to_vec()).collect())
}

/// The conditions of client-go.
fn is_in_pod() -> bool {
    let is_set = |name: &str| variable(name).is_some();
    let has_token = || Path::new(SERVICE_ACCOUNT).join("token").is_file();
    is_set("KUBERNETES_SERVICE_HOST") && is_set("KUBERNETES_SERVICE_PORT") && has_token()
}

/// The ServiceAccount of the pod, unless Helm's variables name a token or a certificate authority.
fn choose_pod(chosen: &mut Chosen) {
    let part = |name: &str| variable(name).unwrap_or_default();
    let (host, port) = (part("KUBERNETES_SERVICE_HOST"), part("KUBERNETES_SERVICE_PORT"));
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    chosen.cluster.server = Some(format!("https://{host}:{port}"));
    chosen.cluster.certificate_authority.get_or_insert_with(|| format!("{SERVICE_ACCOUNT}/ca.crt"));
    if chosen.user.token.is_none() {
        chosen.user.token_file = Some(format!("{SERVICE_ACCOUNT}/token"));
    }
    chosen.origin = "the pod's ServiceAccount".to_owned();
}

fn pod_namespace() -> String {
    let file = || fs::read_to_string(Path::new(SERVICE_ACCOUNT).join("namespace")).ok();
    let name = variable("POD_NAMESPACE").or_else(file).unwrap_or_default().trim().to_owned();
    if name.is_empty() { "default".to_owned() } else { name }
}

#[cfg(test)]
impl From<Config> for Target {
    fn from(config: Config) -> Self {
        let origin = "a test".to_owned();
        Self { config, context: None, origin, pod_namespace: None, helm_namespace: None }
    }
}

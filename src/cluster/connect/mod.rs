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

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderValue, Uri, header};
use k8s_openapi::ByteString;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster};
use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::cluster::helm_env::{self, HelmVariables};
use crate::cluster::variable;
pub(crate) use kubeconfig::Chosen;
use plugin::Plugin;

const USER_AGENT: &str = concat!("jobsweep/", env!("CARGO_PKG_VERSION"));
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How long a connection may take. This is shorter than any limit of a response, so that a request that waited for a connection in
/// vain was certainly not carried out.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// How to find the cluster.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// The kubeconfig file. The default is `$KUBECONFIG`, `~/.kube/config`, or the pod's ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig. The default is its current context.
    pub context: Option<String>,
    /// When Helm's environment variables count. `context` has precedence over them.
    pub helm_variables: HelmVariables,
}

/// Why there is no client.
#[derive(Debug, Clone)]
pub(crate) enum ConnectError {
    /// The kubeconfig or the environment.
    Unusable(String),
    Credentials(String),
    PluginHangs {
        plugin: String,
        limit: Duration,
    },
}

impl ConnectError {
    fn unusable(error: impl std::error::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(why) | Self::Credentials(why) => f.write_str(why),
            Self::PluginHangs { plugin, limit } => {
                let seconds = limit.as_secs_f64().round();
                write!(f, "the credential plugin {plugin} returned nothing within {seconds} s")
            }
        }
    }
}

impl std::error::Error for ConnectError {}

/// A cluster, and the user of it.
pub(crate) struct Target {
    /// Without the credentials of a plugin or a file, which are read for each client.
    pub(crate) config: Config,
    plugin: Option<Plugin>,
    token_file: Option<PathBuf>,
    /// Where all this is from, for messages.
    origin: String,
    pub(crate) pod_namespace: Option<String>,
    pub(crate) helm_namespace: Option<String>,
}

impl Target {
    /// Finds the cluster as kubectl does, with Helm's variables in place of kubectl's options. Sends no request.
    pub(crate) async fn find(connection: &Connection) -> Result<Self, ConnectError> {
        let helm_variables_count = connection.helm_variables.count();
        let helm_variable = |name: &str| helm_variables_count.then(|| variable(name)).flatten();
        let context = connection.context.clone().or_else(|| helm_variable("HELM_KUBECONTEXT"));
        let mut chosen = kubeconfig::choose(connection.kubeconfig.clone(), context).await?;
        helm_env::apply(&mut chosen, helm_variable);
        let by_pod = chosen.cluster.server.is_none() && is_in_pod();
        if by_pod {
            choose_pod(&mut chosen);
        }
        let pod_namespace = by_pod.then(pod_namespace);
        let mut target = Self::new(chosen)?;
        target.pod_namespace = pod_namespace;
        target.helm_namespace = helm_variable("HELM_NAMESPACE");
        Ok(target)
    }

    fn new(chosen: Chosen) -> Result<Self, ConnectError> {
        let Chosen { cluster, user, namespace, origin, advice } = chosen;
        let unusable = |why: String| ConnectError::Unusable(format!("{origin}: {why}"));
        let address = cluster.server.as_deref().ok_or(ConnectError::Unusable(advice))?;
        let server: Uri = address.parse().map_err(|error| unusable(format!("server {address}: {error}")))?;
        // kube's client panics on an address without a scheme.
        if !matches!(server.scheme_str(), Some("http" | "https")) {
            return Err(unusable(format!("the server address {address} must begin with https://")));
        }
        // As in client-go. kube sends credentials without TLS too.
        let mut user = if server.scheme_str() == Some("https") { user } else { without_credentials(user) };
        let proxy = proxy::proxy(&server, cluster.proxy_url.as_deref(), variable).map_err(unusable)?;

        let certificate_authority = certificate_authority(&cluster).map_err(unusable)?;
        let mut exec_cluster = exec_cluster(&cluster).map_err(|error| unusable(error.to_string()))?;
        exec_cluster.certificate_authority_data.clone_from(&certificate_authority);
        let exec = user.exec.take();
        let has_other = user.token.is_some()
            || user.token_file.is_some()
            || user.username.is_some()
            || user.client_certificate.is_some()
            || user.client_certificate_data.is_some();
        let plugin =
            exec.filter(|_| !has_other).map(|exec| Plugin::new(exec, exec_cluster, &origin)).transpose()?;
        let token_file = user.token_file.take().map(PathBuf::from);
        // As in client-go. kube sends nothing of a user without a password.
        if user.username.is_some() {
            user.password.get_or_insert_with(|| SecretString::from(""));
        }

        let mut config = Config::new(server);
        config.default_namespace =
            namespace.or_else(|| is_in_pod().then(pod_namespace)).unwrap_or_else(|| "default".to_owned());
        config.root_cert =
            certificate_authority.map(|pem| certificates(&pem)).transpose().map_err(unusable)?;
        config.accept_invalid_certs = cluster.insecure_skip_tls_verify == Some(true);
        config.tls_server_name = cluster.tls_server_name;
        config.proxy_url = proxy;
        config.auth_info = user;
        config.connect_timeout = Some(CONNECT_LIMIT);
        config.headers.push((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
        Ok(Self { config, plugin, token_file, origin, pod_namespace: None, helm_namespace: None })
    }

    pub(crate) fn default_namespace(&self) -> &str {
        self.helm_namespace.as_deref().unwrap_or(&self.config.default_namespace)
    }

    /// kube's client. Reads the credentials, or runs the credential plugin for `limit` at most, but sends no request. Credentials that
    /// the API server refuses may have been replaced: the next client has the new ones.
    pub(crate) async fn client(&self, limit: Duration) -> Result<Client, ConnectError> {
        let mut config = self.config.clone();
        if let Some(file) = &self.token_file {
            config.auth_info.token = Some(self.token(file)?);
        }
        if let Some(plugin) = &self.plugin {
            plugin.authenticate(&mut config.auth_info, limit).await?;
        }
        let error = |why: &str| ConnectError::Credentials(format!("{}: {why}", self.origin));
        // kube's client panics on such a token.
        let token = config.auth_info.token.as_ref().map(ExposeSecret::expose_secret);
        if token.is_some_and(|token| HeaderValue::from_str(token).is_err()) {
            return Err(error("the token has a character that no HTTP header can have"));
        }
        client::client(&config).map_err(|why| error(&why))
    }

    /// To `kube` 5.0, the line break at the end of a file is a part of the token, and `token` has precedence over `tokenFile`.
    fn token(&self, file: &Path) -> Result<SecretString, ConnectError> {
        let why = match (fs::read_to_string(file), &self.config.auth_info.token) {
            (Ok(text), _) if !text.trim().is_empty() => return Ok(SecretString::from(text.trim())),
            (_, Some(token)) => return Ok(token.clone()),
            (Ok(_), None) => "it is empty".to_owned(),
            (Err(error), None) => error.to_string(),
        };
        Err(ConnectError::Credentials(format!("{}: the token file {}: {why}", self.origin, file.display())))
    }
}

fn without_credentials(user: AuthInfo) -> AuthInfo {
    let AuthInfo { impersonate, impersonate_uid, impersonate_groups, impersonate_user_extra, .. } = user;
    AuthInfo {
        impersonate,
        impersonate_uid,
        impersonate_groups,
        impersonate_user_extra,
        ..AuthInfo::default()
    }
}

/// The cluster as a credential plugin gets it: the fields have the same names.
fn exec_cluster(cluster: &Cluster) -> Result<ExecAuthCluster, serde_json::Error> {
    let extension = |name: &str| cluster.extensions.iter().flatten().find(|extension| extension.name == name);
    let mut exec_cluster: ExecAuthCluster = serde_json::from_value(serde_json::to_value(cluster)?)?;
    exec_cluster.config = extension("client.authentication.k8s.io/exec").map(|found| found.extension.clone());
    Ok(exec_cluster)
}

fn certificate_authority(cluster: &Cluster) -> Result<Option<Vec<u8>>, String> {
    if let Some(data) = &cluster.certificate_authority_data {
        let decoded = serde_json::from_value::<ByteString>(Value::from(data.as_str()));
        return decoded
            .map(|pem| Some(pem.0))
            .map_err(|error| format!("certificate-authority-data: {error}"));
    }
    let read =
        |file: &String| fs::read(file).map_err(|error| format!("certificate-authority {file}: {error}"));
    cluster.certificate_authority.as_ref().map(read).transpose()
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
    is_set("KUBERNETES_SERVICE_HOST")
        && is_set("KUBERNETES_SERVICE_PORT")
        && Path::new(SERVICE_ACCOUNT).join("token").is_file()
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
impl Target {
    pub(crate) fn of(mut config: Config) -> Self {
        config.connect_timeout = Some(CONNECT_LIMIT);
        let origin = "a test".to_owned();
        Self { config, plugin: None, token_file: None, origin, pod_namespace: None, helm_namespace: None }
    }

    pub(crate) fn with_plugin(config: Config, exec: kube::config::ExecConfig) -> Self {
        let mut target = Self::of(config);
        target.plugin = Plugin::new(exec, ExecAuthCluster::default(), &target.origin).ok();
        target
    }
}

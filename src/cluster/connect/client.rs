//! Builds kube's client over hyper and rustls from a configuration.
//!
//! Kube's `ClientBuilder::try_from(config)` is not used, because `kube` 5.0 has no place for two things, which rows of
//! `tests/kubeconfig` show: it sends no credentials to a SOCKS5 proxy, and its verifier refuses a server's own certificate as
//! `certificate-authority`.

use std::sync::Arc;

use http::HeaderValue;
use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use k8s_openapi::ByteString;
use kube::client::{Body, Client, ClientBuilder, ConfigExt};
use kube::{Config, Error};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tower::{BoxError, ServiceExt};

use super::proxy::credentials;
use super::verifier::Verifier;

pub(super) fn client(config: &Config) -> Result<Client, String> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let tls = Tls::new(config)?;
    let client = match &config.proxy_url {
        None => finish(config, TimeoutConnector::new(tls.over(tcp))),
        Some(proxy) if proxy.scheme_str() == Some("socks5") => {
            let mut socks = SocksV5::new(proxy.clone(), tcp);
            if let Some((user, password)) = credentials(proxy) {
                socks = socks.with_auth(user, password);
            }
            finish(config, TimeoutConnector::new(tls.over(socks)))
        }
        Some(proxy) => {
            let mut tunnel = Tunnel::new(proxy.clone(), tls.over(tcp));
            if let Some((user, password)) = credentials(proxy) {
                tunnel = tunnel.with_auth(basic(&format!("{user}:{password}"))?);
            }
            finish(config, TimeoutConnector::new(tls.over(tunnel)))
        }
    };
    client.map_err(|error| error.to_string())
}

/// kube's limits and layers around a connector.
fn finish<C>(config: &Config, mut connector: TimeoutConnector<C>) -> Result<Client, Error>
where
    TimeoutConnector<C>: Connect + Clone + Send + Sync + 'static,
{
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let builder = ClientBuilder::new(http.map_err(BoxError::from), config.default_namespace.clone());
    let builder = builder.with_layer(&config.extra_headers_layer()?);
    let base = config.base_uri_layer();
    Ok(match config.auth_layer()? {
        Some(auth) => builder.with_layer(&auth).with_layer(&base).build(),
        None => builder.with_layer(&base).build(),
    })
}

struct Tls {
    config: Arc<ClientConfig>,
    names: Arc<dyn ResolveServerName + Send + Sync>,
}

impl Tls {
    fn new(config: &Config) -> Result<Self, String> {
        let mut tls = config.rustls_client_config().map_err(|error| error.to_string())?;
        if let (Some(roots), None, false) =
            (&config.root_cert, &config.root_cert_file, config.accept_invalid_certs)
        {
            tls.dangerous().set_certificate_verifier(Arc::new(Verifier::new(roots)?));
        }
        let names: Arc<dyn ResolveServerName + Send + Sync> = match &config.tls_server_name {
            None => Arc::new(DefaultServerNameResolver::default()),
            Some(name) => {
                let name = ServerName::try_from(name.clone())
                    .map_err(|error| format!("tls-server-name: {error}"))?;
                Arc::new(FixedServerNameResolver::new(name))
            }
        };
        Ok(Self { config: Arc::new(tls), names })
    }

    fn over<C>(&self, connector: C) -> HttpsConnector<C> {
        HttpsConnector::new(connector, Arc::clone(&self.config), false, Arc::clone(&self.names))
    }
}

fn basic(user_and_password: &str) -> Result<HeaderValue, String> {
    let encoded = serde_json::json!(ByteString(user_and_password.into()));
    let value = format!("Basic {}", encoded.as_str().unwrap_or_default());
    HeaderValue::try_from(value).map_err(|error| error.to_string())
}

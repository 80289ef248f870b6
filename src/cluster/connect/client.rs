//! Builds kube's client from a configuration.
//!
//! kube's `Client::try_from(config)` is not used, because `kube` 5.0 has no place for two things, which rows of `tests/kubeconfig`
//! show: it sends no credentials to a SOCKS5 proxy, and its verifier refuses a server's own certificate as `certificate-authority`.

use std::sync::Arc;

use http::HeaderValue;
use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
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
    tcp.set_connect_timeout(config.connect_timeout);
    let tls = Tls::new(config)?;
    let client = match &config.proxy_url {
        None => finish(config, tls.over(tcp)),
        Some(proxy) if proxy.scheme_str() == Some("socks5") => {
            let mut socks = SocksV5::new(proxy.clone(), tcp);
            if let Some((user, password)) = credentials(proxy) {
                socks = socks.with_auth(user, password);
            }
            finish(config, tls.over(socks))
        }
        Some(proxy) => {
            let mut tunnel = Tunnel::new(proxy.clone(), tls.over(tcp));
            if let Some((user, password)) = credentials(proxy) {
                let basic = format!("Basic {}", super::base64(format!("{user}:{password}")));
                tunnel = tunnel.with_auth(HeaderValue::try_from(basic).map_err(|error| error.to_string())?);
            }
            finish(config, tls.over(tunnel))
        }
    };
    client.map_err(|error| error.to_string())
}

/// kube's layers around a connector.
fn finish<C>(config: &Config, connector: C) -> Result<Client, Error>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let http = legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
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
        if let (Some(roots), false) = (&config.root_cert, config.accept_invalid_certs) {
            tls.dangerous().set_certificate_verifier(Arc::new(Verifier::new(roots)?));
        }
        let names: Arc<dyn ResolveServerName + Send + Sync> = match &config.tls_server_name {
            None => Arc::new(DefaultServerNameResolver::default()),
            Some(name) => {
                let name = ServerName::try_from(name.clone());
                Arc::new(FixedServerNameResolver::new(
                    name.map_err(|error| format!("tls-server-name: {error}"))?,
                ))
            }
        };
        Ok(Self { config: Arc::new(tls), names })
    }

    fn over<C>(&self, connector: C) -> HttpsConnector<C> {
        HttpsConnector::new(connector, Arc::clone(&self.config), false, Arc::clone(&self.names))
    }
}

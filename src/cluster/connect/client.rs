//! Builds kube's client from a configuration.
//!
//! kube's `Client::try_from(config)` is not used, because `kube` 5.0 has no place for two things, which rows of `tests/kubeconfig`
//! show: it sends no credentials to a SOCKS5 proxy, and its verifier refuses a server's own certificate as `certificate-authority`.

use std::sync::Arc;

use http::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioExecutor;
use kube::Config;
use kube::client::{Body, Client, ClientBuilder, ConfigExt};
use rustls::pki_types::ServerName;
use tower::util::option_layer;
use tower::{BoxError, ServiceExt};

use super::verifier::Verifier;

pub(super) fn client(config: &Config) -> Result<Client, BoxError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(config.connect_timeout);
    let Some(proxy) = &config.proxy_url else { return over(https(tcp, config)?, config) };
    let proxy = without_credentials(proxy).ok_or("no request can take the proxy")?;
    let address = proxy.uri().clone();
    if address.scheme_str() == Some("socks5") {
        let mut socks = SocksV5::new(address, tcp);
        if let Some((user, password)) = proxy.raw_auth() {
            socks = socks.with_auth(user.to_owned(), password.to_owned());
        }
        over(https(socks, config)?, config)
    } else {
        let mut tunnel = Tunnel::new(address, https(tcp, config)?);
        if let Some(basic) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(basic.clone());
        }
        over(https(tunnel, config)?, config)
    }
}

/// The address of a proxy, and the credentials that were in it.
fn without_credentials(proxy: &Uri) -> Option<Intercept> {
    Matcher::builder().all(proxy.to_string()).build().intercept(&Uri::from_static("https://server"))
}

/// TLS over a connector, for servers with `https`.
fn https<C>(connector: C, config: &Config) -> Result<HttpsConnector<C>, BoxError> {
    let mut tls = config.rustls_client_config()?;
    if let (Some(roots), false) = (&config.root_cert, config.accept_invalid_certs) {
        tls.dangerous().set_certificate_verifier(Arc::new(Verifier::new(roots)?));
    }
    let mut builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = ServerName::try_from(name.clone()).map_err(|error| format!("tls-server-name: {error}"))?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    Ok(builder.enable_http1().wrap_connector(connector))
}

/// kube's layers over a connector.
fn over<C>(connector: C, config: &Config) -> Result<Client, BoxError>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let http = legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    Ok(ClientBuilder::new(http.map_err(BoxError::from), config.default_namespace.clone())
        .with_layer(&config.extra_headers_layer()?)
        .with_layer(&option_layer(config.auth_layer()?))
        .with_layer(&config.base_uri_layer())
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_of_a_proxy_are_decoded() {
        for (proxy, expected) in [
            ("socks5://p:1", None),
            ("socks5://u:p@p:1", Some(("u", "p"))),
            ("socks5://u@p:1", Some(("u", ""))),
            ("socks5://u%40x:a%3Ab%2g%@p:1", Some(("u@x", "a:b%2g%"))),
        ] {
            let found = without_credentials(&proxy.parse().expect("an address")).expect("a proxy");
            assert_eq!(found.raw_auth(), expected, "{proxy}");
        }
    }
}

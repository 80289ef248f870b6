//! An API server without Jobs that records how it was reached.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Identity, common_name};

/// How a request reached the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The proxy with what it was asked for, or `direct`.
    pub through: String,
    /// The server's name in the TLS handshake.
    pub server_name: Option<String>,
    /// The name in the certificate of the client.
    pub certificate: Option<String>,
    /// `Authorization` and `Impersonate-…`.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The path before `/apis`.
    pub prefix: String,
    pub namespace: String,
}

/// The API server.
pub struct Server {
    pub address: SocketAddr,
    pub ways: Arc<Mutex<Vec<Way>>>,
}

/// The proxies by the local ports of their connections.
pub type Connections = Arc<Mutex<HashMap<u16, String>>>;

impl Server {
    /// Listens on this address. `connections` tells it from which proxy a connection is.
    pub async fn start(host: &str, identity: Option<Identity>, connections: Connections) -> Result<Self> {
        let listener = TcpListener::bind((host, 0)).await?;
        let address = listener.local_addr()?;
        let ways = Arc::new(Mutex::new(Vec::new()));
        let tls = identity.map(acceptor).transpose()?;
        let recorded = Arc::clone(&ways);
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (tls, connections, ways) = (tls.clone(), Arc::clone(&connections), Arc::clone(&recorded));
                tokio::spawn(async move {
                    let serve =
                        |request: Request<Incoming>, name: Option<String>, certificate: Option<String>| {
                            let through = lock(&connections).get(&peer.port()).cloned();
                            record(&request, through, name, certificate, &ways)
                        };
                    let builder = http1::Builder::new();
                    // A client that does not trust the server breaks the connection.
                    match tls {
                        None => {
                            let service =
                                service_fn(|request| std::future::ready(serve(request, None, None)));
                            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                        }
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            let session = stream.get_ref().1;
                            let name = session.server_name().map(str::to_owned);
                            let certificates = session.peer_certificates().unwrap_or_default();
                            let certificate = certificates.first().and_then(common_name);
                            let service = service_fn(|request| {
                                std::future::ready(serve(request, name.clone(), certificate.clone()))
                            });
                            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                        }
                    }
                });
            }
        });
        Ok(Self { address, ways })
    }

    /// The ways of the requests for Jobs since the last call, each once.
    pub fn take_ways(&self) -> Vec<Way> {
        let mut ways = std::mem::take(&mut *lock(&self.ways));
        ways.dedup();
        ways
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts TLS, and any certificate of a client, as kube-apiserver does until it looks at the request.
pub fn acceptor((chain, key): Identity) -> Result<TlsAcceptor> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let config =
        builder.with_client_cert_verifier(Arc::new(AnyClient(provider))).with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn record(
    request: &Request<Incoming>,
    through: Option<String>,
    server_name: Option<String>,
    certificate: Option<String>,
    ways: &Mutex<Vec<Way>>,
) -> Result<Response<Full<Bytes>>> {
    let path = request.uri().path();
    let (prefix, api) = match path.find("/api") {
        Some(at) => path.split_at(at),
        None => (path, ""),
    };
    if let Some(jobs) = api.strip_prefix("/apis/batch/v1/namespaces/") {
        let mut headers = BTreeMap::<_, Vec<String>>::new();
        for (name, value) in request.headers() {
            if *name == header::AUTHORIZATION || name.as_str().starts_with("impersonate-") {
                headers.entry(name.to_string()).or_default().push(value.to_str()?.to_owned());
            }
        }
        let namespace = jobs.split('/').next().unwrap_or_default().to_owned();
        let through = through.unwrap_or_else(|| "direct".to_owned());
        lock(ways).push(Way {
            through,
            server_name,
            certificate,
            headers,
            prefix: prefix.to_owned(),
            namespace,
        });
    }
    let (code, body) = response(api);
    Response::builder()
        .status(code)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .context("a response")
}

/// What kubectl asks to learn of Jobs, and an empty list of them.
fn response(api: &str) -> (u16, serde_json::Value) {
    let batch = json!({ "groupVersion": "batch/v1", "version": "v1" });
    let verbs = ["delete", "get", "list", "watch"];
    let body = match api {
        "/api" => json!({ "kind": "APIVersions", "versions": ["v1"] }),
        "/apis" => json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups":
            [{ "name": "batch", "versions": [batch], "preferredVersion": batch }] }),
        "/api/v1" => json!({ "kind": "APIResourceList", "groupVersion": "v1", "resources": [] }),
        "/apis/batch/v1" => {
            json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "batch/v1", "resources":
            [{ "name": "jobs", "singularName": "job", "namespaced": true, "kind": "Job", "verbs": verbs }] })
        }
        _ if api.ends_with("/jobs") => {
            json!({ "kind": "JobList", "apiVersion": "batch/v1", "metadata": { "resourceVersion": "1" }, "items": [] })
        }
        _ => {
            let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "reason": "NotFound", "code": 404, "message": "jobs.batch \"migrate\" not found" });
            return (404, status);
        }
    };
    (200, body)
}

#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

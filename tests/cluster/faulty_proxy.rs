//! A proxy between the program and the real API server that makes single requests fail, or acts at a chosen moment.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jobsweep_harness::control_plane::{ControlPlane, User};
use jobsweep_harness::kube::Client;
use jobsweep_harness::wait;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::setup::connection;

type Body = UnsyncBoxBody<Bytes, anyhow::Error>;

/// What the proxy does with a request.
pub enum Act {
    /// Answers with this code, a `Status` with this message, and perhaps `Retry-After`, instead of the API server.
    Answer(u16, &'static str, Option<u32>),
    /// Answers with this text instead of the API server.
    Text(&'static str),
    /// Does this, then forwards the request.
    First(BoxFuture<'static, Result<()>>),
    /// Forwards the request, and does this before the answer.
    Then(BoxFuture<'static, Result<()>>),
    /// Forwards the request, and breaks off the answer at this moment.
    CutAt(Arc<Notify>),
    /// Forwards the request, and changes each chunk of the answer.
    Rewrite(fn(String) -> String),
    /// Forwards the request, and breaks the connection instead of answering.
    LoseAnswer,
}

/// A request that the proxy received.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub uri: String,
    pub at: Instant,
}

struct Rule {
    method: &'static str,
    uri: String,
    acts: Vec<Act>,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    seen: Vec<Seen>,
    deletions: usize,
    most_deletions: usize,
}

/// The running proxy.
pub struct FaultyProxy {
    /// A kubeconfig for the proxy.
    pub kubeconfig: PathBuf,
    state: Arc<Mutex<State>>,
}

impl FaultyProxy {
    /// Starts the proxy for a user.
    pub async fn start(cluster: &ControlPlane, user: &User) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut config: Value = serde_json::from_slice(&fs::read(&user.kubeconfig)?)?;
        // Without TLS no client sends its credentials.
        config["clusters"][0]["cluster"]["server"] = format!("https://{}", listener.local_addr()?).into();
        let kubeconfig = user.kubeconfig.with_extension("proxy");
        fs::write(&kubeconfig, config.to_string())?;

        let state = Arc::new(Mutex::new(State::default()));
        let (upstream, shared) = (upstream(cluster).await?, Arc::clone(&state));
        let tls = acceptor(cluster)?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (upstream, state, tls) = (upstream.clone(), Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    let service =
                        service_fn(move |request| pass(upstream.clone(), Arc::clone(&state), request));
                    // Some tests break the connection.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { kubeconfig, state })
    }

    /// Applies these acts to the next requests with this method whose URI contains this text, one to each.
    pub fn on(&self, method: &'static str, uri: &str, acts: Vec<Act>) {
        self.lock().rules.push(Rule { method, uri: uri.to_owned(), acts });
    }

    /// All requests so far with this method whose URI contains this text.
    pub fn seen(&self, method: &str, uri: &str) -> Vec<Seen> {
        let all = self.lock().seen.clone();
        all.into_iter().filter(|seen| seen.method == method && seen.uri.contains(uri)).collect()
    }

    /// The largest number of deletions at the same time.
    pub fn most_deletions(&self) -> usize {
        self.lock().most_deletions
    }

    /// Waits for this number of such requests.
    pub async fn until_seen(&self, method: &str, uri: &str, count: usize) -> Result<()> {
        wait::until(&format!("{count} requests {method} {uri}"), || async {
            Ok((self.seen(method, uri).len() >= count).then_some(()))
        })
        .await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn acceptor(cluster: &ControlPlane) -> Result<TlsAcceptor> {
    let (certificate, key) = cluster.serving_certificate()?;
    let chain = vec![CertificateDer::from_pem_slice(&certificate)?];
    let key = PrivateKeyDer::from_pem_slice(&key)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A client without credentials, because the requests bring theirs.
async fn upstream(cluster: &ControlPlane) -> Result<Client> {
    let mut config = connection(&cluster.kubeconfig()).await?;
    config.auth_info = Default::default();
    Ok(Client::try_from(config)?)
}

async fn pass(
    upstream: Client,
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Body>> {
    if request.method() != http::Method::DELETE {
        return meddle(upstream, state, request).await;
    }
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    {
        let mut state = lock();
        state.deletions += 1;
        state.most_deletions = state.most_deletions.max(state.deletions);
    }
    let response = meddle(upstream, Arc::clone(&state), request).await;
    lock().deletions -= 1;
    response
}

async fn meddle(
    upstream: Client,
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let (method, uri) = (parts.method.to_string(), parts.uri.to_string());
    let act = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen.push(Seen { method: method.clone(), uri: uri.clone(), at: Instant::now() });
        let rule =
            |rule: &&mut Rule| rule.method == method && uri.contains(&rule.uri) && !rule.acts.is_empty();
        state.rules.iter_mut().find(rule).map(|rule| rule.acts.remove(0))
    };
    let body = body.collect().await?.to_bytes();
    let mut forwarded = Request::from_parts(parts, body.to_vec().into());
    forwarded.headers_mut().remove(header::HOST);
    let forward = async move {
        let response = upstream.send(forwarded).await?;
        let (parts, body) = response.into_parts();
        let mut response = Response::builder().status(parts.status);
        for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
            if let Some(value) = parts.headers.get(&name) {
                response = response.header(name, value);
            }
        }
        Ok::<_, anyhow::Error>(response.body(body.map_err(anyhow::Error::from).boxed_unsync())?)
    };
    match act {
        None => forward.await,
        Some(Act::Answer(code, message, retry_after)) => answer(code, message, retry_after),
        Some(Act::Text(text)) => Ok(Response::new(whole(text))),
        Some(Act::First(first)) => {
            first.await?;
            forward.await
        }
        Some(Act::Then(then)) => {
            let response = forward.await?;
            then.await?;
            Ok(response)
        }
        Some(Act::CutAt(moment)) => {
            let (parts, mut body) = forward.await?.into_parts();
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            tokio::spawn(async move {
                let forward = async {
                    while let Some(Ok(frame)) = body.frame().await {
                        let _ = sender.send(Ok(frame));
                    }
                };
                tokio::select! {
                    () = moment.notified() => {
                        let _ = sender.send(Err(anyhow::anyhow!("cut by the test")));
                    }
                    () = forward => {}
                }
            });
            Ok(Response::from_parts(
                parts,
                StreamBody::new(stream::poll_fn(move |context| receiver.poll_recv(context))).boxed_unsync(),
            ))
        }
        Some(Act::Rewrite(rewrite)) => {
            let (parts, body) = forward.await?.into_parts();
            let body = body.map_frame(move |frame: Frame<Bytes>| {
                frame.map_data(|data| rewrite(String::from_utf8_lossy(&data).into_owned()).into())
            });
            Ok(Response::from_parts(parts, body.boxed_unsync()))
        }
        Some(Act::LoseAnswer) => {
            forward.await?.into_body().collect().await?;
            anyhow::bail!("lost by the test")
        }
    }
}

fn answer(code: u16, message: &str, retry_after: Option<u32>) -> Result<Response<Body>> {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message });
    let mut response = Response::builder().status(StatusCode::from_u16(code)?);
    if let Some(seconds) = retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    response.body(whole(status.to_string())).context("a response")
}

fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// The work of [`Act::First`] and [`Act::Then`].
pub fn doing(
    work: impl Future<Output = Result<()>> + Send + 'static,
) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
    Box::pin(work)
}

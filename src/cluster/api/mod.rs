//! The requests that the sweep makes, and no others: list pages, a watch, deletions, and what logs need.
//!
//! They are sent through kube's client, which knows proxies, TLS and credentials, but answered here: a refusal keeps
//! its status and `Retry-After`, and bodies are read without copies that would cost memory.

mod decode;
mod dry_run;
mod failure;
mod outage;
#[cfg(test)]
pub(crate) mod tests;

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::core::params::{DeleteParams, ListParams, Preconditions, PropagationPolicy, WatchParams};
use kube::core::subresource::LogParams;
use kube::{Client, Config};
use tokio::sync::Mutex;

pub(crate) use decode::{Page, Pods, WatchEvent, WatchKind};
use failure::Call;
#[cfg(test)]
pub(crate) use failure::Cause;
pub(crate) use failure::{Failure, Refusal, chain};
use outage::Trust;

use crate::cluster::job::{Job, JobId, Unreadable};

/// How long an answer may take, a watch's events apart.
const ANSWER: Duration = Duration::from_secs(30);
/// How many Jobs a page has.
const PAGE: u32 = 500;
/// How long the API server keeps a watch; it is renewed after that.
const WATCH_SECONDS: u32 = 290;
/// How long a watch may be silent. The API server sends a bookmark every minute, so a longer silence is a connection
/// that died without a word.
const SILENCE: Duration = Duration::from_secs(90);
/// The most that is kept of one container's log.
const LOG_BYTES: i64 = 256 * 1024;

/// A connection to the API server.
pub(crate) struct Api {
    config: Config,
    client: RefCell<(u32, Client)>,
    /// One at a time reads the credentials again; the others wait for what comes of it.
    refreshing: Mutex<()>,
    trust: RefCell<Trust>,
}

/// Where Jobs are looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// In this namespace, or in all.
    pub namespace: Option<String>,
    /// With these labels.
    pub selector: Option<String>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "namespace {namespace}"),
            None => f.write_str("all namespaces"),
        }
    }
}

/// An open watch.
pub(crate) struct Watch {
    body: Body,
    buffer: Vec<u8>,
    /// How much of the buffer has been searched for a line's end.
    searched: usize,
}

impl Api {
    /// Prepares a connection. Nothing is sent yet, but credentials are read, or asked of their plugin.
    pub(crate) async fn connect(config: Config) -> Result<Self, Failure> {
        let client = new_client(config.clone()).await?;
        Ok(Self::with_client(config, client))
    }

    /// A connection that is there already.
    pub(crate) fn with_client(config: Config, client: Client) -> Self {
        let client = RefCell::new((0, client));
        Self { config, client, refreshing: Mutex::default(), trust: RefCell::default() }
    }

    /// One page of the Jobs in a scope; the first one without a token.
    pub(crate) async fn page(&self, scope: &Scope, token: Option<&str>) -> Result<Page, Failure> {
        let params = ListParams {
            label_selector: scope.selector.clone(),
            limit: Some(PAGE),
            continue_token: token.map(str::to_owned),
            ..ListParams::default()
        };
        let call =
            Call { verb: "list", group: "batch", resource: "jobs", namespace: scope.namespace.clone() };
        let request = jobs(scope.namespace.as_deref()).list(&params)?;
        decode::page(&self.bytes(call, request).await?)
    }

    /// Watches the Jobs in a scope from a version on.
    pub(crate) async fn watch(&self, scope: &Scope, version: &str) -> Result<Watch, Failure> {
        let params = WatchParams {
            label_selector: scope.selector.clone(),
            timeout: Some(WATCH_SECONDS),
            ..WatchParams::default()
        };
        let call =
            Call { verb: "watch", group: "batch", resource: "jobs", namespace: scope.namespace.clone() };
        let response = self.send(call, jobs(scope.namespace.as_deref()).watch(&params, version)?).await?;
        Ok(Watch { body: response.into_body(), buffer: Vec::new(), searched: 0 })
    }

    /// Deletes a Job as it was seen, or asks whether that would be done. Says whether it is gone already.
    pub(crate) async fn delete(&self, id: &JobId, version: &str, dry_run: bool) -> Result<bool, Failure> {
        let params = DeleteParams {
            dry_run,
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions {
                uid: Some(id.uid.clone()),
                resource_version: Some(version.to_owned()),
            }),
            ..DeleteParams::default()
        };
        let call =
            Call { verb: "delete", group: "batch", resource: "jobs", namespace: Some(id.namespace.clone()) };
        let request = jobs(Some(&id.namespace)).delete(&id.name, &params)?;
        decode::is_gone(&self.bytes(call, request).await?)
    }

    /// Whether a Job is gone: by a list of its name, which needs no other permission than the sweep has.
    pub(crate) async fn is_gone(&self, id: &JobId) -> Result<bool, Failure> {
        let params = ListParams {
            field_selector: Some(format!("metadata.name={}", id.name)),
            ..ListParams::default()
        };
        let call =
            Call { verb: "list", group: "batch", resource: "jobs", namespace: Some(id.namespace.clone()) };
        let page = decode::page(&self.bytes(call, jobs(Some(&id.namespace)).list(&params)?).await?)?;
        let is_it = |job: &Result<Job, Box<Unreadable>>| match job {
            Ok(job) => job.id.uid == id.uid,
            // One that cannot be told from it may be it.
            Err(object) => object.id.as_ref().is_none_or(|found| found.uid == id.uid),
        };
        Ok(!page.jobs.iter().any(is_it))
    }

    /// The pods of a Job.
    pub(crate) async fn pods(&self, id: &JobId) -> Result<Pods, Failure> {
        let params = ListParams {
            label_selector: Some(format!("batch.kubernetes.io/controller-uid={}", id.uid)),
            limit: Some(PAGE),
            ..ListParams::default()
        };
        let call = Call { verb: "list", group: "", resource: "pods", namespace: Some(id.namespace.clone()) };
        decode::pods(&self.bytes(call, pods(&id.namespace).list(&params)?).await?)
    }

    /// The last lines of a container's log.
    pub(crate) async fn log(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        lines: u32,
    ) -> Result<String, Failure> {
        let params = LogParams {
            container: Some(container.to_owned()),
            tail_lines: Some(lines.into()),
            limit_bytes: Some(LOG_BYTES),
            ..LogParams::default()
        };
        let call =
            Call { verb: "get", group: "", resource: "pods/log", namespace: Some(namespace.to_owned()) };
        let bytes = self.bytes(call, pods(namespace).logs(pod, &params)?).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Sends a request and reads its whole answer.
    async fn bytes(&self, call: Call, request: Request<Vec<u8>>) -> Result<Vec<u8>, Failure> {
        let response = self.send(call, request).await?;
        in_time(ANSWER, read(response.into_body())).await.inspect_err(|failure| self.heed(failure))
    }

    /// Takes note of an answer, or a watch, that broke off: its server may be on its way out.
    pub(crate) fn heed(&self, failure: &Failure) {
        self.trust.borrow_mut().heed(failure);
    }

    /// Sends a request, and doubts a no right after an outage.
    async fn send(&self, call: Call, request: Request<Vec<u8>>) -> Result<Response<Body>, Failure> {
        let answer = self.send_with_fresh_credentials(&call, request).await;
        self.trust.borrow_mut().judge(&call, answer)
    }

    /// Sends a request. Credentials that are refused may have been replaced since they were read, so they are read
    /// again once.
    async fn send_with_fresh_credentials(
        &self,
        call: &Call,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, Failure> {
        let (used, client) = self.client.borrow().clone();
        match in_time(ANSWER, send(&client, call, request.clone())).await {
            Err(Failure::Unauthorized(_)) => {}
            answer => return answer,
        }
        let turn = self.refreshing.lock().await;
        if self.client.borrow().0 == used {
            let fresh = new_client(self.config.clone()).await?;
            *self.client.borrow_mut() = (used + 1, fresh);
        }
        drop(turn);
        let (_, client) = self.client.borrow().clone();
        in_time(ANSWER, send(&client, call, request)).await
    }
}

impl Watch {
    /// The next event; `None` when the API server ended the watch in good order.
    pub(crate) async fn next(&mut self) -> Result<Option<WatchEvent>, Failure> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let end = self.searched + at;
                let event = decode::event(&self.buffer[..end]);
                self.buffer.drain(..=end);
                self.searched = 0;
                return event.map(Some);
            }
            self.searched = self.buffer.len();
            let frame =
                in_time(SILENCE, async { self.body.frame().await.transpose().map_err(Failure::broken) })
                    .await?;
            match frame {
                Some(frame) => self.buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                None => return Ok(None),
            }
        }
    }
}

fn jobs(namespace: Option<&str>) -> kube::core::Request {
    kube::core::Request::new(match namespace {
        Some(namespace) => format!("/apis/batch/v1/namespaces/{namespace}/jobs"),
        None => "/apis/batch/v1/jobs".to_owned(),
    })
}

fn pods(namespace: &str) -> kube::core::Request {
    kube::core::Request::new(format!("/api/v1/namespaces/{namespace}/pods"))
}

async fn send(client: &Client, call: &Call, request: Request<Vec<u8>>) -> Result<Response<Body>, Failure> {
    let response = client.send(request.map(Body::from)).await.map_err(Failure::unsent)?;
    if response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    Err(Failure::refused(call, &parts, &read(body).await?))
}

async fn read(mut body: Body) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Failure::broken)?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
    }
    Ok(bytes)
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(Failure::Silent(limit)))
}

/// On a thread of its own: a credential plugin may take its time.
async fn new_client(config: Config) -> Result<Client, Failure> {
    let made = tokio::task::spawn_blocking(move || Client::try_from(config)).await;
    match made {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(Failure::Credentials(chain(&error))),
        Err(error) => Err(Failure::Credentials(error.to_string())),
    }
}

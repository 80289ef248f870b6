//! A kube client that also does what kube's own does not: it says which permission is missing, keeps `Retry-After`, limits
//! the time of a response, and reads the credentials again when the API server refuses them.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use k8s_openapi::api::batch::v1;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, Preconditions};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tower::service_fn;

use super::connect::Target;
use super::error::Error;
use super::job::Job;

/// How long the API server may take to respond, and a credential plugin to bring new credentials.
pub(crate) const RESPONSE_LIMIT: Duration = Duration::from_secs(30);
/// For how long a request may be denied that has worked before: an API server that starts may not have its RBAC rules yet.
const DENIED_LIMIT: Duration = Duration::from_secs(15);

/// A connection to a cluster.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: Client,
}

/// What stands between kube's requests and kube's own client.
struct State {
    target: Target,
    client: Client,
    /// How often the credentials have been read again.
    renewals: u32,
    /// The kinds of requests that have worked, and since when each is denied.
    worked: HashMap<String, Option<Instant>>,
}

impl Cluster {
    /// Prepares the connection. This reads the credentials, or gets them from a plugin until the deadline, but sends no
    /// request.
    pub(crate) async fn connect(target: Target, deadline: Option<Instant>) -> Result<Self, Error> {
        let client = target.client(deadline).await?;
        Ok(Self::with_client(target, client))
    }

    /// Uses an existing client. The target serves to replace refused credentials.
    pub(crate) fn with_client(target: Target, client: Client) -> Self {
        let namespace = target.config.default_namespace.clone();
        let state = Arc::new(Mutex::new(State { target, client, renewals: 0, worked: HashMap::new() }));
        let service = service_fn(move |request| send(Arc::clone(&state), request));
        Self { client: Client::new(service, namespace) }
    }

    /// For kube's `Api`. Its errors turn into [`Error`] by `From`.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn jobs(&self, namespace: &str) -> Api<v1::Job> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Whether a namespace does not exist. Few users may read namespaces: then nobody knows.
    pub(crate) async fn lacks_namespace(&self, name: &str) -> bool {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.get_metadata(name).await.is_err_and(|error| Error::from(error).is_not_found())
    }

    /// Sends a request that kube has no function for, and returns the object in the response.
    pub(crate) async fn request(&self, request: Request<Vec<u8>>) -> Result<Value, Error> {
        Ok(self.client.request(request).await?)
    }

    /// Deletes a Job in this way, if it still has this UID and version. Returns `true` if the Job is already gone, and `false` if
    /// finalizers still hold it.
    pub(crate) async fn delete(&self, job: &Job, params: DeleteParams) -> Result<bool, Error> {
        let unchanged =
            Preconditions { uid: Some(job.uid.clone()), resource_version: Some(job.version.clone()) };
        let params = params.preconditions(unchanged);
        let answer = self.jobs(&job.namespace).delete(&job.name, &params).await?;
        Ok(answer.is_right())
    }
}

async fn send(state: Arc<Mutex<State>>, request: Request<Body>) -> Result<Response<Body>, Error> {
    let kind = kind(&request);
    let (parts, body) = request.into_parts();
    let again = body.try_clone().map(|body| Request::from_parts(parts.clone(), body));
    let (client, renewals) = {
        let state = state.lock().await;
        (state.client.clone(), state.renewals)
    };
    let mut result = send_once(&client, Request::from_parts(parts, body)).await;
    let is_refused = matches!(result, Err(Error::Unauthorized(_)));
    if let Some(again) = again.filter(|_| is_refused) {
        let client = state.lock().await.with_new_credentials(renewals).await?;
        result = send_once(&client, again).await;
    }
    state.lock().await.judge(kind, result)
}

async fn send_once(client: &Client, request: Request<Body>) -> Result<Response<Body>, Error> {
    let is_watch = is_watch(&request);
    let answered = timeout(RESPONSE_LIMIT, async {
        let (parts, body) = client.send(request).await?.into_parts();
        if !parts.status.is_success() {
            return Err(Error::refused(&parts, &body.collect_bytes().await?));
        }
        // kube's watcher limits the time of a watch.
        let body = if is_watch { body } else { body.collect_bytes().await?.into() };
        Ok(Response::from_parts(parts, body))
    });
    answered.await.unwrap_or(Err(Error::NoResponse(RESPONSE_LIMIT)))
}

pub(super) fn is_watch(request: &Request<Body>) -> bool {
    request.uri().query().is_some_and(|query| query.contains("watch=true"))
}

/// What the requests have in common that one rule of a Role allows: all but the name of the object.
fn kind(request: &Request<Body>) -> String {
    let path: Vec<_> = request.uri().path().split('/').take(7).collect();
    format!("{} {} {}", request.method(), path.join("/"), is_watch(request))
}

impl State {
    /// The credentials may have been replaced since they were read, so reads them again, unless another request did so
    /// since the caller read `renewals`.
    async fn with_new_credentials(&mut self, renewals: u32) -> Result<Client, Error> {
        if self.renewals == renewals {
            self.client = self.target.client(Some(Instant::now() + RESPONSE_LIMIT)).await?;
            self.renewals += 1;
        }
        Ok(self.client.clone())
    }

    /// Marks a denial that may pass.
    fn judge<T>(&mut self, kind: String, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(denied @ (Error::Unauthorized(_) | Error::Forbidden(..))) = &result
            && let Some(denied_since) = self.worked.get_mut(&kind)
            && denied_since.get_or_insert_with(Instant::now).elapsed() < DENIED_LIMIT
        {
            return Err(Error::DeniedForNow(Box::new(denied.clone())));
        }
        if result.is_ok() {
            self.worked.insert(kind, None);
        }
        result
    }
}

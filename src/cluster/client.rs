//! A kube client that also does what kube's own does not: it says which permission is missing, keeps `Retry-After`, limits
//! the time of a response, and reads the credentials again when the API server refuses them.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use kube::api::{DeleteParams, Preconditions};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tower::service_fn;

use super::connect::Target;
use super::error::{Error, Permission};
use super::job::{Job, JobObject};

/// How long the API server may take to respond, and a credential plugin to bring new credentials.
pub(crate) const RESPONSE_LIMIT: Duration = Duration::from_secs(30);
/// For how long a request may be denied that has worked before: an API server that starts may not have its RBAC rules yet.
const DENIED_LIMIT: Duration = Duration::from_secs(15);

/// A connection to a cluster.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: Client,
}

/// Stands between kube's requests and kube's own client.
struct Service {
    target: Target,
    state: Mutex<State>,
}

struct State {
    client: Client,
    /// How often the credentials have been read again.
    renewals: u32,
    /// What has worked, and since when it is denied.
    worked: HashMap<Permission, Option<Instant>>,
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
        let state = Mutex::new(State { client, renewals: 0, worked: HashMap::new() });
        let service = Arc::new(Service { target, state });
        let service = service_fn(move |request| Arc::clone(&service).send(request));
        Self { client: Client::new(service, namespace) }
    }

    /// For kube's `Api`. Its errors turn into [`Error`] by `From`.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn jobs(&self, namespace: &str) -> Api<JobObject> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Sends a request that kube has no function for, and returns the object in the response.
    pub(crate) async fn request(&self, request: Request<Vec<u8>>) -> Result<Value, Error> {
        Ok(self.client.request(request).await?)
    }

    /// Deletes a Job if it still has this UID and version. A dry run only checks whether the deletion would succeed. Returns
    /// `true` if the Job is already gone, and `false` if finalizers still hold it.
    pub(crate) async fn delete(&self, job: &Job, dry_run: bool) -> Result<bool, Error> {
        self.delete_with(job, DeleteParams { dry_run, ..DeleteParams::background() }).await
    }

    /// Deletes a Job in this way, if it still has this UID and version.
    pub(crate) async fn delete_with(&self, job: &Job, params: DeleteParams) -> Result<bool, Error> {
        let unchanged =
            Preconditions { uid: Some(job.uid.clone()), resource_version: Some(job.version.clone()) };
        let params = params.preconditions(unchanged);
        let answer = self.jobs(&job.namespace).delete(&job.name, &params).await?;
        let gone = answer.either(
            |held| (held.job.uid == job.uid).then_some(false),
            |status| status.is_success().then_some(true),
        );
        gone.ok_or_else(|| Error::unreadable("neither success nor the Job"))
    }
}

impl Service {
    async fn send(self: Arc<Self>, request: Request<Body>) -> Result<Response<Body>, Error> {
        let (method, uri) = (request.method(), request.uri());
        let permission = Permission::of(method, uri.path(), uri.query().unwrap_or_default());
        let (parts, body) = request.into_parts();
        let again = body.try_clone().map(|body| Request::from_parts(parts.clone(), body));
        let (client, renewals) = {
            let state = self.state.lock().await;
            (state.client.clone(), state.renewals)
        };
        let mut result = send_once(&client, Request::from_parts(parts, body), &permission).await;
        let denied = matches!(result, Err(Error::Unauthorized(_)));
        if let Some(again) = again.filter(|_| denied) {
            let client = self.with_new_credentials(renewals).await?;
            result = send_once(&client, again, &permission).await;
        }
        self.state.lock().await.judge(permission, result)
    }

    /// The credentials may have been replaced since they were read, so reads them again, unless another request did so
    /// since the caller read `renewals`.
    async fn with_new_credentials(&self, renewals: u32) -> Result<Client, Error> {
        let mut state = self.state.lock().await;
        if state.renewals == renewals {
            state.client = self.target.client(Some(Instant::now() + RESPONSE_LIMIT)).await?;
            state.renewals += 1;
        }
        Ok(state.client.clone())
    }
}

impl State {
    /// Marks a denial that may pass.
    fn judge<T>(&mut self, permission: Permission, result: Result<T, Error>) -> Result<T, Error> {
        match result {
            Ok(response) => {
                self.worked.insert(permission, None);
                Ok(response)
            }
            Err(denied @ (Error::Unauthorized(_) | Error::Forbidden(..))) => {
                let denied_since = self.worked.get_mut(&permission);
                let denied_since = denied_since.map(|since| *since.get_or_insert_with(Instant::now));
                Err(match denied_since {
                    Some(since) if since.elapsed() < DENIED_LIMIT => Error::DeniedForNow(Box::new(denied)),
                    _ => denied,
                })
            }
            Err(error) => Err(error),
        }
    }
}

async fn send_once(
    client: &Client,
    request: Request<Body>,
    permission: &Permission,
) -> Result<Response<Body>, Error> {
    let answered = timeout(RESPONSE_LIMIT, async {
        let (parts, body) = client.send(request).await?.into_parts();
        if !parts.status.is_success() {
            return Err(Error::refused(permission, &parts, &body.collect_bytes().await?));
        }
        // kube's watcher limits the time of a watch.
        let body = if permission.is_to_watch() { body } else { body.collect_bytes().await?.into() };
        Ok(Response::from_parts(parts, body))
    });
    answered.await.unwrap_or(Err(Error::NoResponse(RESPONSE_LIMIT)))
}

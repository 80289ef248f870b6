//! Keeps the caller up to date about the Jobs of one scope, by kube's watcher.
//!
//! After each error of the watcher, a new watcher begins with a new list, so no change is lost. kube's watcher opens a watch that
//! has ended again by itself, without a delay and without a word. So a look at its requests shows when the scope is really watched.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use http::{Request, Response};
use k8s_openapi::api::batch::v1;
use kube::client::Body;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep};
use tower::service_fn;

use super::client::{Cluster, is_watch};
use super::error::Error;
use super::job::Job;
use super::retry;

/// How long the API server keeps a watch open. kube finds a dead connection 5 s later.
const WATCH_SECONDS: u32 = 30;
/// The end of a watch that has lasted longer than this is not a failure.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);

/// The Jobs that match a label selector, in one namespace or in all namespaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// `None` means all namespaces.
    pub namespace: Option<String>,
    pub selector: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Event {
    ListBegins,
    Seen(Job),
    /// The Job was deleted, or left the selection.
    Deleted(Job),
    Listed,
    Watching,
    /// A list or a watch failed. It is retried after this delay; until then, changes go unnoticed.
    Interrupted(Error, Duration),
    /// The error is not retried. This is the last event.
    Failed(Error),
}

#[derive(Clone)]
pub(crate) struct Follower {
    pub cluster: Cluster,
    pub scope: Scope,
    pub scope_index: usize,
    pub events: mpsc::Sender<(usize, Event)>,
    /// If true, the follower stops after the first list, and every error ends it.
    pub only_lists: bool,
}

/// When the open watch began.
type OpenSince = Arc<Mutex<Option<Instant>>>;

impl Follower {
    /// Ends only if an error is final or, if it only lists, after the first list.
    pub(crate) async fn follow(self) {
        while let Err(error) = self.list_and_watch().await {
            if self.only_lists || !error.is_transient() {
                return self.tell(Event::Failed(error)).await;
            }
            self.back_off(error).await;
        }
    }

    async fn list_and_watch(&self) -> Result<(), Error> {
        let (follower, open_since) = (self.clone(), OpenSince::default());
        let service = service_fn(move |request| follower.clone().send(request, Arc::clone(&open_since)));
        let client = Client::new(service, self.cluster.client().default_namespace());
        let jobs: Api<v1::Job> = match &self.scope.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        };
        let config = watcher::Config { label_selector: self.scope.selector.clone(), ..Default::default() };
        let mut events = pin!(watcher(jobs, config.timeout(WATCH_SECONDS)));
        while let Some(event) = events.next().await {
            let event = match event? {
                watcher::Event::Init => Event::ListBegins,
                watcher::Event::InitApply(seen) | watcher::Event::Apply(seen) => Event::Seen(seen.into()),
                watcher::Event::Delete(deleted) => Event::Deleted(deleted.into()),
                watcher::Event::InitDone => Event::Listed,
            };
            let is_listed = matches!(event, Event::Listed);
            self.tell(event).await;
            if is_listed && self.only_lists {
                return Ok(());
            }
        }
        Err(Error::ConnectionLost("the watcher has ended".to_owned()))
    }

    /// Sends a request of the watcher.
    async fn send(self, request: Request<Body>, open_since: OpenSince) -> Result<Response<Body>, Error> {
        if !is_watch(&request) {
            return Ok(self.cluster.client().send(request).await?);
        }
        if open_since.lock().await.is_some_and(|since| since.elapsed() < HEALTHY_AFTER) {
            self.back_off(Error::ConnectionLost("the watch was closed".to_owned())).await;
        }
        let response = self.cluster.client().send(request).await?;
        *open_since.lock().await = Some(Instant::now());
        self.tell(Event::Watching).await;
        Ok(response)
    }

    async fn back_off(&self, error: Error) {
        // About a second.
        let delay = retry::delay(2, &error);
        self.tell(Event::Interrupted(error, delay)).await;
        sleep(delay).await;
    }

    async fn tell(&self, event: Event) {
        // Sending fails only if nobody receives any more.
        let _ = self.events.send((self.scope_index, event)).await;
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "namespace {namespace}"),
            None => f.write_str("all namespaces"),
        }
    }
}

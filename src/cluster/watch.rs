//! Keeps the caller up to date about the Jobs of one scope, by kube's watcher.
//!
//! After each error of the watcher, and whenever the caller asks, a new watcher begins with a new list, so no change is
//! lost. kube's watcher opens a watch that has ended again by itself, without a delay and without a word. So a look at its
//! requests shows when the scope is really watched.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use http::{Request, Response};
use kube::client::Body;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::time::{Instant, sleep};
use tower::service_fn;

use super::client::{Cluster, is_watch};
use super::error::Error;
use super::job::{Job, JobObject};
use super::retry;

/// How long the API server keeps a watch open. kube finds a dead connection 5 s later.
const WATCH_SECONDS: u32 = 30;
/// A watch that has lasted longer than this is healthy. Its end is not a failure, and the next delay is the shortest again.
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
    /// The caller notifies this to get a new list.
    pub relist: Arc<Notify>,
    /// If true, the follower stops after the first list, and every error ends it.
    pub only_lists: bool,
    pub health: Arc<Mutex<Health>>,
}

#[derive(Default)]
pub(crate) struct Health {
    /// When the open watch began.
    open_since: Option<Instant>,
    failures: u32,
}

impl Follower {
    /// Ends only if an error is final or, if it only lists, after the first list.
    pub(crate) async fn follow(self) {
        loop {
            let ended = tokio::select! {
                ended = self.list_and_watch() => ended,
                () = self.relist.notified() => {
                    self.health.lock().await.open_since = None;
                    continue;
                }
            };
            let Err(error) = ended else { return };
            if self.only_lists || !error.is_transient() {
                return self.tell(Event::Failed(error)).await;
            }
            self.health.lock().await.ended();
            self.back_off(error).await;
        }
    }

    async fn list_and_watch(&self) -> Result<(), Error> {
        let follower = self.clone();
        let service = service_fn(move |request| follower.clone().send(request));
        let client = Client::new(service, self.cluster.client().default_namespace());
        let jobs: Api<JobObject> = match &self.scope.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        };
        let config = watcher::Config { label_selector: self.scope.selector.clone(), ..Default::default() };
        let mut events = pin!(watcher(jobs, config.timeout(WATCH_SECONDS)));
        while let Some(event) = events.next().await {
            let event = match event? {
                watcher::Event::Init => Event::ListBegins,
                watcher::Event::InitApply(seen) | watcher::Event::Apply(seen) => Event::Seen(seen.job),
                watcher::Event::Delete(deleted) => Event::Deleted(deleted.job),
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

    async fn send(self, request: Request<Body>) -> Result<Response<Body>, Error> {
        if !is_watch(&request) {
            return Ok(self.cluster.client().send(request).await?);
        }
        let was_short = self.health.lock().await.ended().is_some_and(|lasted| lasted < HEALTHY_AFTER);
        if was_short {
            self.back_off(Error::ConnectionLost("the watch was closed".to_owned())).await;
        }
        let response = self.cluster.client().send(request).await?;
        self.health.lock().await.open_since = Some(Instant::now());
        self.tell(Event::Watching).await;
        Ok(response)
    }

    async fn back_off(&self, error: Error) {
        let delay = {
            let mut health = self.health.lock().await;
            health.failures += 1;
            retry::delay(health.failures - 1, &error)
        };
        self.tell(Event::Interrupted(error, delay)).await;
        sleep(delay).await;
    }

    async fn tell(&self, event: Event) {
        // Sending fails only if nobody receives any more.
        let _ = self.events.send((self.scope_index, event)).await;
    }
}

impl Health {
    /// How long the watch lasted that has ended, if one was open.
    fn ended(&mut self) -> Option<Duration> {
        let lasted = self.open_since.take()?.elapsed();
        if lasted >= HEALTHY_AFTER {
            self.failures = 0;
        }
        Some(lasted)
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

//! Follows the Jobs of one scope: lists them page by page, then watches from the list's version on.
//!
//! A page is passed on and dropped as read. Those who listen say after a list whether they want a watch already, or
//! another list later. A watch that ends is renewed from where it was; one whose version has expired (410) begins with
//! a list again, and so does one that brings what is no event. An object that cannot be read is passed on as such, and
//! the watch goes on. What may pass is tried again, ever more slowly; the sweep's deadline is what ends that. What
//! cannot pass, like a missing permission, ends the sweep at once.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::cluster::api::{Api, Failure, Page, Scope, WatchEvent, WatchKind};
use crate::cluster::backoff::Backoff;
use crate::cluster::job::{Job, Unreadable};

/// A watch that lived so long was a good one: the next failure is a new trouble.
const HEALTHY: Duration = Duration::from_secs(10);

/// What happens in a scope, as far as it is seen.
#[derive(Debug)]
pub(crate) enum Event {
    /// A list begins.
    ListBegins,
    /// A page of it.
    Page(Vec<Result<Job, Box<Unreadable>>>),
    /// It is complete.
    Listed {
        /// How many Jobs it had, with a policy or without.
        size: usize,
        /// Asks for a watch from there on. When it is dropped, a list comes next.
        watch: oneshot::Sender<()>,
    },
    /// A Job in its new state, from the watch.
    Job(WatchKind, Box<Job>),
    /// An object that cannot be read, from the watch.
    Unreadable(WatchKind, Box<Unreadable>),
    /// The watch stands.
    Watching,
    /// It has ended in good order, and the next one, which goes on from there, does not stand yet.
    Renewing,
    /// What was seen last may not be true any more; why, and when we look again.
    Lost(Failure, Duration),
    /// It is over.
    Fatal(Failure),
}

/// One scope and who wants to hear of it.
pub(crate) struct Follower<'a> {
    /// The connection.
    pub api: &'a Api,
    /// Where to look.
    pub scope: Scope,
    /// Its number.
    pub number: usize,
    /// Where to tell what is seen.
    pub events: mpsc::Sender<(usize, Event)>,
    /// Asks for a new list.
    pub again: &'a Notify,
    /// Whether to go on after the first list.
    pub watches: bool,
}

/// What comes after a list or a watch.
enum Step {
    /// A watch from this version on.
    Watch(String),
    /// A list.
    List,
    /// A pause, and then a watch from this version on, or a list.
    Failed(Failure, Option<String>),
    /// Nothing: nobody listens any more.
    Over,
}

impl Follower<'_> {
    /// Follows the scope for as long as anybody listens.
    pub(crate) async fn follow(self) {
        // Each of its own: a list that works says nothing of the watch that follows it.
        let (mut lists, mut watches) = (Backoff::default(), Backoff::default());
        let mut version = None;
        loop {
            let (step, backoff) = match version.take() {
                None => (self.list(&mut lists).await, &mut lists),
                Some(_) if !self.watches => return,
                Some(from) => (self.watch(from, &mut watches).await, &mut watches),
            };
            let failure = match step {
                Step::Watch(from) => {
                    version = Some(from);
                    continue;
                }
                Step::List => continue,
                Step::Failed(failure, from) => {
                    version = from;
                    failure
                }
                Step::Over => return,
            };
            if !failure.is_transient() {
                self.tell(Event::Fatal(failure)).await;
                return;
            }
            self.api.record(&failure);
            let delay = backoff.next(failure.retry_after());
            if !self.tell(Event::Lost(failure, delay)).await {
                return;
            }
            sleep(delay).await;
        }
    }

    /// Lists all pages.
    async fn list(&self, backoff: &mut Backoff) -> Step {
        if !self.tell(Event::ListBegins).await {
            return Step::Over;
        }
        let (mut token, mut size) = (None, 0);
        loop {
            let Page { items: jobs, next, version } = match self.api.page(&self.scope, token.as_deref()).await
            {
                Ok(page) => page,
                Err(failure) => return Step::Failed(failure, None),
            };
            token = next;
            size += jobs.len();
            if !self.tell(Event::Page(jobs)).await {
                return Step::Over;
            }
            if token.is_none() {
                *backoff = Backoff::default();
                return self.listed(size, version).await;
            }
        }
    }

    /// Waits for those who listen to say how to go on.
    async fn listed(&self, size: usize, version: String) -> Step {
        let (watch, wanted) = oneshot::channel();
        if !self.tell(Event::Listed { size, watch }).await {
            return Step::Over;
        }
        tokio::select! {
            wanted = wanted => if wanted.is_ok() { Step::Watch(version) } else { Step::List },
            () = self.again.notified() => Step::List,
        }
    }

    /// Watches from a version on until the watch ends in one way or another.
    async fn watch(&self, mut version: String, backoff: &mut Backoff) -> Step {
        let since = Instant::now();
        let mut watch = match self.api.watch(&self.scope, &version).await {
            Ok(watch) => watch,
            Err(failure) if failure.code() == Some(410) => return Step::Failed(failure, None),
            Err(failure) => return Step::Failed(failure, Some(version)),
        };
        if !self.tell(Event::Watching).await {
            return Step::Over;
        }
        loop {
            let brought = tokio::select! {
                brought = watch.next() => brought,
                () = self.again.notified() => return Step::List,
            };
            let healthy = since.elapsed() > HEALTHY;
            if healthy {
                *backoff = Backoff::default();
            }
            let (event, newer) = match brought {
                Ok(Some(WatchEvent::Job(kind, job))) => {
                    let newer = job.version.clone();
                    (Some(Event::Job(kind, job)), Some(newer))
                }
                Ok(Some(WatchEvent::Bookmark(newer))) => (None, Some(newer)),
                Ok(Some(WatchEvent::Unreadable(kind, object, newer))) => {
                    (Some(Event::Unreadable(kind, object)), newer)
                }
                // As it goes with a long one.
                Ok(Some(WatchEvent::Error(refusal))) if refusal.code == 410 && healthy => return Step::List,
                Ok(Some(WatchEvent::Error(refusal))) => return Step::Failed(Failure::Refused(refusal), None),
                // In good order, and not at once: the API server has kept it as long as it was asked to.
                Ok(None) if healthy && self.tell(Event::Renewing).await => return Step::Watch(version),
                Ok(None) if healthy => return Step::Over,
                Ok(None) => {
                    return Step::Failed(
                        Failure::ConnectionLost("the watch was closed".to_owned()),
                        Some(version),
                    );
                }
                Err(failure @ Failure::UnreadableResponse(_)) => return Step::Failed(failure, None),
                Err(failure) => return Step::Failed(failure, Some(version)),
            };
            version = newer.filter(|newer| !newer.is_empty()).unwrap_or(version);
            if let Some(event) = event
                && !self.tell(event).await
            {
                return Step::Over;
            }
        }
    }

    /// Whether anybody listened.
    async fn tell(&self, event: Event) -> bool {
        self.events.send((self.number, event)).await.is_ok()
    }
}

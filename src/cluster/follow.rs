//! Follows the Jobs of one scope: lists them page by page, then watches from the version of the list.
//!
//! A page is passed on and dropped as soon as it is read. What its Jobs have in common with earlier ones is stored once. A watch that ends is resumed from its last version. A watch
//! whose version has expired (410), or that sends something unreadable, is replaced by a new list. An object that cannot
//! be read is passed on as such, and the watch goes on. Failures that may pass are retried with growing delays; any
//! other failure, such as a missing permission, ends following.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use crate::cluster::api::{Api, Change, Decoded, Failure, Page, Scope};
use crate::cluster::backoff;
use crate::cluster::job::compact::Interner;

/// A watch that lasted this long was healthy: its end is no failure, and the next failure is the first of its kind.
const HEALTHY: Duration = Duration::from_secs(10);

/// How many Jobs of a list an event has at most, because several events may wait.
const AT_ONCE: usize = 32;

#[derive(Debug)]
pub(crate) enum Event {
    ListBegins,
    Jobs(Vec<Decoded>),
    Listed,
    Watching,
    Deleted(Decoded),
    /// The watch ended normally. The next one continues from there but is not open yet.
    Renewing,
    /// A list or a watch failed. It is retried after this delay; until then, changes go unnoticed.
    Interrupted(Failure, Duration),
    /// No retry can cure this failure, and nothing follows.
    Fatal(Failure),
}

pub(crate) struct Follower<'a> {
    pub api: &'a Api,
    pub scope: &'a Scope,
    /// Identifies the scope in `events`.
    pub number: usize,
    pub events: mpsc::Sender<(usize, Event)>,
    /// Replaces the watch by a new list.
    pub relist: Notify,
    /// Whether a watch follows the first list.
    pub watches: bool,
}

/// The version from which to watch next, or `None` if a list has to come first.
type Next = Result<Option<String>, (Failure, Option<String>)>;

impl Follower<'_> {
    /// Follows the scope until a failure is fatal.
    pub(crate) async fn follow(&self) {
        // One each: a list that works says nothing about the watch after it.
        let (mut failed_lists, mut failed_watches) = (0, 0);
        let mut interner = Interner::default();
        let mut version = None;
        loop {
            let (next, failures) = match version {
                None => (self.list(&mut failed_lists, &mut interner).await, &mut failed_lists),
                Some(_) if !self.watches => return,
                Some(from) => {
                    (self.watch(from, &mut failed_watches, &mut interner).await, &mut failed_watches)
                }
            };
            let failure = match next {
                Ok(next) => {
                    version = next;
                    continue;
                }
                Err((failure, next)) => {
                    version = next;
                    failure
                }
            };
            if !failure.is_transient() {
                return self.tell(Event::Fatal(failure)).await;
            }
            self.api.record(&failure);
            let delay = backoff::delay(*failures, failure.retry_after());
            *failures += 1;
            self.tell(Event::Interrupted(failure, delay)).await;
            sleep(delay).await;
        }
    }

    async fn list(&self, failures: &mut u32, interner: &mut Interner) -> Next {
        self.tell(Event::ListBegins).await;
        let mut token = None;
        loop {
            let page = self.api.page(self.scope, token.as_deref()).await;
            let Page { mut items, next, version } = page.map_err(|failure| (failure, None))?;
            items.iter_mut().flatten().for_each(|job| interner.intern(job));
            let mut items = items.into_iter().peekable();
            while items.peek().is_some() {
                self.tell(Event::Jobs(items.by_ref().take(AT_ONCE).collect())).await;
            }
            token = next;
            if token.is_none() {
                *failures = 0;
                self.tell(Event::Listed).await;
                return Ok(Some(version));
            }
        }
    }

    async fn watch(&self, from: String, failures: &mut u32, interner: &mut Interner) -> Next {
        let since = Instant::now();
        let mut watch = match self.api.watch(self.scope, &from).await {
            Ok(watch) => watch,
            Err(failure) => {
                let expired = failure.code() == Some(410);
                return Err((failure, (!expired).then_some(from)));
            }
        };
        self.tell(Event::Watching).await;
        loop {
            let change = tokio::select! {
                change = watch.next() => change,
                () = self.relist.notified() => return Ok(None),
            };
            let healthy = since.elapsed() > HEALTHY;
            if healthy {
                *failures = 0;
            }
            let failure = match change {
                Ok(Some(mut change)) => {
                    let (Change::Applied(job) | Change::Deleted(job)) = &mut change;
                    job.iter_mut().for_each(|job| interner.intern(job));
                    self.tell(match change {
                        Change::Applied(job) => Event::Jobs(vec![job]),
                        Change::Deleted(job) => Event::Deleted(job),
                    })
                    .await;
                    continue;
                }
                // The API server ends every watch after a while.
                Ok(None) if healthy => {
                    self.tell(Event::Renewing).await;
                    return Ok(Some(watch.version));
                }
                Ok(None) => Failure::ConnectionLost("the watch was closed".to_owned()),
                // As usual for a version that has become old.
                Err(failure) if healthy && failure.code() == Some(410) => return Ok(None),
                Err(failure) => failure,
            };
            let resumable = !matches!(failure, Failure::Refused(_) | Failure::UnreadableResponse(_));
            return Err((failure, resumable.then_some(watch.version)));
        }
    }

    async fn tell(&self, event: Event) {
        // Who listens no longer also drops this future.
        let _ = self.events.send((self.number, event)).await;
    }
}

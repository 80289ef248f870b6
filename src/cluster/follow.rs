//! Follows the Jobs of one scope: lists them page by page, then watches from the version of the list.
//!
//! A page is passed on and dropped as soon as it is read. What its Jobs have in common with earlier ones is stored once.
//! A watch that ends is resumed from its last version. A watch whose version has expired (410), or that sends something
//! unreadable, is replaced by a new list. An object that cannot be read is passed on as such, and the watch goes on.
//! Failures that may pass are retried with growing delays; any other failure, such as a missing permission, ends
//! following.

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

#[derive(Default)]
struct State {
    /// The version from which to watch next. Without one, a list comes first.
    version: Option<String>,
    // One each: a list that works says nothing about the watch after it.
    failed_lists: u32,
    failed_watches: u32,
    interner: Interner,
}

impl Follower<'_> {
    /// Follows the scope until a failure is fatal.
    pub(crate) async fn follow(&self) {
        let mut state = State::default();
        loop {
            let version = state.version.take();
            let watching = version.is_some();
            let result = match version {
                None => self.list(&mut state).await,
                Some(_) if !self.watches => return,
                Some(from) => self.watch(from, &mut state).await,
            };
            let Err(failure) = result else { continue };
            if !failure.is_transient() {
                return self.tell(Event::Fatal(failure)).await;
            }
            self.api.record(&failure);
            let failures = if watching { &mut state.failed_watches } else { &mut state.failed_lists };
            let delay = backoff::delay(*failures, failure.retry_after());
            *failures += 1;
            self.tell(Event::Interrupted(failure, delay)).await;
            sleep(delay).await;
        }
    }

    async fn list(&self, state: &mut State) -> Result<(), Failure> {
        self.tell(Event::ListBegins).await;
        let mut token = None;
        loop {
            let Page { mut items, next, version } = self.api.page(self.scope, token.as_deref()).await?;
            items.iter_mut().flatten().for_each(|job| state.interner.intern(job));
            let mut items = items.into_iter().peekable();
            while items.peek().is_some() {
                self.tell(Event::Jobs(items.by_ref().take(AT_ONCE).collect())).await;
            }
            token = next;
            if token.is_none() {
                state.failed_lists = 0;
                state.version = Some(version);
                self.tell(Event::Listed).await;
                return Ok(());
            }
        }
    }

    async fn watch(&self, from: String, state: &mut State) -> Result<(), Failure> {
        let since = Instant::now();
        let mut watch = match self.api.watch(self.scope, &from).await {
            Ok(watch) => watch,
            Err(failure) => {
                let expired = failure.code() == Some(410);
                state.version = (!expired).then_some(from);
                return Err(failure);
            }
        };
        self.tell(Event::Watching).await;
        loop {
            let change = tokio::select! {
                change = watch.next() => change,
                () = self.relist.notified() => return Ok(()),
            };
            let healthy = since.elapsed() > HEALTHY;
            if healthy {
                state.failed_watches = 0;
            }
            let failure = match change {
                Ok(Some(mut change)) => {
                    let (Change::Applied(job) | Change::Deleted(job)) = &mut change;
                    job.iter_mut().for_each(|job| state.interner.intern(job));
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
                    state.version = Some(watch.version);
                    return Ok(());
                }
                Ok(None) => Failure::ConnectionLost("the watch was closed".to_owned()),
                // As usual for a version that has become old.
                Err(failure) if healthy && failure.code() == Some(410) => return Ok(()),
                Err(failure) => failure,
            };
            let resumable = !matches!(failure, Failure::Refused(_) | Failure::UnreadableResponse(_));
            state.version = resumable.then_some(watch.version);
            return Err(failure);
        }
    }

    async fn tell(&self, event: Event) {
        // Who listens no longer also drops this future.
        let _ = self.events.send((self.number, event)).await;
    }
}

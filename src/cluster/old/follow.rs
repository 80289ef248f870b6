//! Follows the Jobs of one scope: lists them page by page, then watches from the version of the list.
//!
//! A page is passed on and dropped as soon as it is read. Data that its Jobs share with earlier Jobs is stored only once. A
//! watch that ends, or that cannot be opened, is resumed from its last version. A new list replaces the watch if that version
//! has expired (410), or if an open watch reports an error or a malformed event. If only the Job in an event is malformed, it
//! is passed on as unreadable, and the watch continues. Temporary failures are retried with growing delays. Any other
//! failure, such as a missing permission, ends the follower.
//!
//! The watcher of kube-runtime does not say when it watches again after a failure, and its errors drop `Retry-After`.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use crate::cluster::old::api::{Api, Change, Failure, Page, Scope};
use crate::cluster::old::backoff;
use crate::cluster::old::job::compact::Interner;

/// A watch that has lasted longer than this is healthy. If the API server closes it, that is not a failure. The delay after the
/// next failure is the shortest again.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);

/// The maximum number of listed Jobs in one event. Several events can wait in the channel, so large ones would take much memory.
const JOBS_PER_EVENT: usize = 32;

#[derive(Debug)]
pub(crate) enum Event {
    ListBegins,
    /// Jobs that were listed, or what the watch says of one.
    Jobs(Vec<Change>),
    Listed,
    Watching,
    /// The watch ended normally. The next one continues from there but is not open yet.
    Renewing,
    /// A list or a watch failed. It is retried after this delay; until then, changes go unnoticed.
    Interrupted(Failure, Duration),
    /// The failure is not retried. This is the last event.
    Fatal(Failure),
}

pub(crate) struct Follower<'a> {
    pub api: &'a Api,
    pub scope: &'a Scope,
    pub scope_index: usize,
    pub events: mpsc::Sender<(usize, Event)>,
    /// The caller notifies this to replace the watch by a new list.
    pub relist: Notify,
    /// If false, the follower stops after the first list, and any failure is fatal.
    pub watches: bool,
}

#[derive(Default)]
struct Position {
    /// The version from which to watch next. Without one, a list comes first.
    version: Option<String>,
    // Failed lists and failed watches are counted separately, because a successful list does not show that the watch works.
    failed_lists: u32,
    failed_watches: u32,
    interner: Interner,
}

impl Follower<'_> {
    /// Follows the scope until a failure is fatal or, without watches, until the first list is complete. It does not
    /// notice that the receiver is gone. In that case the caller must drop this future.
    pub(crate) async fn follow(&self) {
        let mut position = Position::default();
        loop {
            // Unless the watch puts a version back, a list comes next.
            let (result, failures) = match position.version.take() {
                None => (self.list(&mut position).await, &mut position.failed_lists),
                Some(_) if !self.watches => return,
                Some(from) => (self.watch(from, &mut position).await, &mut position.failed_watches),
            };
            let Err(failure) = result else { continue };
            if !failure.is_transient() || !self.watches {
                return self.tell(Event::Fatal(failure)).await;
            }
            self.api.record_outage(&failure);
            let delay = backoff::delay(*failures, failure.retry_after());
            *failures += 1;
            self.tell(Event::Interrupted(failure, delay)).await;
            sleep(delay).await;
        }
    }

    async fn list(&self, position: &mut Position) -> Result<(), Failure> {
        self.tell(Event::ListBegins).await;
        let mut token = None;
        loop {
            let Page { mut items, next, version } = self.api.page(self.scope, token.as_deref()).await?;
            items.iter_mut().flatten().for_each(|job| position.interner.intern(job));
            let mut items = items.into_iter().map(Change::Applied).peekable();
            while items.peek().is_some() {
                self.tell(Event::Jobs(items.by_ref().take(JOBS_PER_EVENT).collect())).await;
            }
            if next.is_some() && next == token {
                return Err(Failure::UnreadableResponse("two pages have the same continue token".to_owned()));
            }
            token = next;
            if token.is_none() {
                position.failed_lists = 0;
                position.version = Some(version);
                self.tell(Event::Listed).await;
                return Ok(());
            }
        }
    }

    async fn watch(&self, from: String, position: &mut Position) -> Result<(), Failure> {
        let since = Instant::now();
        let opened = self.api.watch(self.scope, &from).await;
        let mut watch = opened.inspect_err(|failure| {
            let expired = failure.status_code() == Some(410);
            position.version = (!expired).then_some(from);
        })?;
        self.tell(Event::Watching).await;
        loop {
            let change = tokio::select! {
                change = watch.next() => change,
                () = self.relist.notified() => return Ok(()),
            };
            let healthy = since.elapsed() > HEALTHY_AFTER;
            if healthy {
                position.failed_watches = 0;
            }
            let failure = match change {
                Ok(Some(mut change)) => {
                    let (Change::Applied(job) | Change::Deleted(job)) = &mut change;
                    job.iter_mut().for_each(|job| position.interner.intern(job));
                    self.tell(Event::Jobs(vec![change])).await;
                    continue;
                }
                // The API server ends every watch after a while.
                Ok(None) if healthy => {
                    self.tell(Event::Renewing).await;
                    position.version = Some(watch.version);
                    return Ok(());
                }
                Ok(None) => Failure::ConnectionLost("the watch was closed".to_owned()),
                // Old versions expire. This is normal, so a list follows without a delay.
                Err(failure) if healthy && failure.status_code() == Some(410) => return Ok(()),
                Err(failure) => failure,
            };
            let resumable = !matches!(failure, Failure::Refused(_) | Failure::UnreadableResponse(_));
            position.version = resumable.then_some(watch.version);
            return Err(failure);
        }
    }

    async fn tell(&self, event: Event) {
        // Sending fails only if nobody receives any more.
        let _ = self.events.send((self.scope_index, event)).await;
    }
}

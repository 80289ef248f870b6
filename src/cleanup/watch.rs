//! Follows the Jobs of one scope: lists them page by page, then watches from the list's version on.
//!
//! A page is passed on and dropped as read. A watch that ends is renewed from where it was; one whose version has
//! expired (410) begins with a list again. What may pass is tried again, ever more slowly; the sweep's deadline is
//! what ends that. What cannot pass, like a missing permission, ends the sweep at once.

use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use super::api::{Api, Failure, Page, Scope, WatchEvent, WatchKind};
use super::backoff::Backoff;
use super::job::{Job, Unreadable};

/// A watch that lived so long was a good one: the next failure is a new trouble.
const HEALTHY: Duration = Duration::from_secs(10);

/// What is seen of a scope.
#[derive(Debug)]
pub(crate) enum Sight {
    /// A list begins.
    ListBegins,
    /// A page of it.
    Page(Vec<Result<Job, Box<Unreadable>>>),
    /// It is complete.
    Listed,
    /// A Job in its new state, from the watch.
    Job(WatchKind, Box<Job>),
    /// An object that cannot be read.
    Unreadable(Box<Unreadable>),
    /// The watch stands.
    Watching,
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
    pub sights: mpsc::Sender<(usize, Sight)>,
    /// Asks for a new list.
    pub again: &'a Notify,
    /// Whether to go on after the first list.
    pub watches: bool,
}

/// How a watch ended.
enum End {
    /// It can go on from this version.
    Renew(String),
    /// A list is needed.
    Expired,
}

/// Nobody listens any more, or it makes no sense to go on.
struct Over;

impl Follower<'_> {
    /// Follows the scope for as long as anybody listens.
    pub(crate) async fn follow(self) {
        let mut backoff = Backoff::default();
        let mut version = None;
        loop {
            let step = match version.take() {
                None => self.list().await,
                Some(_) if !self.watches => return,
                Some(from) => self.watch(from, &mut backoff).await,
            };
            let failure = match step {
                Ok(Ok(End::Renew(from))) => {
                    version = Some(from);
                    continue;
                }
                Ok(Ok(End::Expired)) => continue,
                Ok(Err((failure, from))) => {
                    version = from;
                    failure
                }
                Err(Over) => return,
            };
            if !failure.is_passing() {
                let _ = self.tell(Sight::Fatal(failure)).await;
                return;
            }
            let delay = backoff.next(failure.retry_after());
            if self.tell(Sight::Lost(failure, delay)).await.is_err() {
                return;
            }
            sleep(delay).await;
        }
    }

    /// Lists all pages; the version to watch from, if that worked.
    async fn list(&self) -> Result<Result<End, (Failure, Option<String>)>, Over> {
        self.tell(Sight::ListBegins).await?;
        let mut token = None;
        loop {
            match self.api.page(&self.scope, token.as_deref()).await {
                Ok(Page { jobs, next, version }) => {
                    self.tell(Sight::Page(jobs)).await?;
                    token = next;
                    if token.is_none() {
                        self.tell(Sight::Listed).await?;
                        return Ok(Ok(End::Renew(version)));
                    }
                }
                // The list took so long that its later pages are no longer to be had.
                Err(failure) if failure.code() == Some(410) && token.is_some() => {
                    return Ok(Ok(End::Expired));
                }
                Err(failure) => return Ok(Err((failure, None))),
            }
        }
    }

    /// Watches from a version on until the watch ends in one way or another.
    async fn watch(
        &self,
        mut version: String,
        backoff: &mut Backoff,
    ) -> Result<Result<End, (Failure, Option<String>)>, Over> {
        let since = Instant::now();
        let mut watch = match self.api.watch(&self.scope, &version).await {
            Ok(watch) => watch,
            Err(failure) if failure.code() == Some(410) => return Ok(Ok(End::Expired)),
            Err(failure) => return Ok(Err((failure, Some(version)))),
        };
        self.tell(Sight::Watching).await?;
        loop {
            let event = tokio::select! {
                event = watch.next() => event,
                () = self.again.notified() => return Ok(Ok(End::Expired)),
            };
            if since.elapsed() > HEALTHY {
                *backoff = Backoff::default();
            }
            match event {
                Ok(Some(WatchEvent::Job(kind, job))) => {
                    version.clone_from(&job.version);
                    self.tell(Sight::Job(kind, job)).await?;
                }
                Ok(Some(WatchEvent::Bookmark(newer))) => version = newer,
                Ok(Some(WatchEvent::Unreadable(object, newer))) => {
                    version = newer.unwrap_or(version);
                    self.tell(Sight::Unreadable(object)).await?;
                }
                Ok(Some(WatchEvent::Error(refusal))) if refusal.code == 410 => return Ok(Ok(End::Expired)),
                Ok(Some(WatchEvent::Error(refusal))) => return Ok(Err((Failure::Refused(refusal), None))),
                // In good order, and not at once: the API server has kept it as long as it was asked to.
                Ok(None) if since.elapsed() > HEALTHY => return Ok(Ok(End::Renew(version))),
                Ok(None) => {
                    return Ok(Err((Failure::Broken("the watch was closed".to_owned()), Some(version))));
                }
                Err(failure) => return Ok(Err((failure, Some(version)))),
            }
        }
    }

    async fn tell(&self, sight: Sight) -> Result<(), Over> {
        self.sights.send((self.number, sight)).await.map_err(|_| Over)
    }
}

//! The loop in which a sweep happens: events and results come in, requests go out, one thing at a time.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

use crate::cleanup::output::progress::Progress;
use crate::cleanup::output::terminal::Terminal;
use crate::cleanup::run::requests::Requests;
use crate::cleanup::sweep::Sweep;
use crate::cleanup::sweep::end_condition::EndCondition;
use crate::cleanup::sweep::ending::Ending;
use crate::cleanup::sweep::request::{Reply, Retry};
use crate::cluster::old::api::{Api, Change, Failure, Scope};
use crate::cluster::old::follow::{Event, Follower};
use crate::signals::{Signal, Signals};

/// How long to wait for the results of requests in progress once the sweep is to end. A pod's default termination grace period is
/// 30 s.
const DRAIN: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_secs(1);

pub(crate) struct EventLoop<'a> {
    pub sweep: Sweep,
    pub end_condition: EndCondition,
    pub signals: Signals,
    pub terminal: &'a Terminal,
    pub requests: &'a Requests<'a>,
    /// All times count from here.
    pub start: Instant,
}

impl EventLoop<'_> {
    pub(crate) async fn sweep_until_done(&mut self, api: &Api, scopes: &[Scope]) -> Ending {
        let (sender, mut events) = mpsc::channel(16);
        let watches = !self.end_condition.no_wait;
        let follower = |(scope_index, scope)| Follower {
            api,
            scope,
            scope_index,
            events: sender.clone(),
            relist: Notify::new(),
            watches,
        };
        let followers: Vec<_> = scopes.iter().enumerate().map(follower).collect();
        let mut following = pin!(join_all(followers.iter().map(Follower::follow)).fuse());
        let mut in_flight = FuturesUnordered::new();
        let mut progress = Progress::new(self.terminal, self.end_condition.deadline);

        let ending = loop {
            let now = self.start.elapsed();
            self.sweep.server_time = api.server_time();
            for scope in self.sweep.handle_timers(now) {
                followers[scope].relist.notify_one();
            }
            // Messages that nobody reads must not fill the memory. Until there is room for them, the sweep sends no requests. It
            // still ends at its deadline.
            let output_has_room = self.terminal.has_room();
            while output_has_room && let Some(request) = self.sweep.next_request(now) {
                in_flight.push(self.requests.send(request));
            }
            self.show_messages();
            progress.show(&self.sweep, now);
            if let Some(ending) = self.end_condition.check(&self.sweep, now) {
                break ending;
            }
            let resume = self.sweep.paused_until().filter(|at| *at > now);
            let wake =
                [self.end_condition.next(), resume].into_iter().flatten().fold(now + TICK, Duration::min);
            let over = tokio::select! {
                biased;
                signal = self.signals.next() => Some(Ending::Stopped(signal)),
                Some(result) = in_flight.next() => {
                    let handled = result.map(|reply| self.sweep.replied(reply, self.start.elapsed()));
                    handled.err().map(Ending::Failed)
                }
                Some((scope, event)) = events.recv(), if output_has_room => {
                    // The first response may have just set the server time.
                    self.sweep.server_time = api.server_time();
                    self.on_event(scope, event)
                }
                () = self.terminal.room(), if !output_has_room => None,
                // The sweep goes on even if no scope can be followed any more.
                _ = &mut following => None,
                () = sleep_until(self.start + wake) => None,
            };
            if let Some(ending) = over {
                break ending;
            }
        };

        self.requests.stop();
        let ending = self.drain(in_flight).await.map_or(ending, Ending::Aborted);
        self.sweep.server_time = api.server_time();
        self.sweep.refresh_waits(self.start.elapsed());
        self.show_messages();
        self.terminal.progress(String::new());
        match ending {
            // The last results may have completed the sweep.
            Ending::Deadline => {
                self.end_condition.check(&self.sweep, self.start.elapsed()).unwrap_or(Ending::Deadline)
            }
            ending => ending,
        }
    }

    fn show_messages(&mut self) {
        self.sweep.take_messages().iter().for_each(|message| self.terminal.message(message));
    }

    fn on_event(&mut self, scope: usize, event: Event) -> Option<Ending> {
        let now = self.start.elapsed();
        let sweep = &mut self.sweep;
        match event {
            Event::ListBegins => sweep.list_begins(scope),
            Event::Jobs(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(Ok(job)) => sweep.seen(scope, job, now),
                        Change::Applied(Err(object)) => sweep.unreadable(scope, *object, now),
                        Change::Deleted(Ok(job)) => sweep.deleted_in_watch(job, now),
                        Change::Deleted(Err(object)) => match &object.id {
                            Some(id) => sweep.uid_deleted_in_watch(&id.uid, now),
                            None => sweep.unreadable(scope, *object, now),
                        },
                    }
                }
            }
            Event::Listed => sweep.listed(scope, now),
            Event::Watching => sweep.watching(scope),
            Event::Renewing => sweep.renewing(scope),
            Event::Interrupted(failure, after) => {
                sweep.interrupted(scope, Retry { after, why: failure.to_string() });
            }
            Event::Fatal(failure) => return Some(Ending::Failed(failure)),
        }
        None
    }

    /// Waits for the requests in progress until they finish, [`DRAIN`] has passed, or a signal arrives. Returns that signal.
    async fn drain(
        &mut self,
        mut in_flight: impl Stream<Item = Result<Reply, Failure>> + Unpin,
    ) -> Option<Signal> {
        let count = in_flight.size_hint().0;
        if count > 0 {
            let requests = if count == 1 { "request" } else { "requests" };
            self.terminal.detail(format_args!("waiting for {count} {requests} in progress"));
        }
        let (sweep, start) = (&mut self.sweep, self.start);
        let results = async {
            while let Some(result) = in_flight.next().await {
                // The ending is already decided, so a failure changes nothing.
                if let Ok(reply) = result {
                    sweep.replied(reply, start.elapsed());
                }
            }
        };
        tokio::select! {
            biased;
            signal = self.signals.next() => Some(signal),
            _ = timeout(DRAIN, results) => None,
        }
    }
}

#[cfg(test)]
mod tests;

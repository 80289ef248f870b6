//! Drives the sweep: everything that happens, happens here, one thing after another, in one loop.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use crate::cleanup::output::progress::Progress;
use crate::cleanup::output::terminal::Say;
use crate::cleanup::run::delete::{self, delete};
use crate::cleanup::run::logs::Logs;
use crate::cleanup::sweep::completion::Limits;
use crate::cleanup::sweep::ending::End;
use crate::cleanup::sweep::{Level, Order, Sight, Sweep};
use crate::cluster::api::{Api, Failure, Scope, WatchKind};
use crate::cluster::follow::{Event, Follower};
use crate::signals::{Signal, Signals};

/// How long deletions that are under way may still take once the sweep is to end. A kubelet kills after 30 s.
const DRAIN: Duration = Duration::from_secs(10);
/// How often the loop looks at the clock when nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// The options that bear on how things are done.
pub(crate) struct Options {
    /// Whether deletions are only rehearsed.
    pub dry_run: bool,
    /// How many lines of failed Jobs' logs are wanted.
    pub log_tail: Option<u32>,
    /// Who is shown them as they are read.
    pub log_level: Level,
    /// Whether they are kept for the report.
    pub keep_logs: bool,
    /// When the sweep began: all times are counted from then.
    pub start: Instant,
}

/// Sweeps the scopes until the end, and says how that came.
pub(crate) async fn drive(
    api: &Api,
    sweep: &mut Sweep,
    scopes: &[Scope],
    options: &Options,
    limits: &mut Limits,
    say: &Say,
    signals: &mut Signals,
) -> End {
    let start = options.start;
    let logs = Logs::new(options.log_tail, options.keep_logs, options.log_level, say);
    let again: Vec<_> = scopes.iter().map(|_| Notify::new()).collect();
    // What the followers wait for whose watch is deferred.
    let mut deferred: Vec<Option<oneshot::Sender<()>>> = scopes.iter().map(|_| None).collect();
    let (sender, mut events) = mpsc::channel(16);
    let watches = !limits.no_wait;
    let mut followers =
        std::pin::pin!(join_all(scopes.iter().zip(&again).enumerate().map(|(number, (scope, again))| {
            Follower { api, scope: scope.clone(), number, events: sender.clone(), again, watches }.follow()
        })));
    // They end when there is nothing more to follow, which is not yet the end of the sweep.
    let mut following = true;
    let stopping = Cell::new(false);
    let mut in_flight = FuturesUnordered::new();
    let mut progress = Progress::new(say, limits.deadline);
    let mut views = vec![View::Never; scopes.len()];

    let end = loop {
        let now = start.elapsed();
        for scope in sweep.overdue(now) {
            if deferred[scope].take().is_none() {
                again[scope].notify_one();
            }
        }
        for watch in sweep.undeferred().into_iter().filter_map(|scope| deferred[scope].take()) {
            let _ = watch.send(());
        }
        while let Some(order) = sweep.next_order(now) {
            in_flight.push(send(api, &logs, order, options.dry_run, &stopping));
        }
        sweep.take_notes().iter().for_each(|note| say.note(note));
        progress.show(sweep, now);
        if let Some(end) = limits.end(sweep, now) {
            break end;
        }

        let wake = [Some(now + TICK), limits.next(), sweep.pause().filter(|at| *at > now)];
        let wake = wake.into_iter().flatten().min().unwrap_or(now);
        tokio::select! {
            biased;
            signal = signals.next() => break End::Stopped(signal),
            Some((order, result)) = in_flight.next() => {
                if let Err(failure) = answered(sweep, &order, result, start.elapsed()) {
                    break End::Failed(failure);
                }
            }
            Some((scope, event)) = events.recv() => match event {
                Event::Fatal(failure) => break End::Failed(failure),
                Event::Lost(failure, _) if limits.no_wait => break End::Failed(failure),
                event => {
                    tell(say, &mut views[scope], &scopes[scope], &event);
                    if let Some((size, watch)) = apply(sweep, scope, event, start.elapsed()) {
                        if watches && sweep.defers_watch(scope, size) {
                            say.detail(format_args!("nearly all Jobs in {} go, so it is watched later", scopes[scope]));
                            deferred[scope] = Some(watch);
                        } else {
                            let _ = watch.send(());
                        }
                    }
                }
            },
            _ = &mut followers, if following => following = false,
            () = sleep_until(start + wake) => {}
        }
    };

    stopping.set(true);
    let end = drain(in_flight, sweep, start, say, signals).await.map_or(end, End::Aborted);
    sweep.take_notes().iter().for_each(|note| say.note(note));
    say.progress(String::new());
    match end {
        // What was still under way at the deadline may have been the last of it.
        End::Deadline => limits.end(sweep, start.elapsed()).unwrap_or(End::Deadline),
        end => end,
    }
}

/// Waits for the answers to what is under way, or for a signal that says not to.
async fn drain(
    mut in_flight: impl Stream<Item = (Order, delete::Result)> + Unpin,
    sweep: &mut Sweep,
    start: Instant,
    say: &Say,
    signals: &mut Signals,
) -> Option<Signal> {
    let count = in_flight.size_hint().0;
    if count > 0 {
        say.detail(format_args!("waiting for the answers to {count} deletions"));
    }
    let answers = async {
        while let Some((order, result)) = in_flight.next().await {
            // How the sweep ends is settled; another failure of the same kind is no news.
            let _ = answered(sweep, &order, result, start.elapsed());
        }
    };
    tokio::select! {
        biased;
        signal = signals.next() => Some(signal),
        _ = timeout(DRAIN, answers) => None,
    }
}

async fn send(
    api: &Api,
    logs: &Logs<'_>,
    order: Order,
    dry_run: bool,
    stopping: &Cell<bool>,
) -> (Order, delete::Result) {
    let result = delete(api, logs, &order, dry_run, stopping).await;
    (order, result)
}

fn answered(sweep: &mut Sweep, order: &Order, result: delete::Result, now: Duration) -> Result<(), Failure> {
    let (answer, logs) = result?;
    sweep.answered(order, answer, logs, now);
    Ok(())
}

/// Hands on to the sweep what is seen. After a list: how long it was, and what asks for a watch.
fn apply(
    sweep: &mut Sweep,
    scope: usize,
    event: Event,
    now: Duration,
) -> Option<(usize, oneshot::Sender<()>)> {
    match event {
        Event::ListBegins => sweep.list_begins(scope),
        Event::Page(jobs) => {
            for job in jobs {
                match job {
                    Ok(job) => sweep.seen(scope, job, now),
                    Err(object) => sweep.unreadable(scope, *object, now),
                }
            }
        }
        Event::Listed { size, watch } => {
            sweep.listed(scope, now);
            return Some((size, watch));
        }
        Event::Job(WatchKind::Applied, job) => sweep.seen(scope, *job, now),
        Event::Job(WatchKind::Deleted, job) => sweep.removed(*job, now),
        Event::Unreadable(kind, object) => match (kind, object.id.as_ref()) {
            (WatchKind::Deleted, Some(id)) => sweep.vanished(&id.uid, now),
            _ => sweep.unreadable(scope, *object, now),
        },
        Event::Watching => sweep.sees(scope, Sight::Watched),
        Event::Renewing => sweep.sees(scope, Sight::Listed),
        Event::Lost(..) => sweep.sees(scope, Sight::Lost),
        Event::Fatal(_) => {}
    }
    None
}

/// What we can see of a scope.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    /// Nothing was seen yet.
    Never,
    /// Nothing was seen yet, and that has been said.
    NotYet,
    /// It is in sight.
    Clear,
    /// It was in sight, and that it no longer is has been said.
    Lost,
}

/// Says what the user should know of lists and watches: troubles once, and their end.
fn tell(say: &Say, view: &mut View, scope: &Scope, event: &Event) {
    match event {
        Event::Lost(failure, after) => {
            let after = after.as_secs_f64();
            let again = format_args!("{failure}; looking again in {after:.1}s");
            match view {
                View::Never => say.warning(format_args!("cannot list Jobs in {scope}: {again}")),
                View::Clear => say.warning(format_args!("lost sight of {scope}: {again}")),
                View::NotYet | View::Lost => say.detail(format_args!("{scope}: {again}")),
            }
            *view = if matches!(view, View::Never | View::NotYet) { View::NotYet } else { View::Lost };
        }
        Event::Listed { .. } | Event::Watching => {
            match std::mem::replace(view, View::Clear) {
                View::NotYet => say.line(format_args!("{scope} is in sight")),
                View::Lost => say.line(format_args!("{scope} is in sight again")),
                View::Never | View::Clear => {}
            }
            let what = if matches!(event, Event::Listed { .. }) { "listed all Jobs in" } else { "watching" };
            say.detail(format_args!("{what} {scope}"));
        }
        Event::ListBegins => say.detail(format_args!("listing Jobs in {scope}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests;

//! The sweep at work: connects to the cluster, then sends deletions and takes in what happens until the sweep ends.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kube::api::DeleteParams;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

use super::ending::{EndCondition, Ending, nothing_in_scope};
use super::logs::LogReader;
use super::options::{Namespaces, Options};
use super::output::progress::Progress;
use super::rules::Rules;
use super::sweep::Sweep;
use crate::cluster::client::Cluster;
use crate::cluster::connect::Target;
use crate::cluster::pods;
use crate::cluster::stop::{Stop, unless_stopped};
use crate::cluster::variable;
use crate::cluster::watch::{Follower, Scope};
use crate::console::{Console, Verbosity};
use crate::escape::block;
use crate::policy::OWN_JOB_UID;
use crate::signals::{self, Signals};

/// How long to wait for the results of deletions under way once the sweep is to end. A pod's default termination grace period is
/// 30 s.
const DRAIN: Duration = Duration::from_secs(10);
/// For how long the cluster is asked afterwards why there is something left, or nothing was found.
const LOOK_AFTERWARDS: Duration = Duration::from_secs(5);
const JOBS_WITH_PODS: usize = 20;
/// How often the sweep looks at the clock.
const TICK: Duration = Duration::from_millis(100);

/// Connects and sweeps. Afterwards a signal ends the process.
pub(crate) async fn run(options: &Options, console: &Console, signals: &mut Signals) -> (Sweep, Ending) {
    let start = Instant::now();
    let deadline = options.timeout.connect_deadline();
    let connected: Result<_, Stop> = unless_stopped(signals, deadline, async {
        let target = Target::find(&options.connection).await?;
        let scopes = scopes(options, target.default_namespace());
        let context = target.context.clone();
        Ok((Cluster::connect(target, deadline).await?, scopes, context))
    })
    .await;
    let (cluster, scopes, context) = match connected {
        Ok(connected) => connected,
        Err(stop) => return (Sweep::default(), Err(stop)),
    };
    let rules = Rules {
        has_selector: options.selector.is_some(),
        own_job: variable(OWN_JOB_UID),
        only_lists: options.timeout.is_zero(),
        ..options.rules.clone()
    };
    let names = scopes.iter().map(Scope::to_string);
    let unix_start = jiff::Timestamp::now().as_second().saturating_sub_unsigned(start.elapsed().as_secs());
    let mut sweep = Sweep::new(rules, names, options.concurrency.get(), unix_start);
    let ending =
        sweep_until_done(&mut sweep, &cluster, scopes.clone(), options, console, signals, start).await;
    signals.end_the_process();
    if sweep.found_none() {
        say_nothing_in_scope(&sweep, &cluster, &scopes, context, options, console).await;
    }
    if matches!(ending, Err(Stop::Deadline)) {
        // Where this is not possible in time, the report says less.
        let _ = timeout(LOOK_AFTERWARDS, async {
            for tracked in sweep.active().take(JOBS_WITH_PODS) {
                tracked.pods = pods::why_unfinished(&cluster, &tracked.job).await;
            }
        })
        .await;
    }
    (sweep, ending)
}

async fn say_nothing_in_scope(
    sweep: &Sweep,
    cluster: &Cluster,
    scopes: &[Scope],
    context: Option<String>,
    options: &Options,
    console: &Console,
) {
    let mut missing = Vec::new();
    let _ = timeout(LOOK_AFTERWARDS, async {
        for namespace in scopes.iter().filter_map(|scope| scope.namespace.as_ref()) {
            if cluster.lacks_namespace(namespace).await {
                missing.push(namespace.clone());
            }
        }
    })
    .await;
    let context = context.map(|context| format!("context {context}"));
    let place: Vec<_> = scopes.iter().map(Scope::to_string).chain(context).collect();
    let level = if missing.is_empty() { Verbosity::Normal } else { Verbosity::Warning };
    let text = nothing_in_scope(&place.join(", "), &missing, options.rules.release.as_deref(), sweep);
    console.message(level, &block(&text));
}

/// The scopes to list and watch, each once.
fn scopes(options: &Options, default: &str) -> Vec<Scope> {
    let namespaces: BTreeSet<_> = match &options.namespaces {
        Namespaces::All => [None].into(),
        Namespaces::Default => [Some(default.to_owned())].into(),
        Namespaces::Named(names) => names.iter().cloned().map(Some).collect(),
    };
    let scope = |namespace| Scope { namespace, selector: options.selector.clone() };
    namespaces.into_iter().map(scope).collect()
}

async fn sweep_until_done(
    sweep: &mut Sweep,
    cluster: &Cluster,
    scopes: Vec<Scope>,
    options: &Options,
    console: &Console,
    received: &mut Signals,
    start: Instant,
) -> Ending {
    let (sender, mut events) = mpsc::channel(64);
    let mut followers = JoinSet::new();
    for (scope_index, scope) in scopes.into_iter().enumerate() {
        let follower = Follower {
            cluster: cluster.clone(),
            scope,
            scope_index,
            events: sender.clone(),
            only_lists: options.timeout.is_zero(),
        };
        followers.spawn(follower.follow());
    }
    let logs = LogReader { cluster, console, options, forbidden: RefCell::new(HashSet::new()) };
    let is_ending = Cell::new(false);
    let delete = async |job: Arc<_>| {
        let log = logs.read(&job).await;
        let params = DeleteParams { dry_run: options.rules.dry_run, ..DeleteParams::background() };
        let result = if is_ending.get() { None } else { Some(cluster.delete(&job, params).await) };
        (job, log, result)
    };
    let mut in_flight = FuturesUnordered::new();
    let mut tick = interval(TICK);
    let mut end_condition = EndCondition::new(options.timeout, options.settle);
    let mut progress = Progress::new(console, options.timeout.limit());
    // How the sweep ends, and when at the latest.
    let mut ending: Option<(Ending, Duration)> = None;
    loop {
        let now = start.elapsed();
        while ending.is_none()
            && let Some(job) = sweep.next_deletion(now)
        {
            in_flight.push(delete(job));
        }
        show_messages(sweep, console);
        progress.show(sweep, now);
        if ending.is_none() {
            ending = end_condition.check(sweep, now).map(|ending| (ending, now + DRAIN));
        }
        if let Some((_, latest)) = &ending {
            let is_drained = in_flight.is_empty() && !sweep.is_about_to_show_more();
            if is_drained || now >= *latest {
                break;
            }
            if !is_ending.replace(true) && !in_flight.is_empty() {
                let count = in_flight.len();
                let requests = if count == 1 { "request" } else { "requests" };
                let text = format!("waiting for {count} {requests} in progress");
                console.message(Verbosity::Verbose, &text);
            }
        }
        let stop = tokio::select! {
            biased;
            signal = received.next() => Some(match &ending {
                Some((Err(Stop::Signal(_)), _)) => {
                    console.error(&"aborted; the deletions under way may or may not be carried out");
                    signals::exit(signal);
                }
                _ => Stop::Signal(signal),
            }),
            _ = tick.tick() => {
                sweep.handle_timers(start.elapsed());
                None
            }
            // Before the replies, because the API server gives up a watch that is not read.
            Some((scope, event)) = events.recv() => {
                sweep.event(scope, event, start.elapsed()).err().map(Stop::from)
            }
            Some((job, log, result)) = in_flight.next(), if !in_flight.is_empty() => {
                sweep.replied(&job, log, result, start.elapsed()).err().map(Stop::from)
            }
        };
        if let (Some(stop), None) = (stop, &ending) {
            ending = Some((Err(stop), start.elapsed() + DRAIN));
        }
    }
    show_messages(sweep, console);
    console.show_progress("");
    match ending {
        // The last results may have completed the sweep.
        Some((Err(Stop::Deadline), _)) | None => {
            end_condition.check(sweep, start.elapsed()).unwrap_or(Err(Stop::Deadline))
        }
        Some((ending, _)) => ending,
    }
}

fn show_messages(sweep: &mut Sweep, console: &Console) {
    for (level, text) in sweep.take_messages() {
        console.message(level, &text);
    }
}

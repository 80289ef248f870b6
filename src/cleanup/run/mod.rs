//! The sweep at work: connects to the cluster, then sends requests and receives events until the sweep ends.

mod event_loop;
mod logs;
mod requests;

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::cleanup::options::{Namespaces, Options};
use crate::cleanup::output::terminal::Terminal;
use crate::cleanup::own_job::OwnJob;
use crate::cleanup::sweep::Sweep;
use crate::cleanup::sweep::end_condition::EndCondition;
use crate::cleanup::sweep::ending::Ending;
use crate::cleanup::sweep::rules::Rules;
use crate::cluster::api::{Api, Failure, Scope};
use crate::cluster::connect::Target;
use crate::signals::Signals;
use event_loop::EventLoop;
use logs::LogReader;
use requests::Requests;

/// Connects and sweeps. Returns the sweep, its ending and the receiver of signals. Without a receiver, a signal ends the process.
pub(crate) async fn connect_and_sweep(
    options: &Options,
    terminal: &Terminal,
) -> (Sweep, Ending, Option<Signals>) {
    let start = Instant::now();
    let end_condition = EndCondition::new(options.timeout, options.settle);
    let limit = end_condition.connect_limit();
    let not_connected = |ending| (Sweep::default(), ending, None);
    let (api, scopes, own_job, signals) = match connect(options, limit).await {
        Ok(connected) => connected,
        Err(failure) => return not_connected(Ending::Failed(failure)),
    };
    let rules = Rules {
        before_hook_creation: options.before_hook_creation,
        finished_for: options.finished_for,
        once: options.once,
        has_selector: options.selector.is_some(),
        release: options.release.clone(),
        own_job,
        dry_run: options.dry_run,
        log_tail: options.log_tail,
    };
    let logs = LogReader::new(terminal, options.format);
    let mut event_loop = EventLoop {
        sweep: Sweep::new(rules, scopes.iter().map(Scope::to_string), options.concurrency.get()),
        end_condition,
        signals,
        terminal,
        requests: &Requests::new(&api, logs, options.dry_run),
        start,
    };
    let ending = event_loop.sweep_until_done(&api, &scopes).await;
    (event_loop.sweep, ending, Some(event_loop.signals))
}

async fn connect(options: &Options, limit: Duration) -> Result<(Api, Vec<Scope>, OwnJob, Signals), Failure> {
    let start = Instant::now();
    let late = |_| Failure::Config("the deadline came before the kubeconfig was read".to_owned());
    let target = timeout(limit, Target::find(&options.connection)).await.map_err(late)??;
    let scopes = scopes(options, target.default_namespace());
    let own_job = OwnJob::find(target.pod_namespace.clone());
    let api = Api::connect(target, limit.saturating_sub(start.elapsed())).await?;
    // Until here nothing has to be completed, so a signal simply ends the process.
    let signals =
        Signals::listen().map_err(|error| Failure::Config(format!("cannot listen for signals: {error}")))?;
    Ok((api, scopes, own_job, signals))
}

/// The scopes to list and watch, each once.
fn scopes(options: &Options, default: &str) -> Vec<Scope> {
    let mut namespaces = match &options.namespaces {
        Namespaces::All => vec![None],
        Namespaces::Default => vec![Some(default.to_owned())],
        Namespaces::Named(names) => names.iter().cloned().map(Some).collect(),
    };
    namespaces.sort_unstable();
    namespaces.dedup();
    let scope = |namespace| Scope { namespace, selector: options.selector.clone() };
    namespaces.into_iter().map(scope).collect()
}

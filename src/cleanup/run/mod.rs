//! The sweep at work: connects to the cluster, then sends requests and receives events until the sweep ends.

mod event_loop;
mod logs;
mod requests;

use tokio::time::Instant;

use crate::cleanup::options::{Format, Namespaces, Options, Verbosity};
use crate::cleanup::output::progress::Progress;
use crate::cleanup::output::terminal::Terminal;
use crate::cleanup::own_job::OwnJob;
use crate::cleanup::sweep::Sweep;
use crate::cleanup::sweep::completion::Completion;
use crate::cleanup::sweep::ending::Ending;
use crate::cleanup::sweep::rules::Rules;
use crate::cluster::api::{Api, Failure, Scope};
use crate::cluster::connect::Target;
use crate::signals::Signals;
use event_loop::EventLoop;
use logs::LogReader;
use requests::Requests;

/// Connects and sweeps. Returns what became of the Jobs, how the sweep ended and, once signals no longer end the process
/// by themselves, who receives them.
pub(crate) async fn connect_and_sweep(
    options: Options,
    terminal: &Terminal,
) -> (Sweep, Ending, Option<Signals>) {
    let start = Instant::now();
    let Options {
        connection,
        namespaces,
        selector,
        release,
        before_hook_creation,
        finished_for,
        settle,
        once,
        timeout,
        concurrency,
        dry_run,
        log_tail,
        fail_on_failed: _,
        format,
        verbosity: _,
    } = options;
    let selected = selector.is_some();
    let mut rules = Rules {
        before_hook_creation,
        finished_for,
        once,
        selected,
        release,
        dry_run,
        log_tail,
        ..Rules::default()
    };
    let mut completion = Completion::new(timeout, settle);
    let limit = completion.connect_limit();
    let connecting = async {
        let target = Target::find(&connection).await?;
        let scopes = scopes(namespaces, target.default_namespace(), selector.as_ref());
        let own_job = OwnJob::find(target.pod_namespace);
        let api = Api::connect(target.config).await?;
        // Until here nothing has to be completed, so a signal simply ends the process.
        let signals = Signals::listen()
            .map_err(|error| Failure::Config(format!("cannot listen for signals: {error}")))?;
        Ok((api, own_job, scopes, signals))
    };
    let ending = match tokio::time::timeout(limit, connecting).await {
        Ok(Ok((api, own_job, scopes, mut signals))) => {
            rules.own_job = own_job;
            let mut sweep = Sweep::new(rules, scopes.iter().map(Scope::to_string), concurrency.get());
            // The JSON report has the logs, so that `--quiet` may leave them out of stderr.
            let (in_report, level) = match format {
                Format::Json => (true, Verbosity::Normal),
                Format::Table | Format::Name => (false, Verbosity::Warning),
            };
            let requests = Requests::new(&api, LogReader::new(terminal, level, in_report), dry_run);
            let progress = Progress::new(terminal, completion.deadline);
            let event_loop = EventLoop {
                sweep: &mut sweep,
                completion: &mut completion,
                signals: &mut signals,
                terminal,
                requests: &requests,
                progress,
                start,
            };
            let ending = event_loop.sweep_until_done(&api, &scopes).await;
            return (sweep, ending, Some(signals));
        }
        Ok(Err(failure)) => Ending::Failed(failure),
        Err(_) if completion.no_wait => {
            Ending::Failed(Failure::Credentials(format!("none came within {} s", limit.as_secs())))
        }
        Err(_) => Ending::Deadline,
    };
    (Sweep::new(rules, [], 0), ending, None)
}

/// The scopes to list and watch, each once.
fn scopes(namespaces: Namespaces, default: &str, selector: Option<&String>) -> Vec<Scope> {
    let mut namespaces = match namespaces {
        Namespaces::All => vec![None],
        Namespaces::Default => vec![Some(default.to_owned())],
        Namespaces::Named(names) => names.into_iter().map(Some).collect(),
    };
    namespaces.sort_unstable();
    namespaces.dedup();
    namespaces.into_iter().map(|namespace| Scope { namespace, selector: selector.cloned() }).collect()
}

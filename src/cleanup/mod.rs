//! `jobsweep --cleanup`: waits until the annotated Jobs have finished, deletes those whose policy names how they
//! ended, waits until they are gone, says what it did, and exits.
//!
//! What to do is decided without any I/O: `outcome` reads how a Job stands, `decide` what that calls for, `sweep`
//! keeps the books, `limits` tells when it is over. Around them, `watch` brings the Jobs, `delete` sends the
//! deletions, `drive` runs both in one loop, and `report` says at the end what became of every Job.
//!
//! # Exit codes
//!
//! The manual (`cli::manual`) and the README list them. Where several are true, a signal comes first, then 5, 1, 4
//! and 3.
//!
//! # The sweep's own Job
//!
//! Waiting for it would be waiting for oneself. The downward API says which one it is; in the pod template:
//!
//! ```yaml
//! env:
//!   - name: JOBSWEEP_OWN_JOB_UID
//!     valueFrom:
//!       fieldRef:
//!         fieldPath: metadata.labels['batch.kubernetes.io/controller-uid']
//! ```
//!
//! Without it, a Job whose name the pod's hostname begins with is taken for it. Any Job annotated
//! `jobsweep.io/ignore: "true"` is left alone too.
//!
//! # The report as JSON
#![doc = include_str!("output/json.md")]

mod options;
mod output;
mod own_job;
mod run;
mod sweep;

use std::io::{self, Write};
use std::process;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::timeout;

use output::report::Report;
use output::terminal::Say;
use own_job::OwnJob;
use run::event_loop::{self, drive};
use sweep::completion::Limits;
use sweep::ending::End;
use sweep::rules::Rules;
use sweep::{Level, Sweep};

pub use options::{Format, Namespaces, Options, Verbosity, default_settle};

use crate::cluster::api::{Api, Failure, Scope};
use crate::cluster::connect::Target;
use crate::exit_code::ExitCode;
use crate::signals::Signals;

/// How long the last word may take once the user wants us to go at once.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Sweeps. The report goes to `out`, everything else to stderr.
pub fn run(options: Options, mut out: impl Write + Send + 'static) -> process::ExitCode {
    let say = Say::new(options.verbosity);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say.error(format_args!("no runtime: {error}"));
            say.finish();
            return ExitCode::Failure.into();
        }
    };
    let start = Instant::now();
    let (format, dry_run, fail_on_failed) = (options.format, options.dry_run, options.fail_on_failed);
    let (sweep, end, signals) = runtime.block_on(sweep_all(options, &say));

    let exit_code = end.exit_code(&sweep, fail_on_failed);
    end.explain(&sweep, &say);
    let aborted = matches!(end, End::Aborted(_));
    let writing = runtime.spawn_blocking(move || {
        say.finish();
        if aborted {
            return exit_code;
        }
        let report = Report { sweep: &sweep, end: &end, exit_code, dry_run, took: start.elapsed() };
        report.write(format, &mut out).map_or_else(not_written, |()| exit_code)
    });
    let patience = if aborted { LAST_WORD } else { Duration::MAX };
    let written = runtime.block_on(written(writing, signals, patience));
    // Neither the writing nor a credential plugin that still runs must keep us.
    runtime.shutdown_background();
    written.unwrap_or(exit_code).into()
}

/// Says that the report could not be written, and gives the exit code for it.
fn not_written(error: io::Error) -> ExitCode {
    let say = Say::new(Level::Warning);
    say.error(format_args!("the report could not be written: {error}"));
    say.finish();
    ExitCode::Failure
}

/// Waits until everything has been written, and gives the exit code for that. Who reads it may take their time, and a
/// signal ends that.
async fn written(
    writing: JoinHandle<ExitCode>,
    signals: Option<Signals>,
    patience: Duration,
) -> Option<ExitCode> {
    let signal = async {
        match signals {
            Some(mut signals) => signals.next().await,
            // Nobody listens, so it ends us without further ado.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        written = timeout(patience, writing) => written.ok().map(|exit_code| exit_code.unwrap_or(ExitCode::Failure)),
        signal = signal => Some(signal.exit_code()),
    }
}

/// Connects, sweeps, and gives back what became of the Jobs and how it ended; and who listens for signals now.
async fn sweep_all(options: Options, say: &Say) -> (Sweep, End, Option<Signals>) {
    let Options {
        connection,
        namespaces,
        selector,
        release,
        before_hook_creation,
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
    let mut rules =
        Rules { before_hook_creation, once, selected: selector.is_some(), release, ..Rules::default() };
    let mut limits = Limits::new(timeout, settle);
    let options = event_loop::Options {
        dry_run,
        log_tail,
        // They were asked for; who asked for quiet too has them in the report, if that has a place for them.
        log_level: if format == Format::Json { Level::Normal } else { Level::Warning },
        keep_logs: format == Format::Json,
        start: tokio::time::Instant::now(),
    };
    // Credentials may take their time too, when a plugin brings them.
    let limit = limits.connect();
    let connecting = async {
        let target = Target::find(&connection).await?;
        let scopes = scopes(namespaces, target.default_namespace(), selector.as_ref());
        let own = OwnJob::find(target.pod_namespace);
        let api = Api::connect(target.config).await?;
        // Only now: until here, nothing has to be brought to an end, and a signal simply ends us.
        let signals = Signals::listen().map_err(|error| Failure::Config(format!("no signals: {error}")))?;
        Ok((api, own, scopes, signals))
    };
    let ended = match tokio::time::timeout(limit, connecting).await {
        Ok(Ok((api, own, scopes, mut signals))) => {
            rules.own = own;
            let mut sweep = Sweep::new(rules, dry_run, scopes.len(), concurrency.get());
            let end = drive(&api, &mut sweep, &scopes, &options, &mut limits, say, &mut signals).await;
            return (sweep, end, Some(signals));
        }
        Ok(Err(failure)) => End::Failed(failure),
        Err(_) if limits.no_wait => {
            End::Failed(Failure::Credentials(format!("none came within {} s", limit.as_secs())))
        }
        Err(_) => End::Deadline,
    };
    (Sweep::new(rules, dry_run, 0, 0), ended, None)
}

/// Where the Jobs are looked for, each place once.
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

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
#![doc = include_str!("report/json.md")]

mod api;
mod backoff;
mod config;
mod decide;
mod delete;
mod drive;
mod end;
#[cfg(test)]
mod fixture;
mod job;
mod limits;
mod logs;
mod outcome;
mod own;
mod progress;
mod report;
mod say;
mod signals;
mod sweep;
mod text;
mod time;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::timeout;

use api::{Api, Failure, Scope};
use config::Target;
use decide::Rules;
use drive::{Options, drive};
use end::{ERROR, End};
use limits::Limits;
use report::Report;
use say::Say;
use signals::Signals;
use sweep::{Level, Sweep};

pub(crate) use own::OWN_JOB_UID;

use crate::cli::{CleanupArgs, Output};

/// How long nothing must be left to do, unless the user says so.
const SETTLE: Duration = Duration::from_secs(2);
/// How long the last word may take once the user wants us to go at once.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Sweeps. The report goes to `out`, everything else to stderr.
pub fn run(args: CleanupArgs, mut out: impl Write + Send + 'static) -> ExitCode {
    let level = match (args.quiet, args.verbose || config::helm_debug()) {
        (true, _) => Level::Warning,
        (_, true) => Level::Verbose,
        _ => Level::Normal,
    };
    let say = Say::new(level);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say.error(format_args!("no runtime: {error}"));
            say.finish();
            return ExitCode::from(ERROR);
        }
    };
    let start = Instant::now();
    let format = args.output;
    let (dry_run, fail_on_failed) = (args.dry_run, args.fail_on_failed);
    let (sweep, end, signals) = runtime.block_on(sweep_all(args, &say));

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
    ExitCode::from(written.unwrap_or(exit_code))
}

/// Says that the report could not be written, and gives the exit code for it.
fn not_written(error: io::Error) -> u8 {
    let say = Say::new(Level::Warning);
    say.error(format_args!("the report could not be written: {error}"));
    say.finish();
    ERROR
}

/// Waits until everything has been written, and gives the exit code for that. Who reads it may take their time, and a
/// signal ends that.
async fn written(writing: JoinHandle<u8>, signals: Option<Signals>, patience: Duration) -> Option<u8> {
    let signal = async {
        match signals {
            Some(mut signals) => signals.next().await,
            // Nobody listens, so it ends us without further ado.
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        written = timeout(patience, writing) => written.ok().map(|exit_code| exit_code.unwrap_or(ERROR)),
        signal = signal => Some(signal.exit_code()),
    }
}

/// Connects, sweeps, and gives back what became of the Jobs and how it ended; and who listens for signals now.
async fn sweep_all(args: CleanupArgs, say: &Say) -> (Sweep, End, Option<Signals>) {
    // Every argument by name, so that none is forgotten.
    let CleanupArgs {
        namespaces: _,
        all_namespaces: _,
        selector,
        release,
        kubeconfig: _,
        context: _,
        before_hook_creation,
        settle,
        once,
        timeout,
        concurrency,
        dry_run,
        log_tail,
        fail_on_failed: _,
        output,
        verbose: _,
        quiet: _,
    } = args.clone();
    let mut rules =
        Rules { before_hook_creation, once, selected: selector.is_some(), release, ..Rules::default() };
    let mut limits = Limits::new(timeout, settle.unwrap_or(default_settle(once)));
    let options = Options {
        dry_run,
        log_tail,
        // They were asked for; who asked for quiet too has them in the report, if that has a place for them.
        log_level: if output == Output::Json { Level::Normal } else { Level::Warning },
        keep_logs: output == Output::Json,
        start: tokio::time::Instant::now(),
    };
    // Credentials may take their time too, when a plugin brings them.
    let limit = limits.connect();
    let ended = match tokio::time::timeout(limit, connect(&args)).await {
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

/// How long nothing must be left to do, unless the user says so: where nothing is waited for, nothing comes late.
fn default_settle(once: bool) -> Duration {
    if once { Duration::ZERO } else { SETTLE }
}

async fn connect(args: &CleanupArgs) -> Result<(Api, own::OwnJob, Vec<Scope>, Signals), Failure> {
    let Target { config, own } = Target::find(args).await?;
    let mut namespaces: Vec<_> = match args.namespaces.as_slice() {
        _ if args.all_namespaces => vec![None],
        [] => vec![Some(config.default_namespace.clone())],
        names => names.iter().cloned().map(Some).collect(),
    };
    namespaces.sort_unstable();
    namespaces.dedup();
    let selector = &args.selector;
    let scopes =
        namespaces.into_iter().map(|namespace| Scope { namespace, selector: selector.clone() }).collect();
    let api = Api::connect(config).await?;
    // Only now: until here, nothing has to be brought to an end, and a signal simply ends us.
    let signals = Signals::listen().map_err(|error| Failure::Config(format!("no signals: {error}")))?;
    Ok((api, own, scopes, signals))
}

//! `jobsweep --cleanup`: waits until the annotated Jobs have finished, deletes those whose policy names how they
//! ended, waits until they are gone, says what it did, and exits.
//!
//! [`sweep`](self) decides without any I/O: [`outcome`] reads how a Job stands, [`decide`] what is to be done about
//! it, [`sweep`](mod@sweep) keeps the books. Around it, [`watch`] brings the Jobs, [`delete`] sends the deletions,
//! [`drive`] runs both in one loop, and [`report`] says at the end what became of every Job.

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
mod logs;
mod note;
mod outcome;
mod own;
mod progress;
mod report;
mod say;
mod signals;
mod sweep;
mod time;
mod watch;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use api::{Api, Failure, Scope};
use config::Target;
use decide::Rules;
use drive::{Options, drive};
use end::{ERROR, End};
use note::Level;
use report::Report;
use say::Say;
use signals::Signals;
use sweep::Sweep;

use crate::cli::CleanupArgs;

/// How long nothing must be left to do, unless the user says so.
const SETTLE: Duration = Duration::from_secs(2);

/// Sweeps. The report goes to `out`, everything else to stderr.
pub fn run(args: CleanupArgs, out: &mut dyn Write) -> ExitCode {
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
            return ExitCode::from(ERROR);
        }
    };
    let start = Instant::now();
    let format = args.output;
    let (dry_run, fail_on_failed) = (args.dry_run, args.fail_on_failed);
    let (sweep, end) = runtime.block_on(sweep_all(args, &say));
    // A credential plugin that still runs must not keep us.
    runtime.shutdown_background();

    let mut exit_code = end.exit_code(&sweep, fail_on_failed);
    end.explain(&sweep, &say);
    if !matches!(end, End::Aborted(_)) {
        let took = start.elapsed();
        let report = Report { sweep: &sweep, end: &end, exit_code, dry_run, took };
        if let Err(error) = report.write(format, out) {
            say.error(format_args!("the report could not be written: {error}"));
            exit_code = ERROR;
        }
    }
    ExitCode::from(exit_code)
}

/// Connects, sweeps, and gives back what became of the Jobs and how it ended.
async fn sweep_all(args: CleanupArgs, say: &Say) -> (Sweep, End) {
    // Every argument by name, so that none is forgotten.
    let CleanupArgs {
        namespaces: _,
        all_namespaces: _,
        selector: _,
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
        output: _,
        verbose: _,
        quiet: _,
    } = args.clone();
    let mut rules = Rules { before_hook_creation, once, release, ..Rules::default() };
    let options = Options {
        timeout,
        settle: settle.unwrap_or(if once { Duration::ZERO } else { SETTLE }),
        dry_run,
        log_tail,
    };
    match connect(&args).await {
        Ok((api, own, scopes, mut signals)) => {
            rules.own = own;
            let mut sweep = Sweep::new(rules, dry_run, scopes.len(), concurrency.get());
            let end = drive(&api, &mut sweep, &scopes, &options, say, &mut signals).await;
            (sweep, end)
        }
        Err(failure) => (Sweep::new(rules, dry_run, 0, 0), End::Failed(failure)),
    }
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

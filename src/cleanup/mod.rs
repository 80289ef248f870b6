//! `jobsweep --cleanup`: waits until the annotated Jobs have finished, deletes those whose policy names how they ended,
//! waits until they are gone, and reports what it did.
//!
//! - `options`: what the command line asks for
//! - `own_job`: the Job in which this sweep runs, which it must not wait for
//! - `sweep/`: every decision, as a state machine without I/O
//! - `run/`: connects, follows the Jobs, sends the requests
//! - `output/`: messages, progress, and the report
//!
//! # The JSON report
#![doc = include_str!("output/json.md")]

mod options;
mod output;
mod own_job;
mod run;
mod sweep;

use std::fmt;
use std::future::pending;
use std::io::Write;
use std::process;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::background;
use crate::exit_code::ExitCode;
use crate::signals::Signals;
use output::last_messages;
use output::report::Report;
use output::terminal::Terminal;
use sweep::ending::Ending;

pub use options::{Format, Namespaces, Options, Verbosity, default_settle};

/// How long writing may take after a second signal.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Sweeps. Writes the report to `out` and everything else to stderr.
pub fn run(options: Options, mut out: impl Write + Send + 'static) -> process::ExitCode {
    let runtime = match background::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return failed(format_args!("cannot start: {error}")).into(),
    };
    let terminal = Terminal::new(options.verbosity);
    let start = Instant::now();
    let (sweep, ending, signals) = runtime.block_on(run::connect_and_sweep(&options, &terminal));

    let exit_code = ending.exit_code(&sweep, options.fail_on_failed);
    last_messages::explain(&ending, &sweep, &terminal);
    let aborted = matches!(ending, Ending::Aborted(_));
    let write = move || {
        terminal.finish();
        if aborted {
            return exit_code;
        }
        let (dry_run, took) = (options.dry_run, start.elapsed());
        let report = Report { sweep: &sweep, ending: &ending, exit_code, dry_run, took };
        match report.write(options.format, &mut out) {
            Ok(()) => exit_code,
            Err(error) => failed(format_args!("the report could not be written: {error}")),
        }
    };
    let limit = if aborted { LAST_WORDS } else { Duration::MAX };
    let written = runtime.block_on(finish_writing(write, signals, limit));
    // A credential plugin may still run.
    runtime.shutdown_background();
    written.unwrap_or(exit_code).into()
}

fn failed(why: fmt::Arguments<'_>) -> ExitCode {
    let terminal = Terminal::new(Verbosity::Warning);
    terminal.error(why);
    terminal.finish();
    ExitCode::Failure
}

/// Runs `write`, which may block for as long as nobody reads, until it is done, a signal comes, or the limit is reached.
async fn finish_writing(
    write: impl FnOnce() -> ExitCode + Send + 'static,
    signals: Option<Signals>,
    limit: Duration,
) -> Option<ExitCode> {
    let signal = async {
        match signals {
            Some(mut signals) => signals.next().await,
            // Nobody has asked to receive them, so a signal ends the process.
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        written = timeout(limit, background::run(write)) => written.ok().map(|exit_code| exit_code.unwrap_or(ExitCode::Failure)),
        signal = signal => Some(signal.exit_code()),
    }
}

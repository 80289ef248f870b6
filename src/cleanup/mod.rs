//! `jobsweep --cleanup`: waits until the annotated Jobs have finished, deletes those whose policy names how they ended,
//! waits until they are gone, and reports what it did.
//!
//! - `run`: connects, and brings together the watch of `crate::cluster`, the sweep and its deletions
//! - `sweep`: what is known of the Jobs, and what to do next. Pure
//! - `rules`: what to do with one Job. Pure. `own_job` is the Job in which this sweep runs
//! - `ending`: when and how a sweep ends. Pure
//! - `logs`: reads the logs of a Job before its deletion
//! - `output/`: the wording, progress, and the report
//! - `options`: what the command line asks for
//!
//! # The JSON report
#![doc = include_str!("output/json.md")]

mod ending;
#[cfg(test)]
mod fixture;
mod logs;
mod options;
mod output;
mod own_job;
mod rules;
mod run;
mod sweep;

use std::io::Write;
use std::process;
use std::time::Instant;

use crate::cluster::stop;
use crate::console::Console;
use crate::exit_code::ExitCode;
use ending::{Ending, last_messages};
use output::report::Report;

pub use crate::console::Verbosity;
pub use options::{Format, Namespaces, Options, default_settle};

/// Sweeps. Writes the report to `out` and everything else to stderr.
pub fn run(options: Options, mut out: impl Write) -> process::ExitCode {
    let console = Console::default().with_progress(options.verbosity);
    let start = Instant::now();
    let runtime = match stop::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.error(&error);
            return error.exit_code().into();
        }
    };
    let (sweep, ending) = runtime.block_on(run::run(&options, &console));
    let exit_code = ending.exit_code(&sweep, options.fail_on_failed);
    let took = start.elapsed();
    for (level, text) in last_messages(&ending, &sweep, sweep.unix_time(took)) {
        console.message(level, &text);
    }
    let written = if matches!(ending, Ending::Aborted(_)) {
        Ok(())
    } else {
        let report = Report { sweep: &sweep, ending: &ending, exit_code, dry_run: options.dry_run, took };
        report.write(options.format, &mut out)
    };
    // A credential plugin may still run.
    runtime.shutdown_background();
    match written {
        Ok(()) => exit_code.into(),
        Err(error) => {
            console.error(&format_args!("the report could not be written: {error}"));
            ExitCode::Failure.into()
        }
    }
}

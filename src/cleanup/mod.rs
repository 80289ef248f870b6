//! `jobsweep --cleanup`: waits until the annotated Jobs have finished, deletes those whose policy names how they ended,
//! waits until they are gone, and reports what it did.
//!
//! - `run`: connects, and brings together the watch of `crate::cluster`, the sweep and its deletions
//! - `sweep`: what is known of the Jobs, and what to do next. Pure
//! - `rules`: what to do with one Job. Pure
//! - `ending`: when and how a sweep ends. Pure
//! - `logs`: shows the logs of a Job before its deletion
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
mod rules;
mod run;
mod sweep;

use std::io::{self, IsTerminal};
use std::process;
use std::time::Instant;

use anstream::{AutoStream, ColorChoice};

use crate::cluster::stop;
use crate::console::Console;
use crate::error::ExitCode;
use ending::{Conclusion, last_messages, without_policy};
use output::report::Report;
use output::table::Layout;
use output::wording::totals;

pub use crate::console::Verbosity;
pub use options::{Format, Namespaces, Options};
pub use rules::Rules;

/// Sweeps. Writes the report to stdout and everything else to stderr.
pub fn run(options: Options) -> process::ExitCode {
    let console = Console::default().with_progress(options.verbosity);
    let start = Instant::now();
    let (runtime, mut signals) = match stop::start() {
        Ok(started) => started,
        Err(error) => {
            console.error(&error);
            return error.exit_code().into();
        }
    };
    let (sweep, ending) = runtime.block_on(run::run(&options, &console, &mut signals));
    let conclusion = Conclusion::new(&ending, &sweep, options.fail_on_failed);
    let exit_code = conclusion.exit_code;
    let took = start.elapsed();
    let error = conclusion.error.as_deref();
    let mut stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    // A log with a line for each Job needs no table of the same.
    let says_all = !is_terminal && !io::stderr().is_terminal() && options.verbosity >= Verbosity::Normal;
    let layout = (options.format == Format::Table && !says_all).then(|| Layout {
        has_namespaces: options.namespaces.may_be_several(),
        has_all: !is_terminal || options.verbosity == Verbosity::Verbose,
        is_coloured: AutoStream::choice(&stdout) != ColorChoice::Never,
    });
    for (level, text) in last_messages(&ending, error, &sweep, layout.is_some(), sweep.unix_time(took)) {
        console.message(level, &text);
    }
    let report = Report { sweep: &sweep, conclusion: &conclusion, dry_run: options.rules.dry_run, took };
    let written = report.write(options.format, layout.as_ref(), &mut stdout);
    let totals = totals(sweep.jobs());
    if !totals.is_empty() {
        console.message(Verbosity::Normal, &format!("{totals}{}", without_policy(&sweep)));
    }
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

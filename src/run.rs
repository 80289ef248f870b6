//! Which mode runs, on which streams, and what its end means as an exit code.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};

use crate::cli::{Cli, FilterArgs, InjectArgs, LOG_FILE};
use crate::console::Console;
use crate::inject;
use crate::input;
use crate::translate::{self, Diagnostic, Options};

/// What to do when somebody runs the filter by hand.
const HINT: &str = "\
no input: manifests are read from stdin. For example:
  helm template my-chart | jobsweep | kubectl apply -f -
  helm upgrade --install my-release my-chart --post-renderer jobsweep
  jobsweep < manifests.yaml
See jobsweep --help.";

/// Wrong usage, as clap has it.
const USAGE: u8 = 2;
/// `EX_DATAERR` of sysexits.h: the input is not valid.
const INVALID_INPUT: u8 = 65;

/// Runs the mode that the command line asks for, on the process's own streams.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(answer) if !answer.use_stderr() => {
            return answer.print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
        }
        Err(error) => {
            let log_file = std::env::var_os(LOG_FILE).filter(|name| !name.is_empty()).map(PathBuf::from);
            let message = error.render().to_string();
            Console::new(log_file.as_deref())
                .unwrap_or_default()
                .error(&message.trim_start_matches("error: ").trim_end());
            return ExitCode::from(USAGE);
        }
    };
    #[cfg(feature = "cleanup")]
    if cli.cleanup {
        return crate::cleanup::run(cli.sweep, io::stdout());
    }
    let mut console = match Console::new(cli.filter.log_file()) {
        Ok(console) => console,
        Err(error) => {
            Console::default().error(&format_args!("cannot open the log file: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let mut stdout = io::stdout().lock();
    let done = if let Some(shell) = cli.completions {
        // Into memory first: the generator panics where it cannot write.
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "jobsweep", &mut script);
        stdout.write_all(&script).and_then(|()| stdout.flush()).context("cannot write the completion script")
    } else if cli.man {
        clap_mangen::Man::new(Cli::command()).render(&mut stdout).context("cannot write the manual page")
    } else if io::stdin().is_terminal() {
        console.error(&HINT);
        return ExitCode::from(USAGE);
    } else {
        filter(cli.filter, cli.inject, &mut io::stdin().lock(), &mut stdout, &mut console)
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    console.error(&format_args!("{error:#}"));
    if error.is::<Diagnostic>() {
        ExitCode::from(INVALID_INPUT)
    } else if error.is::<WrongUsage>() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}

/// Translates what `input` holds onto `output`, and appends the cleanup if it is asked for. Nothing is written before
/// everything is known to be right.
fn filter(
    args: FilterArgs,
    inject: InjectArgs,
    input: &mut dyn Read,
    output: &mut dyn Write,
    console: &mut Console,
) -> anyhow::Result<()> {
    let FilterArgs { default_policy, strict, log_file: _ } = args;
    let default_policy = default_policy.and_then(|given| given.0);
    let manifests = input::read(input).context("cannot read stdin")?;
    let translated = translate::translate(&manifests, &Options { default_policy, strict })?;
    let appendix = match inject.injection() {
        Some(injection) => {
            #[cfg(feature = "cleanup")]
            check_cleanup_args(&injection.args)?;
            inject::appendix(&manifests, &injection).map_err(|no_hooks| WrongUsage(no_hooks.to_string()))?
        }
        None => None,
    };
    for warning in &translated.warnings {
        console.warn(warning);
    }
    // The standard library passes on every line that is written; a stream of Jobs has many insertions.
    let mut output = BufWriter::with_capacity(64 * 1024, output);
    translated.write_to(&mut output).context("cannot write stdout")?;
    let Some(appendix) = appendix else { return Ok(()) };
    output.write_all(appendix.as_bytes()).and_then(|()| output.flush()).context("cannot write stdout")
}

/// What is wrong with an argument for the cleanup is found here and now rather than in a pod's log.
#[cfg(feature = "cleanup")]
fn check_cleanup_args(args: &[String]) -> Result<(), WrongUsage> {
    let line = ["jobsweep", "--cleanup"].into_iter().chain(args.iter().map(String::as_str));
    let refused = |error: clap::Error| {
        let text = error.render().to_string();
        WrongUsage(format!("--cleanup-arg: {}", text.trim_start_matches("error: ").trim_end()))
    };
    Cli::try_parse_from(line).map(|_| ()).map_err(refused)
}

/// The command line asks for what cannot be.
#[derive(Debug)]
struct WrongUsage(String);

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

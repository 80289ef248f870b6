//! Runs the mode that the command line asks for, on the standard streams.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::process;

#[cfg(feature = "cleanup")]
use crate::cli::Mode;
use crate::cli::{self, Cli, FilterArgs};
use crate::console::Console;
use crate::error::{Error, ExitCode};
use crate::inject;
use crate::translate::krm::{self, FunctionConfig};
use crate::translate::{Diagnostic, Options, Translated, translate};

const NO_INJECTION: &str = "--inject-cleanup appends manifests, but kustomize and kpt expect one ResourceList; use \
                            examples/cleanup-job.yaml as one of the resources instead";

/// Runs the mode that the command line asks for, on the process's own streams.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> process::ExitCode {
    let mut console = Console::default();
    match run_mode(args, &mut console) {
        Ok(exit_code) => exit_code,
        Err(error) => {
            match &error {
                #[cfg(feature = "cleanup")]
                Error::Blocked(blocked) => blocked.messages.iter().for_each(|message| console.error(message)),
                _ => console.error(&error),
            }
            error.exit_code().into()
        }
    }
}

fn run_mode(
    args: impl IntoIterator<Item = OsString>,
    console: &mut Console,
) -> Result<process::ExitCode, Error> {
    let cli = match cli::parse(args) {
        Ok(cli) => cli,
        Err(help) if !help.use_stderr() => {
            help.print().map_err(Error::Stdout)?;
            return Ok(ExitCode::Done.into());
        }
        Err(wrong) => {
            *console = open_console(None).unwrap_or_default();
            return Err(Error::Usage(cli::what_is_wrong(&wrong)));
        }
    };
    match cli {
        #[cfg(feature = "cleanup")]
        Cli { mode: Some(Mode::Cleanup(args)), .. } => {
            return Ok(crate::cleanup::run(args.options().map_err(Error::Usage)?));
        }
        #[cfg(feature = "cleanup")]
        Cli { mode: Some(Mode::Unblock(args)), .. } => {
            *console = open_console(args.filter.log_file.clone())?;
            let (options, args) = args.options().map_err(Error::Usage)?;
            translate_stdin(args, true, console, |translated, console| {
                unblock(translated, &options, console)
            })?;
        }
        Cli { completions: Some(shell), .. } => print(&cli::completions(shell))?,
        Cli { man: true, .. } => print(&cli::man().map_err(Error::Stdout)?)?,
        Cli { filter, .. } => {
            *console = open_console(filter.log_file.clone())?;
            translate_stdin(filter, false, console, |_, _| Ok(()))?;
        }
    }
    Ok(ExitCode::Done.into())
}

fn print(text: &[u8]) -> Result<(), Error> {
    io::stdout().write_all(text).map_err(Error::Stdout)
}

fn open_console(log_file: Option<OsString>) -> Result<Console, Error> {
    let log_file = cli::log_file(log_file);
    Console::new(log_file.as_deref()).map_err(|error| Error::LogFile(log_file.unwrap_or_default(), error))
}

/// Translates stdin to stdout, and appends the cleanup if that is asked for. `before_writing` may refuse, so that nothing is written.
/// After an error in the manifests, a KRM function writes its input and the error.
fn translate_stdin(
    args: FilterArgs,
    read_jobs: bool,
    console: &mut Console,
    before_writing: impl FnOnce(&mut Translated<'_>, &mut Console) -> Result<(), Error>,
) -> Result<(), Error> {
    if io::stdin().is_terminal() {
        return Err(Error::Usage(cli::no_input(read_jobs)));
    }
    let mut manifests = Vec::new();
    io::stdin().read_to_end(&mut manifests).map_err(Error::Stdin)?;
    // The standard library flushes standard output after every line.
    let mut output = BufWriter::new(io::stdout());
    let function = krm::function_config(&manifests);
    let injection = args.inject.clone().injection().map_err(Error::Usage)?;
    if injection.is_some() && !matches!(function, Ok(None)) {
        return Err(Error::Usage(NO_INJECTION.to_owned()));
    }
    let mut translated =
        match options(function, &args, read_jobs).and_then(|options| Ok(translate(&manifests, &options)?)) {
            Ok(translated) => translated,
            Err(Error::Manifests(error)) => {
                if let Some(list) = krm::with_error(&manifests, &error) {
                    // Whether or not this fails, the error below is the one to report.
                    let _ = output.write_all(&list).and_then(|()| output.flush());
                }
                return Err(error.into());
            }
            Err(error) => return Err(error),
        };
    let appendix = match injection {
        Some(injection) => {
            inject::appendix(&manifests, &injection).map_err(|why| Error::Usage(why.to_owned()))?
        }
        None => None,
    };
    for warning in &translated.warnings {
        console.warn(warning);
    }
    before_writing(&mut translated, console)?;
    match krm::with_warnings(&translated) {
        Some(list) => output.write_all(&list),
        None => translated.write_to(&mut output),
    }
    .and_then(|()| output.write_all(appendix.unwrap_or_default().as_bytes()))
    .and_then(|()| output.flush())
    .map_err(Error::Stdout)
}

/// The options of the translation, by the arguments and the options of a KRM function.
fn options(
    function: Result<Option<FunctionConfig>, Diagnostic>,
    args: &FilterArgs,
    read_jobs: bool,
) -> Result<Options, Error> {
    let config = function?.unwrap_or_default();
    let default_policy = args.default_policy(config.default_policy).map_err(Error::Usage)?;
    let name_suffix = args.name_suffix(config.name_suffix_hash);
    Ok(Options {
        default_policy,
        strict: args.strict || config.strict,
        read_jobs,
        fill_nulls: read_jobs || name_suffix.is_some(),
        name_suffix,
    })
}

/// Deletes the Jobs in the cluster that block the manifests. Without a Job among them, no cluster is looked for.
#[cfg(feature = "cleanup")]
fn unblock(
    translated: &mut Translated<'_>,
    options: &crate::unblock::Options,
    console: &mut Console,
) -> Result<(), Error> {
    // In a pipe, the command before may have failed.
    if translated.is_blank() {
        console.warn(&"there are no manifests on stdin");
    }
    for warning in &translated.skipped_jobs {
        console.warn(warning);
    }
    let jobs = std::mem::take(&mut translated.jobs);
    if jobs.is_empty() {
        return Ok(());
    }
    crate::unblock::unblock(jobs, options, console).map_err(Error::Blocked)
}

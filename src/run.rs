//! Runs the mode that the command line asks for, on the standard streams, and turns its result into an exit code.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::process;

use anyhow::{Context, anyhow};

use crate::cli::{self, Cli, FilterArgs};
use crate::console::Console;
use crate::exit_code::ExitCode;
use crate::inject;
use crate::input;
use crate::pipe::{self, Output};
use crate::translate::krm::FunctionConfig;
use crate::translate::{self, Diagnostic, Options, Piece, Problem, Scan, Translated, krm};
#[cfg(feature = "cleanup")]
use crate::unblock;

/// What to do when somebody runs the filter by hand.
const HINT: &str = "\
no input: manifests are read from stdin. For example:
  helm template my-chart | jobsweep | kubectl apply -f -
  helm upgrade --install my-release my-chart --post-renderer jobsweep
  jobsweep < manifests.yaml
See jobsweep --help.";

const NO_INJECTION: &str = "--inject-cleanup appends manifests, but kustomize and kpt expect one ResourceList; use \
                            examples/cleanup-job.yaml as one of the resources instead";

/// Why output is missing.
const NOT_WRITTEN: &str = "cannot write stdout";

/// Runs the mode that the command line asks for, on the process's own streams.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> process::ExitCode {
    let (console, result) = match Cli::from_command_line(args) {
        #[cfg(feature = "cleanup")]
        Ok(cli) if cli.cleanup => match cli.sweep.options() {
            Ok(options) => return crate::cleanup::run(&options, io::stdout()),
            Err(wrong) => (Console::default(), Err(WrongUsage(wrong).into())),
        },
        Ok(cli) => match console(cli.filter.log_file.clone()) {
            Ok(mut console) => {
                let result = run_other_modes(cli, &mut console);
                (console, result)
            }
            Err(error) => (Console::default(), Err(error)),
        },
        Err(help) if !help.use_stderr() => (Console::default(), help.print().context(NOT_WRITTEN)),
        Err(wrong) => (console(None).unwrap_or_default(), Err(WrongUsage(cli::what_is_wrong(&wrong)).into())),
    };
    let Err(error) = result else { return ExitCode::Done.into() };
    match blocked(&error) {
        Some(messages) => messages.iter().for_each(|message| console.error(message)),
        None => console.error(&format_args!("{error:#}")),
    }
    exit_code(&error).into()
}

fn console(log_file: Option<OsString>) -> anyhow::Result<Console> {
    let log_file = cli::log_file(log_file);
    Console::new(log_file.as_deref()).map_err(|error| {
        let name = log_file.unwrap_or_default();
        anyhow!(
            "cannot append to the log file {}: {error}; let --log-file or JOBSWEEP_LOG_FILE name a file that can be \
             written to, or neither",
            name.display()
        )
    })
}

/// Runs every mode except the cleanup. Output goes to stdout.
fn run_other_modes(cli: Cli, console: &mut Console) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    if let Some(shell) = cli.completions {
        stdout.write_all(&cli::completions(shell)).context(NOT_WRITTEN)
    } else if cli.man {
        stdout.write_all(&cli::man()?).context(NOT_WRITTEN)
    } else if io::stdin().is_terminal() {
        Err(WrongUsage(HINT.to_owned()).into())
    } else {
        let mut stdin = io::stdin().lock();
        pipe::widen(&stdin);
        filter(cli, &mut stdin, Output::new(stdout), console)
    }
}

/// Translates `input` into `output`, and appends the cleanup if it is asked for. Nothing is written before everything is known to be
/// right. After an error, a KRM function writes its input and the error.
fn filter(
    cli: Cli,
    input: &mut dyn Read,
    mut output: Output<'_>,
    console: &mut Console,
) -> anyhow::Result<()> {
    #[cfg(feature = "cleanup")]
    let unblock_options = cli.unblock_options().map_err(WrongUsage)?;
    let injection = cli.inject.injection().map_err(WrongUsage)?;
    let mut scan = Scan::new(matches!(cli.filter.default_policy(None), Ok(Some(_))));
    let manifests = input::read(input, &mut |read| scan.advance(read)).map_err(|error| {
        anyhow!(
            "cannot read stdin: {error}; give it manifests from a file or a pipe: jobsweep < manifests.yaml"
        )
    })?;
    // The output pipe may refer to the manifests until they are read, even after the end.
    let manifests: &'static [u8] = Box::leak(manifests);
    let function = krm::function_config(manifests);
    if injection.is_some() && !matches!(function, Ok(None)) {
        return Err(WrongUsage(NO_INJECTION.to_owned()).into());
    }
    let translated = match translated(manifests, scan, function, &cli.filter)? {
        Ok(translated) => translated,
        Err(error) => {
            if let Some(list) = krm::with_error(manifests, &error) {
                // Whether or not this fails, the error below is the one to report.
                let _ = output.write_all(&list).and_then(|()| output.flush());
            }
            return Err(error.into());
        }
    };
    let appendix = match injection {
        Some(injection) => {
            inject::appendix(manifests, &injection).map_err(|no_hooks| WrongUsage(no_hooks.to_string()))?
        }
        None => None,
    };
    for warning in &translated.warnings {
        console.warn(warning);
    }
    #[cfg(feature = "cleanup")]
    if let Some(options) = unblock_options {
        run_unblock(&translated, &options, console)?;
    }
    match krm::with_warnings(&translated) {
        Some(list) => output.write_all(&list),
        None => translated.pieces().try_for_each(|piece| match piece {
            Piece::Kept(bytes) => output.write_static(bytes),
            Piece::Inserted(bytes) => output.write_all(bytes),
        }),
    }
    .context(NOT_WRITTEN)?;
    let appendix = appendix.unwrap_or_default();
    output.write_all(appendix.as_bytes()).and_then(|()| output.flush()).context(NOT_WRITTEN)
}

/// Translates the manifests, by the arguments and the options of a KRM function.
fn translated<'m>(
    manifests: &'m [u8],
    scan: Scan,
    function: Result<Option<FunctionConfig>, Diagnostic>,
    args: &FilterArgs,
) -> Result<Result<Translated<'m>, Diagnostic>, WrongUsage> {
    let config = match function {
        Ok(config) => config.unwrap_or_default(),
        Err(error) => return Ok(Err(error)),
    };
    let default_policy = args.default_policy(config.default_policy).map_err(WrongUsage)?;
    Ok(translate::translate_scanned(
        manifests,
        scan,
        &Options { default_policy, strict: args.strict || config.strict },
    ))
}

/// Deletes the Jobs in the cluster that block the manifests. Without a Job among them, no cluster is looked for.
#[cfg(feature = "cleanup")]
fn run_unblock(
    translated: &Translated<'_>,
    options: &unblock::Options,
    console: &mut Console,
) -> anyhow::Result<()> {
    let (jobs, warnings) = translated.jobs()?;
    for warning in &warnings {
        console.warn(warning);
    }
    if jobs.is_empty() {
        return Ok(());
    }
    Ok(unblock::unblock(jobs, options, console)?)
}

/// The messages of `--unblock`, if they are why the run failed.
#[cfg(feature = "cleanup")]
fn blocked(error: &anyhow::Error) -> Option<&[String]> {
    error.downcast_ref().map(|blocked: &unblock::Blocked| &*blocked.messages)
}

#[cfg(not(feature = "cleanup"))]
fn blocked(_: &anyhow::Error) -> Option<&[String]> {
    None
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    #[cfg(feature = "cleanup")]
    if let Some(blocked) = error.downcast_ref::<unblock::Blocked>() {
        return blocked.exit_code;
    }
    match error.downcast_ref::<Diagnostic>() {
        Some(Diagnostic { problem: Problem::NotProven, .. }) => ExitCode::Failure,
        Some(_) => ExitCode::InvalidInput,
        None if error.is::<WrongUsage>() => ExitCode::Usage,
        None => ExitCode::Failure,
    }
}

/// The command line asks for something impossible.
#[derive(Debug)]
struct WrongUsage(String);

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Place;

    #[test]
    fn the_exit_code_tells_whose_fault_it_is() {
        let place = Box::new(Place {
            document: 1,
            source: None,
            byte: 0,
            job: None,
            line: 1,
            column: 1,
            snippet: String::new(),
            indent: 0,
        });
        let diagnostic = |problem| Diagnostic { problem, place: place.clone() }.into();
        for (error, code) in [
            (diagnostic(Problem::DuplicateKey("kind")), 65),
            (diagnostic(Problem::NotProven), 1),
            (WrongUsage("no".to_owned()).into(), 2),
            (io::Error::other("no").into(), 1),
        ] {
            assert_eq!(exit_code(&error).code(), code, "{error:?}");
        }
    }
}

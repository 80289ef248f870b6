//! What help, hints and the manual page say besides the options.

use std::io;

use clap::{Arg, ArgAction, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Cli;
use crate::error::ExitCode;
use crate::policy::OWN_JOB_UID;

/// The examples of the filter.
pub(super) const FILTER: &str = "  \
  helm upgrade --install shop ./shop -n shop \\
    --post-renderer jobsweep --post-renderer-args --unblock    # the cure
  helm template shop ./shop -n shop | jobsweep | kubectl apply -n shop -f -";
/// The examples of `--unblock`.
pub(super) const UNBLOCK: &str = "  \
  helm upgrade --install shop ./shop -n shop \\
    --post-renderer jobsweep --post-renderer-args --unblock
  helm template shop ./shop -n shop | jobsweep --unblock -n shop | kubectl apply -n shop -f -";
/// The examples of the cleanup.
pub(super) const CLEANUP: &str = "  \
  jobsweep --cleanup -n shop --once --default-policy hook-succeeded --dry-run
  jobsweep --cleanup -n shop --release shop    # the annotated Jobs of one release";

const DURATION: &str = "A DURATION is a number with its unit, or several: 90s, 5m, 1h30m.";

const ENVIRONMENT: [(&str, &str); 8] = [
    ("JOBSWEEP_DEFAULT_POLICY", "the value of --default-policy if that is not given; not for --cleanup"),
    ("JOBSWEEP_LOG_FILE", "the value of --log-file if that is not given"),
    ("JOBSWEEP_FINISHED_FOR", "the value of --finished-for if that is not given"),
    ("JOBSWEEP_DRY_RUN", "1 makes --unblock and --cleanup dry runs"),
    ("JOBSWEEP_UNBLOCK", "1 stands for --unblock if Helm calls jobsweep without arguments"),
    ("HELM_NAMESPACE", "the namespace for --unblock if no Helm calls and --namespace is not given"),
    ("HELM_KUBECONTEXT", "the context for --unblock, and for a plugin of Helm, if --context is not given"),
    (OWN_JOB_UID, "the UID of the Job that the cleanup itself runs in"),
];

/// What follows the options in the help of a mode with these examples.
pub(super) fn notes(examples: &str) -> String {
    let duration = if examples == FILTER { String::new() } else { format!("{DURATION}\n\n") };
    format!("{duration}Examples:\n{examples}")
}

/// The same in the long help.
pub(super) fn long_notes(examples: &str) -> String {
    let codes = exit_codes();
    let width = codes.iter().map(|(code, _)| code.len()).max().unwrap_or_default();
    let lines = codes.iter().map(|(code, meaning)| format!("\n  {code:width$}  {meaning}"));
    format!("{}\n\nExit codes:{}", notes(examples), lines.collect::<String>())
}

/// The cleanup as a plugin of kubectl, by the name as users type it.
#[cfg(feature = "cleanup")]
pub(super) fn renamed(cleanup: Command, name: &str) -> Command {
    let by_name = |notes: String| notes.replace("jobsweep --cleanup", name);
    let (short, long) = (by_name(notes(CLEANUP)), by_name(long_notes(CLEANUP)));
    cleanup.override_usage(format!("{name} [OPTIONS]")).after_help(short).after_long_help(long)
}

/// What to do when somebody runs the filter, or `--unblock`, by hand.
#[must_use]
pub fn no_input(unblocks: bool) -> String {
    let (program, examples) = if unblocks { ("jobsweep --unblock", UNBLOCK) } else { ("jobsweep", FILTER) };
    format!(
        "no input: manifests are read from stdin. For example:\n{examples}\n  {program} < manifests.yaml\n\
         See {program} --help."
    )
}

fn exit_codes() -> Vec<(String, &'static str)> {
    let codes = |codes: &[ExitCode]| {
        let codes: Vec<_> = codes.iter().map(|code| code.code().to_string()).collect();
        codes.join(", ")
    };
    ExitCode::TABLE.iter().map(|(alike, meaning)| (codes(alike), *meaning)).collect()
}

/// The options of all modes, and the flags that select one.
fn all_options(cli: &Command) -> Command {
    let mut all = Command::new("jobsweep").version(env!("CARGO_PKG_VERSION")).after_help(DURATION);
    all = all.about(cli.get_about().cloned().unwrap_or_default());
    all = all.long_about(cli.get_long_about().cloned().unwrap_or_default());
    for (flag, mode) in ["unblock", "cleanup"].map(|flag| (flag, cli.find_subcommand(flag))) {
        let about = mode.and_then(Command::get_about).cloned();
        let arg = about.map(|about| Arg::new(flag).long(flag).action(ArgAction::SetTrue).help(about));
        all = all.args(arg.map(|arg| arg.help_heading("Modes")));
    }
    for arg in [cli].into_iter().chain(cli.get_subcommands()).flat_map(Command::get_arguments) {
        if all.get_arguments().all(|known| known.get_long() != arg.get_long()) {
            all = all.arg(arg.clone());
        }
    }
    all
}

/// A shell's completion script.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut all_options(&Cli::command()), "jobsweep", &mut script);
    script
}

/// The manual page, as roff.
///
/// # Errors
/// Returns the errors of writing to a vector: there are none.
pub fn man() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(all_options(&Cli::command())).render(&mut page)?;
    let environment = ENVIRONMENT.map(|(name, meaning)| (name.to_owned(), meaning)).to_vec();
    let mut sections = Roff::new();
    for (heading, table) in [("ENVIRONMENT", environment), ("EXIT STATUS", exit_codes())] {
        sections.control("SH", [heading]);
        for (word, meaning) in table {
            sections.control("TP", []).text([bold(word)]).text([roman(meaning)]);
        }
    }
    sections.control("SH", ["EXAMPLES"]).control("nf", []);
    for line in [UNBLOCK, CLEANUP, FILTER].into_iter().flat_map(str::lines) {
        sections.text([roman(line)]);
    }
    sections.control("fi", []);
    sections.to_writer(&mut page)?;
    Ok(page)
}

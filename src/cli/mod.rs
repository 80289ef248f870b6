//! The command line: which mode it is, and the arguments of that mode.

#[cfg(feature = "cleanup")]
mod cleanup;
#[cfg(feature = "cleanup")]
mod cluster;
mod filter;
mod inject;
mod manual;
#[cfg(feature = "cleanup")]
mod unblock;

use std::env;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, FromArgMatches, Parser};
use clap_complete::Shell;

#[cfg(feature = "cleanup")]
pub use cleanup::Cleanup;
pub use filter::{FilterArgs, log_file};
pub use manual::{completions, man, no_input};
#[cfg(feature = "cleanup")]
pub use unblock::Unblock;

/// The first line is the filter's. The others lead to the other modes.
#[cfg(feature = "cleanup")]
const USAGE: &str = "\
jobsweep [OPTIONS] < MANIFESTS > OUTPUT
       jobsweep --unblock [OPTIONS] < MANIFESTS > OUTPUT
       jobsweep --cleanup [OPTIONS]";
#[cfg(not(feature = "cleanup"))]
const USAGE: &str = "jobsweep [OPTIONS] < MANIFESTS > OUTPUT";

/// Keep finished Kubernetes Jobs from blocking the next upgrade
///
/// Without another mode, jobsweep is a filter: it writes the manifests on stdin to stdout, where every Job that has the annotation
/// helm.sh/hook-delete-policy also has kots.io/hook-delete-policy with the same value. No other byte changes.
// If an option is given twice, the last one counts, so that users can append theirs to those of a manifest.
#[derive(Debug, Parser)]
#[command(name = "jobsweep", version, propagate_version = true, args_override_self = true, override_usage = USAGE)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_help_heading = "Modes (each has its own --help)"
)]
#[command(after_help = manual::notes(manual::FILTER), after_long_help = manual::long_notes(manual::FILTER))]
pub struct Cli {
    /// Another mode than the filter.
    #[cfg(feature = "cleanup")]
    #[command(subcommand)]
    pub mode: Option<Mode>,

    /// What the filter does.
    #[command(flatten)]
    pub filter: FilterArgs,

    /// Print a completion script for this shell
    #[arg(long, value_name = "SHELL", help_heading = "Other")]
    pub completions: Option<Shell>,

    /// Print the manual page
    #[arg(long, help_heading = "Other")]
    pub man: bool,
}

/// A mode that works in a cluster: a flag or a word selects it.
#[cfg(feature = "cleanup")]
#[derive(Debug, clap::Subcommand)]
#[expect(missing_docs, reason = "the help of a mode is at its arguments")]
pub enum Mode {
    #[command(long_flag = "unblock", display_name = "jobsweep")]
    Unblock(Unblock),
    #[command(long_flag = "cleanup", display_name = "jobsweep")]
    Cleanup(Cleanup),
}

/// Parses the command line, whose first word is the program's name. As a kubectl plugin, the program is always the cleanup.
///
/// # Errors
/// Returns an error if the arguments are wrong, or ask for the help or the version.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    #[cfg_attr(not(feature = "cleanup"), expect(unused_mut, reason = "there is one mode"))]
    let (mut args, mut command): (Vec<_>, _) = (args.into_iter().collect(), Cli::command());
    #[cfg(feature = "cleanup")]
    let mode = {
        let plugin = args.first().and_then(|program| cluster::kubectl_plugin(program));
        let is_asked_for = |mode: &&str| {
            args.get(1).is_some_and(|arg| arg == mode) || args.iter().any(|arg| arg == &*format!("--{mode}"))
        };
        let mode = match &plugin {
            Some(_) => Some("cleanup"),
            None if cluster::is_unblock_by_variable(&args)? => Some("unblock"),
            None => ["cleanup", "unblock"].into_iter().find(is_asked_for),
        };
        if let Some(mode) = mode {
            // To clap, only what follows the flag belongs to the mode.
            let flag = format!("--{mode}");
            args.retain(|arg| arg != &*flag);
            if args.get(1).is_none_or(|arg| arg != mode) {
                args.insert(args.len().min(1), flag.into());
            }
        }
        if let Some(name) = plugin {
            command = command.mut_subcommand("cleanup", |cleanup| manual::renamed(cleanup, &name));
        }
        mode
    };
    #[cfg(not(feature = "cleanup"))]
    let mode: Option<&str> = None;
    let matches = command.try_get_matches_from_mut(args);
    let matches = matches.map_err(|error| {
        let mut own = mode.and_then(|mode| command.find_subcommand(mode)).unwrap_or(&command).clone();
        match explanation(&error, &command, &own) {
            Some(message) => own.error(error.kind(), message),
            None => error,
        }
    })?;
    Cli::from_arg_matches(&matches)
}

/// What a wrong argument of a mode may have meant, if it is a file or an option of another mode.
fn explanation(error: &clap::Error, all: &Command, own: &Command) -> Option<String> {
    let argument = match error.kind() {
        ErrorKind::UnknownArgument => error.get(ContextKind::InvalidArg),
        ErrorKind::InvalidSubcommand => error.get(ContextKind::InvalidSubcommand),
        _ => None,
    };
    let Some(ContextValue::String(arg)) = argument else { return None };
    let flag = |mode: &Command| mode.get_long_flag().map(|flag| format!("--{flag}"));
    if !arg.starts_with('-') {
        let is_file = own.get_name() != "cleanup" && error.get(ContextKind::SuggestedSubcommand).is_none();
        let program = format!("jobsweep {}", flag(own).unwrap_or_default());
        let program = program.trim_end();
        return is_file.then(|| {
            format!("unexpected argument '{arg}'; manifests are read from stdin: {program} < {arg}")
        });
    }
    let name = |mode: &Command| flag(mode).unwrap_or_else(|| "the filter".to_owned());
    if all.get_subcommands().any(|mode| name(mode) == *arg) {
        return Some(format!("{arg} and {} are different modes; give one of them", name(own)));
    }
    let is_it = |known: &Arg| {
        known.get_long().is_some_and(|long| *arg == format!("--{long}"))
            || known.get_short().is_some_and(|short| *arg == format!("-{short}"))
    };
    let modes = [all].into_iter().chain(all.get_subcommands().filter(|mode| flag(mode).is_some()));
    let owners: Vec<_> = modes.filter(|mode| mode.get_arguments().any(is_it)).map(name).collect();
    let owners = (!owners.is_empty()).then(|| owners.join(" and "))?;
    Some(format!("{arg} is an option of {owners}, not of {}", name(own)))
}

/// The value of a variable. An empty one is as good as none, because CI systems often set empty variables.
fn variable(name: &str) -> String {
    env::var_os(name).unwrap_or_default().to_string_lossy().into_owned()
}

/// What is wrong with a command line: clap's message without its prefix, because jobsweep has its own.
#[must_use]
pub fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.trim_start_matches("error: ").trim_end().to_owned()
}

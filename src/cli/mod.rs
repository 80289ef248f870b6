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
#[cfg(feature = "cleanup")]
use std::{ffi::OsStr, path::Path};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, FromArgMatches, Parser};
use clap_complete::Shell;

#[cfg(feature = "cleanup")]
pub use cleanup::Cleanup;
pub use filter::{FilterArgs, log_file};
pub use manual::{completions, man, no_input};
#[cfg(feature = "cleanup")]
pub use unblock::Unblock;

#[cfg(feature = "cleanup")]
use crate::cluster::caller::Caller;

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
    #[command(long_flag = "unblock")]
    Unblock(Unblock),
    #[command(long_flag = "cleanup")]
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
        let plugin = args.first().and_then(|program| kubectl_plugin(program));
        let is_word = |mode: &&str| args.get(1).is_some_and(|arg| arg == mode);
        let has_flag = |mode: &&str| args.iter().any(|arg| arg == &*format!("--{mode}"));
        let mode = match &plugin {
            Some(_) => Some("cleanup"),
            None if is_unblock_by_variable(&args)? => Some("unblock"),
            None => ["cleanup", "unblock"].into_iter().find(|mode| is_word(mode) || has_flag(mode)),
        };
        // To clap, only what follows the flag or the word belongs to the mode.
        if let Some(mode) = mode.filter(|mode| !is_word(mode)) {
            let flag = format!("--{mode}");
            args.retain(|arg| arg != &*flag);
            args.insert(args.len().min(1), flag.into());
        }
        if let Some(name) = plugin {
            command = command.mut_subcommand("cleanup", |cleanup| manual::renamed(cleanup, &name));
        }
        mode
    };
    #[cfg(not(feature = "cleanup"))]
    let mode = None;
    let matches = command.try_get_matches_from_mut(args);
    let matches = matches.map_err(|error| match explanation(&error, &command, mode) {
        Some(message) => {
            let command = mode.and_then(|mode| command.find_subcommand(mode)).unwrap_or(&command);
            command.clone().error(error.kind(), message)
        }
        None => error,
    })?;
    Cli::from_arg_matches(&matches)
}

/// What a wrong argument may have meant, if it is an option of another mode or a file.
fn explanation(error: &clap::Error, all: &Command, mode: Option<&str>) -> Option<String> {
    let (kind, is_suggested) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, ContextKind::Suggested),
        _ => return None,
    };
    let Some(ContextValue::String(arg)) = error.get(kind) else { return None };
    let name = |mode: &str| format!("--{mode}");
    let own = mode.map_or("the filter".to_owned(), name);
    if !arg.starts_with('-') {
        let program = mode.map_or("jobsweep".to_owned(), |mode| format!("jobsweep --{mode}"));
        let reads_manifests = mode != Some("cleanup") && error.get(is_suggested).is_none();
        return reads_manifests.then(|| {
            format!("unexpected argument '{arg}'; manifests are read from stdin: {program} < {arg}")
        });
    }
    if all.get_subcommands().any(|other| name(other.get_name()) == *arg) {
        return Some(format!("{arg} and {own} are different modes; give one of them"));
    }
    let has_it = |command: &&Command| {
        command.get_arguments().any(|known| {
            known.get_long().is_some_and(|long| *arg == name(long))
                || known.get_short().is_some_and(|short| *arg == format!("-{short}"))
        })
    };
    let filter = has_it(&all).then(|| "the filter".to_owned());
    let modes = all.get_subcommands().filter(has_it).map(|mode| name(mode.get_name()));
    let owners: Vec<_> = filter.into_iter().chain(modes).collect();
    (!owners.is_empty()).then(|| format!("{arg} is an option of {}, not of {own}", owners.join(" and ")))
}

/// Whether the variable stands for `--unblock`, for a host that cannot give arguments, such as Ansible's `kubernetes.core.helm`. In a
/// pipe, it does not count.
#[cfg(feature = "cleanup")]
fn is_unblock_by_variable(args: &[OsString]) -> Result<bool, clap::Error> {
    if args.len() > 1 {
        return Ok(false);
    }
    let is_set =
        is_set("JOBSWEEP_UNBLOCK").map_err(|why| Cli::command().error(ErrorKind::InvalidValue, why))?;
    // If it is not clear what Helm does, --unblock says so.
    let plugin = Some(variable("HELM_PLUGIN_NAME")).filter(|name| !name.is_empty());
    Ok(is_set && !matches!(Caller::find(plugin.as_deref()), Ok(Caller::None { .. })))
}

/// Whether a variable says yes. A value that says neither yes nor no is an error, so that a misspelt `true` deletes nothing.
#[cfg(feature = "cleanup")]
fn is_set(name: &str) -> Result<bool, String> {
    match &*variable(name) {
        "1" | "true" => Ok(true),
        "" | "0" | "false" => Ok(false),
        other => Err(format!("{name} is {other:?}; set it to 1 or 0")),
    }
}

/// The value of a variable. An empty one is as good as none, because CI systems often set empty variables.
fn variable(name: &str) -> String {
    env::var_os(name).unwrap_or_default().to_string_lossy().into_owned()
}

/// The command as users type it, if kubectl starts this program: `kubectl sweep-jobs` for `kubectl-sweep_jobs`, because kubectl
/// replaces a dash in a command's name by an underscore in the file's name.
#[cfg(feature = "cleanup")]
fn kubectl_plugin(program: &OsStr) -> Option<String> {
    let file = Path::new(program).file_name()?.to_str()?;
    let name = file.strip_suffix(".exe").unwrap_or(file).strip_prefix("kubectl-")?;
    Some(format!("kubectl {}", name.replace('-', " ").replace('_', "-")))
}

/// What is wrong with a command line: clap's message without its prefix, because jobsweep has its own.
#[must_use]
pub fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.trim_start_matches("error: ").trim_end().to_owned()
}

/// Checks the name of a namespace, which is a DNS label.
#[cfg(feature = "cleanup")]
fn namespace(text: &str) -> Result<String, String> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=63).contains(&text.len()) && text.bytes().all(is_inner);
    if is_name && !text.starts_with('-') && !text.ends_with('-') {
        Ok(text.to_owned())
    } else {
        Err("a namespace's name has only lower-case letters, digits and dashes between them, at most 63"
            .to_owned())
    }
}

#[cfg(all(test, feature = "cleanup"))]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_dns_label() {
        for name in ["shop", "shop-2", "2", &"a".repeat(63)] {
            assert!(namespace(name).is_ok(), "{name:?}");
        }
        for name in ["", "Shop", "-shop", "shop-", "shop.x", "a b", &"a".repeat(64)] {
            assert!(namespace(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_plugin_is_named_as_the_user_types_it() {
        for (program, name) in [
            ("/home/ann/.krew/bin/kubectl-sweep_jobs", Some("kubectl sweep-jobs")),
            ("kubectl-sweep_jobs.exe", Some("kubectl sweep-jobs")),
            ("kubectl-sweep-jobs", Some("kubectl sweep jobs")),
            ("/opt/kubectl-sweep_jobs/jobsweep", None),
            ("kubectl", None),
            ("", None),
        ] {
            assert_eq!(kubectl_plugin(OsStr::new(program)).as_deref(), name, "{program}");
        }
    }
}

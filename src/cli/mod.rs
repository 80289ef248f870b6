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

#[cfg(feature = "cleanup")]
use std::env;
#[cfg(feature = "cleanup")]
use std::ffi::OsStr;
use std::ffi::OsString;
#[cfg(feature = "cleanup")]
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Parser};

#[cfg(feature = "cleanup")]
pub use cleanup::Cleanup;
pub use filter::{Filter, FilterArgs, log_file};
pub use manual::{completions, man};
#[cfg(feature = "cleanup")]
pub use unblock::Unblock;

#[cfg(feature = "cleanup")]
use crate::cluster::{caller::Caller, variable};

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Translate the manifests, or print the completions or the manual page.
    Filter(Filter),
    /// Translate the manifests, and delete the Jobs that block them.
    #[cfg(feature = "cleanup")]
    Unblock(Unblock),
    /// Sweep a cluster.
    #[cfg(feature = "cleanup")]
    Cleanup(Cleanup),
}

/// Parses the command line, whose first word is the program's name. As a kubectl plugin, the program is always the cleanup.
///
/// # Errors
/// Returns an error if the arguments are wrong, or ask for the help or the version.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let args: Vec<_> = args.into_iter().collect();
    #[cfg(feature = "cleanup")]
    {
        let has = |flag| args.iter().any(|arg| arg == flag);
        if let Some(name) = args.first().and_then(|program| kubectl_plugin(program)) {
            let command = command::<Cleanup>().override_usage(format!("{name} [OPTIONS]")).bin_name(name);
            return parse_mode("--cleanup", command, args).map(Invocation::Cleanup);
        }
        if has("--cleanup") {
            return parse_mode("--cleanup", command::<Cleanup>(), args).map(Invocation::Cleanup);
        }
        if has("--unblock") || is_unblock_by_variable(&args)? {
            return parse_mode("--unblock", command::<Unblock>(), args).map(Invocation::Unblock);
        }
    }
    parse_mode("the filter", command::<Filter>(), args).map(Invocation::Filter)
}

/// Whether the variable stands for `--unblock`, for a host that cannot give arguments, such as Ansible's `kubernetes.core.helm`. In a
/// pipe, it does not count.
#[cfg(feature = "cleanup")]
fn is_unblock_by_variable(args: &[OsString]) -> Result<bool, clap::Error> {
    if args.len() > 1 {
        return Ok(false);
    }
    let is_set =
        is_set("JOBSWEEP_UNBLOCK").map_err(|why| command::<Filter>().error(ErrorKind::InvalidValue, why))?;
    // If it is not clear what Helm does, --unblock says so.
    Ok(is_set && !matches!(Caller::find(variable("HELM_PLUGIN_NAME").as_deref()), Ok(Caller::None { .. })))
}

/// Whether a variable says yes. A value that says neither yes nor no is an error, so that a misspelt `true` deletes nothing.
#[cfg(feature = "cleanup")]
fn is_set(name: &str) -> Result<bool, String> {
    match &*env::var_os(name).unwrap_or_default().to_string_lossy() {
        "1" | "true" => Ok(true),
        "" | "0" | "false" => Ok(false),
        other => Err(format!("{name} is {other:?}; set it to 1 or 0")),
    }
}

/// The command as users type it, if kubectl starts this program: `kubectl sweep-jobs` for `kubectl-sweep_jobs`, because kubectl
/// replaces a dash in a command's name by an underscore in the file's name.
#[cfg(feature = "cleanup")]
fn kubectl_plugin(program: &OsStr) -> Option<String> {
    let file = Path::new(program).file_name()?.to_str()?;
    let name = file.strip_suffix(".exe").unwrap_or(file).strip_prefix("kubectl-")?;
    Some(format!("kubectl {}", name.replace('-', " ").replace('_', "-")))
}

/// All modes, by their flags.
fn modes() -> Vec<(&'static str, Command)> {
    vec![
        ("the filter", command::<Filter>()),
        #[cfg(feature = "cleanup")]
        ("--cleanup", command::<Cleanup>()),
        #[cfg(feature = "cleanup")]
        ("--unblock", command::<Unblock>()),
    ]
}

fn command<P: Parser>() -> Command {
    // If an option is given twice, the last one counts, so that users can append theirs to those of a manifest.
    P::command().name("jobsweep").version(env!("CARGO_PKG_VERSION")).args_override_self(true)
}

fn parse_mode<P: Parser>(mode: &str, command: Command, mut args: Vec<OsString>) -> Result<P, clap::Error> {
    let mut command = command.after_long_help(manual::exit_codes_section());
    args.retain(|arg| arg != mode);
    let matches = command.try_get_matches_from_mut(args);
    let matches = matches.map_err(|error| match of_another_mode(&error, mode) {
        Some(message) => command.error(ErrorKind::UnknownArgument, message),
        None => error,
    })?;
    P::from_arg_matches(&matches)
}

/// The message about an option of another mode.
fn of_another_mode(error: &clap::Error, mode: &str) -> Option<String> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return None };
    let has_it = |command: &Command| {
        let mut args = command.get_arguments();
        args.any(|arg| {
            arg.get_long() == option.strip_prefix("--")
                || arg.get_short().is_some_and(|short| option == &format!("-{short}"))
        })
    };
    let modes = modes();
    let names: Vec<_> = modes.iter().filter(|(_, other)| has_it(other)).map(|(name, _)| *name).collect();
    if error.kind() != ErrorKind::UnknownArgument || names.is_empty() {
        return None;
    }
    Some(match modes.iter().find(|(name, _)| name == option) {
        Some(_) => format!("{option} and {mode} are different modes; give one of them"),
        None => format!("{option} is an option of {}, not of {mode}", names.join(" and ")),
    })
}

/// What is wrong with a command line: clap's message without its prefix, because jobsweep has its own.
#[must_use]
pub fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.trim_start_matches("error: ").trim_end().to_owned()
}

/// Checks the name of a namespace, which is a DNS label.
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

#[cfg(test)]
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

    #[cfg(feature = "cleanup")]
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

//! The command line: which mode it is, and the arguments of that mode.

#[cfg(feature = "cleanup")]
mod cleanup;
#[cfg(feature = "cleanup")]
mod cluster;
mod filter;
mod inject;
#[cfg(feature = "cleanup")]
mod kubectl;
mod manual;
#[cfg(feature = "cleanup")]
mod unblock;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Parser};
use clap_complete::Shell;

#[cfg(feature = "cleanup")]
pub use cleanup::Cleanup;
pub use filter::{Filter, FilterArgs, log_file};
pub use manual::{completions, man};
#[cfg(feature = "cleanup")]
pub use unblock::Unblock;

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Translate the manifests.
    Filter(FilterArgs),
    /// Translate the manifests, and delete the Jobs that block them.
    #[cfg(feature = "cleanup")]
    Unblock(Unblock),
    /// Sweep a cluster.
    #[cfg(feature = "cleanup")]
    Cleanup(Cleanup),
    /// Print the completion script of this shell.
    Completions(Shell),
    /// Print the manual page.
    Man,
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
        if let Some(name) = args.first().and_then(|program| kubectl::plugin_name(program)) {
            let command = command::<Cleanup>().override_usage(format!("{name} [OPTIONS]")).bin_name(name);
            return parse_mode("--cleanup", command, args).map(Invocation::Cleanup);
        }
        if has("--cleanup") {
            return parse_mode("--cleanup", command::<Cleanup>(), args).map(Invocation::Cleanup);
        }
        if has("--unblock") {
            return parse_mode("--unblock", command::<Unblock>(), args).map(Invocation::Unblock);
        }
    }
    parse_mode("the filter", command::<Filter>(), args).map(Filter::invocation)
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
    let command = P::command().name("jobsweep").version(env!("CARGO_PKG_VERSION")).args_override_self(true);
    command.after_long_help(manual::exit_codes_section())
}

fn parse_mode<P: Parser>(
    mode: &str,
    mut command: Command,
    mut args: Vec<OsString>,
) -> Result<P, clap::Error> {
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
}

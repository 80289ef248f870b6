//! The command line, grouped by mode.

#[cfg(feature = "cleanup")]
mod cleanup;
mod filter;
mod help;
mod inject;
mod kubectl;
mod manual;
#[cfg(feature = "cleanup")]
mod unblock;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser};
use clap_complete::Shell;

#[cfg(feature = "cleanup")]
pub use cleanup::CleanupArgs;
pub use filter::{FilterArgs, log_file};
pub use inject::InjectArgs;
pub use manual::man;

/// Keep finished Kubernetes Jobs from blocking the next upgrade
#[derive(Debug, Parser)]
#[command(name = "jobsweep", version, long_about = manual::ABOUT, override_usage = manual::USAGE)]
pub struct Cli {
    /// Delete the finished Jobs that block the manifests on stdin, then write the manifests
    ///
    /// jobsweep deletes a Job only if its policy allows it. If one Job in the way may not be deleted, it deletes none. --unblock takes the
    /// options of the filter, and --namespace, --kubeconfig, --context, --once, --timeout and --dry-run of the cleanup.
    #[cfg(feature = "cleanup")]
    #[arg(long, help_heading = "Modes", group = "in_cluster", conflicts_with = "cleanup")]
    pub unblock: bool,

    /// Wait in the cluster for the annotated Jobs to finish, and delete each whose policy names how it ended
    #[cfg(feature = "cleanup")]
    #[arg(
        long,
        help_heading = "Modes",
        group = "in_cluster",
        overrides_with = "cleanup",
        conflicts_with_all = ["completions", "man"]
    )]
    pub cleanup: bool,

    /// What the cleanup does.
    #[cfg(feature = "cleanup")]
    #[command(flatten)]
    pub sweep: CleanupArgs,

    /// What the filter appends.
    #[command(flatten)]
    pub inject: InjectArgs,

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

impl Cli {
    /// Parses the command line, whose first word is the program's name. As a kubectl plugin, the program is always the cleanup.
    ///
    /// # Errors
    /// Returns an error if the arguments are wrong, or ask for the help or the version.
    pub fn from_command_line(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut args: Vec<_> = args.into_iter().collect();
        let plugin = kubectl::as_plugin(&mut args);
        let mut command = help::of_the_mode(Self::command(), &args);
        if let Some(name) = plugin {
            command = command.override_usage(format!("{name} [OPTIONS]")).bin_name(name);
        }
        Self::from_arg_matches(&command.try_get_matches_from(args)?)
    }

    /// The options of `--unblock`, if the arguments ask for it.
    ///
    /// # Errors
    /// Returns what is wrong with its arguments or its variable.
    #[cfg(feature = "cleanup")]
    pub fn unblock_options(&self) -> Result<Option<crate::unblock::Options>, String> {
        self.unblock.then(|| unblock::options(&self.sweep)).transpose()
    }
}

/// A shell's completion script.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "jobsweep", &mut script);
    script
}

/// What is wrong with a command line: clap's words without its prefix, because jobsweep has its own.
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

//! What `--help` and the manual page say besides the options.

use std::io;

use clap::builder::Resettable;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Cli;
use super::filter::{DEFAULT_POLICY, LOG_FILE};
use crate::exit_code::ExitCode;

pub(super) const ABOUT: &str = "\
Keep finished Kubernetes Jobs from blocking the next upgrade.

Without --cleanup it is a filter: manifests are read on stdin and written to
stdout, where every Job that has the annotation helm.sh/hook-delete-policy
also has kots.io/hook-delete-policy with the same value. No other byte changes.

    helm install my-release my-chart --post-renderer jobsweep
    helm template my-chart | jobsweep | kubectl apply -f -

With --cleanup it waits in a cluster for the annotated Jobs to finish, and
deletes each whose policy names how it ended.

    jobsweep --cleanup --namespace my-namespace";

/// Says what clap cannot know: where the manifests come from.
#[cfg(feature = "cleanup")]
pub(super) const USAGE: &str =
    "jobsweep [OPTIONS] < MANIFESTS > TRANSLATED\n       jobsweep --cleanup [OPTIONS]";
#[cfg(not(feature = "cleanup"))]
pub(super) const USAGE: &str = "jobsweep [OPTIONS] < MANIFESTS > TRANSLATED";

const ENVIRONMENT: &[(&str, &str)] = &[
    (DEFAULT_POLICY, "what --default-policy is where that is not given"),
    (LOG_FILE, "what --log-file is where that is not given"),
    #[cfg(feature = "cleanup")]
    (super::cleanup::FINISHED_FOR, "what --finished-for is where that is not given"),
    #[cfg(feature = "cleanup")]
    (super::unblock::DRY_RUN, "1 makes --unblock a dry run, for helm template and helm --dry-run"),
    #[cfg(feature = "cleanup")]
    ("HELM_NAMESPACE", "the namespace for --unblock where --namespace is not given"),
    #[cfg(feature = "cleanup")]
    (crate::policy::OWN_JOB_UID, "the UID of the Job that the cleanup itself runs in"),
];

/// What stands below the options.
pub(super) fn after_help() -> String {
    format!("Environment:\n{}\nExit codes:\n{}", lines(&environment()), lines(&exit_codes()))
        .trim_end()
        .to_owned()
}

/// Words and what they mean.
type Table = Vec<(String, &'static str)>;

fn environment() -> Table {
    ENVIRONMENT.iter().map(|(name, meaning)| ((*name).to_owned(), *meaning)).collect()
}

fn exit_codes() -> Table {
    let codes = |codes: &[ExitCode]| {
        let codes: Vec<_> = codes.iter().map(|code| code.code().to_string()).collect();
        codes.join(", ")
    };
    ExitCode::TABLE.iter().map(|(alike, meaning)| (codes(alike), *meaning)).collect()
}

fn lines(table: &Table) -> String {
    let width = table.iter().map(|(word, _)| word.len()).max().unwrap_or_default();
    table.iter().map(|(word, meaning)| format!("  {word:width$}  {meaning}\n")).collect()
}

/// The manual page, as roff.
///
/// # Errors
/// None that a vector can have.
pub fn man() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let command: Command = Cli::command().after_long_help(Resettable::Reset);
    Man::new(command).render(&mut page)?;
    let mut sections = Roff::new();
    for (heading, table) in [("ENVIRONMENT", environment()), ("EXIT STATUS", exit_codes())] {
        sections.control("SH", [heading]);
        for (word, meaning) in table {
            sections.control("TP", []).text([bold(word)]).text([roman(meaning)]);
        }
    }
    sections.to_writer(&mut page)?;
    Ok(page)
}

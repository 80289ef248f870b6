//! What `--help` and the manual page say besides the options.

use std::io;

use clap::builder::Resettable;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Cli;
use super::filter::{DEFAULT_POLICY, LOG_FILE};

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

/// Words and what they mean.
type Table = [(&'static str, &'static str)];

const ENVIRONMENT: &Table = &[
    (DEFAULT_POLICY, "what --default-policy is where that is not given"),
    (LOG_FILE, "what --log-file is where that is not given"),
    #[cfg(feature = "cleanup")]
    (crate::policy::OWN_JOB_UID, "the UID of the Job that the cleanup itself runs in"),
];

const EXIT_CODES: &Table = &[
    ("0", "done: the filter wrote everything, or the due Jobs are gone"),
    ("1", "input, output, reading a Job or deleting one failed, or an internal error"),
    ("2", "wrong usage"),
    ("3", "--fail-on-failed: a Job in scope failed"),
    ("4", "the deadline came first; what still ran, or which finalizer held it, is in the report"),
    ("5", "not allowed; the missing rule is on stderr"),
    ("65", "the filter's input is not valid; nothing was written"),
    ("130, 143", "ended by SIGINT, SIGTERM, after the deletions under way were brought to an end"),
];

/// What stands below the options.
pub(super) fn after_help() -> String {
    format!("Environment:\n{}\nExit codes:\n{}", lines(ENVIRONMENT), lines(EXIT_CODES)).trim_end().to_owned()
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
    for (heading, table) in [("ENVIRONMENT", ENVIRONMENT), ("EXIT STATUS", EXIT_CODES)] {
        sections.control("SH", [heading]);
        for (word, meaning) in table {
            sections.control("TP", []).text([bold(*word)]).text([roman(*meaning)]);
        }
    }
    sections.to_writer(&mut page)?;
    Ok(page)
}

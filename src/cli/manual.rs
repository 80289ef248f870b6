//! What `--help` and the manual page say besides the options.

use std::io;

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Cli;
use super::filter::{DEFAULT_POLICY, LOG_FILE};
use crate::exit_code::ExitCode;

pub(super) const ABOUT: &str = "\
Keep finished Kubernetes Jobs from blocking the next upgrade.

With --unblock it deletes the finished Jobs in the cluster that block the
manifests on stdin, and writes the manifests to stdout.

    helm template shop ./shop -n shop | jobsweep --unblock -n shop | kubectl apply -n shop -f -

With --cleanup it waits in a cluster for the annotated Jobs to finish, and
deletes each whose policy names how it ended.

    jobsweep --cleanup -n shop

Without either it is a filter: it writes the manifests on stdin to stdout, where
every Job that has the annotation helm.sh/hook-delete-policy also has
kots.io/hook-delete-policy with the same value. No other byte changes.

    helm template shop ./shop -n shop | jobsweep | kubectl apply -n shop -f -";

/// Says where the manifests come from, which clap does not know.
#[cfg(feature = "cleanup")]
pub(super) const USAGE: &str = "\
jobsweep [OPTIONS] < MANIFESTS > TRANSLATED
       jobsweep --unblock [OPTIONS] < MANIFESTS > TRANSLATED
       jobsweep --cleanup [OPTIONS]";
#[cfg(not(feature = "cleanup"))]
pub(super) const USAGE: &str = "jobsweep [OPTIONS] < MANIFESTS > TRANSLATED";

const ENVIRONMENT: &[(&str, &str)] = &[
    (DEFAULT_POLICY, "the value of --default-policy if that is not given"),
    (LOG_FILE, "the value of --log-file if that is not given"),
    #[cfg(feature = "cleanup")]
    (super::cleanup::FINISHED_FOR, "the value of --finished-for if that is not given"),
    #[cfg(feature = "cleanup")]
    (super::unblock::DRY_RUN, "1 makes --unblock a dry run, for helm template and helm --dry-run"),
    #[cfg(feature = "cleanup")]
    ("HELM_NAMESPACE", "the namespace for --unblock if --namespace is not given"),
    #[cfg(feature = "cleanup")]
    (crate::policy::OWN_JOB_UID, "the UID of the Job that the cleanup itself runs in"),
];

/// The section of the help with the exit codes.
pub(super) fn exit_codes_section() -> String {
    let codes = exit_codes();
    let width = codes.iter().map(|(code, _)| code.len()).max().unwrap_or_default();
    let lines = codes.iter().map(|(code, meaning)| format!("\n  {code:width$}  {meaning}"));
    format!("Exit codes:{}", lines.collect::<String>())
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

/// The manual page, as roff.
///
/// # Errors
/// Returns the errors of writing to a vector: there are none.
pub fn man() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page)?;
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

//! What `--help` and the manual page say besides the options.

use std::io;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Filter, command, modes};
use crate::error::ExitCode;
use crate::policy::OWN_JOB_UID;

const ENVIRONMENT: [(&str, &str); 7] = [
    ("JOBSWEEP_DEFAULT_POLICY", "the value of --default-policy if that is not given"),
    ("JOBSWEEP_LOG_FILE", "the value of --log-file if that is not given"),
    ("JOBSWEEP_FINISHED_FOR", "the value of --finished-for if that is not given"),
    ("JOBSWEEP_DRY_RUN", "1 makes --unblock and --cleanup dry runs"),
    ("JOBSWEEP_UNBLOCK", "1 stands for --unblock if Helm calls jobsweep without arguments"),
    ("HELM_NAMESPACE", "the namespace for --unblock if no Helm calls and --namespace is not given"),
    (OWN_JOB_UID, "the UID of the Job that the cleanup itself runs in"),
];

/// The section of the help with the exit codes.
pub(super) fn exit_codes_section() -> String {
    let codes = exit_codes();
    let width = codes.iter().map(|(code, _)| code.len()).max().unwrap_or_default();
    let lines = codes.iter().map(|(code, meaning)| format!("\n  {code:width$}  {meaning}"));
    format!("Exit codes:{}", lines.collect::<String>())
}

/// The codes, and what they mean.
fn exit_codes() -> Vec<(String, &'static str)> {
    let codes = |codes: &[ExitCode]| {
        let codes: Vec<_> = codes.iter().map(|code| code.code().to_string()).collect();
        codes.join(", ")
    };
    ExitCode::TABLE.iter().map(|(alike, meaning)| (codes(alike), *meaning)).collect()
}

/// The options of all modes.
fn all_options() -> Command {
    let mut all = command::<Filter>();
    for arg in modes().iter().flat_map(|(_, mode)| mode.get_arguments()) {
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
    clap_complete::generate(shell, &mut all_options(), "jobsweep", &mut script);
    script
}

/// The manual page, as roff.
///
/// # Errors
/// Returns the errors of writing to a vector: there are none.
pub fn man() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(all_options()).render(&mut page)?;
    let environment = ENVIRONMENT.map(|(name, meaning)| (name.to_owned(), meaning)).to_vec();
    let mut sections = Roff::new();
    for (heading, table) in [("ENVIRONMENT", environment), ("EXIT STATUS", exit_codes())] {
        sections.control("SH", [heading]);
        for (word, meaning) in table {
            sections.control("TP", []).text([bold(word)]).text([roman(meaning)]);
        }
    }
    sections.to_writer(&mut page)?;
    Ok(page)
}

//! The final report on stdout.

mod json;
mod table;

use std::io::{self, Write};
use std::time::Duration;

use super::end::End;
use super::outcome::State;
use super::sweep::{Entry, Phase, Sweep};
use crate::cli::Output;

/// Everything that a report says.
pub(crate) struct Report<'a> {
    /// What became of the Jobs.
    pub sweep: &'a Sweep,
    /// How it ended.
    pub end: &'a End,
    /// The exit code for that.
    pub exit_code: u8,
    /// Whether deletions were only rehearsed.
    pub dry_run: bool,
    /// How long it all took.
    pub took: Duration,
}

impl Report<'_> {
    /// Writes it.
    pub(crate) fn write(&self, format: Output, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Output::Table => table::write(&self.rows(), out)?,
            Output::Json => json::write(self, out)?,
            Output::Name => {
                for entry in self.rows() {
                    if matches!(entry.phase, Phase::Deleted | Phase::WouldDelete) {
                        writeln!(out, "job.batch/{}", entry.job.id.name)?;
                    }
                }
            }
        }
        out.flush()
    }

    /// The Jobs in the order in which people look for them; of one name, the older first.
    fn rows(&self) -> Vec<&Entry> {
        let mut rows: Vec<_> = self.sweep.entries().collect();
        rows.sort_by(|a, b| {
            let key = |entry: &Entry| (entry.since, entry.until);
            let ids = (&a.job.id.namespace, &a.job.id.name).cmp(&(&b.job.id.namespace, &b.job.id.name));
            ids.then_with(|| key(a).cmp(&key(b)))
        });
        rows
    }
}

/// How a Job ended, in one word.
fn outcome(entry: &Entry) -> &'static str {
    match (&entry.job.state, &entry.phase) {
        (State::Finished(crate::policy::Outcome::Succeeded, _), _) => "succeeded",
        (State::Finished(crate::policy::Outcome::Failed, _), _) => "failed",
        (_, Phase::Gone | Phase::Deleted) => "unknown",
        (State::Suspended, _) => "suspended",
        (State::Unfinished(_), _) => "unfinished",
    }
}

/// What was done about it, in one word.
pub(crate) fn action(entry: &Entry) -> &'static str {
    match entry.phase {
        Phase::Seen | Phase::Waiting(_) => "waiting",
        Phase::Due | Phase::Deleting | Phase::Outdated { .. } => "due",
        Phase::Terminating { .. } => "terminating",
        Phase::Kept(_) => "kept",
        Phase::Deleted => "deleted",
        Phase::WouldDelete => "would-delete",
        Phase::Gone => "gone",
    }
}

/// Why it is still there, or what is known of its going.
pub(crate) fn why(entry: &Entry) -> Option<String> {
    match &entry.phase {
        Phase::Waiting(hint) => Some(hint.to_string()),
        Phase::Kept(kept) => Some(kept.to_string()),
        Phase::Terminating { .. } => Some(super::note::Held(&entry.job.finalizers).to_string()),
        Phase::Due | Phase::Deleting | Phase::Outdated { .. } => {
            Some("its deletion was not confirmed".to_owned())
        }
        Phase::Gone => Some("someone else deleted it".to_owned()),
        Phase::Seen | Phase::Deleted | Phase::WouldDelete => None,
    }
}

/// The reason of its terminal condition.
fn reason(entry: &Entry) -> &str {
    match &entry.job.state {
        State::Finished(_, reason) => reason,
        _ => "",
    }
}

/// How long the sweep had to do with it.
fn waited(entry: &Entry, took: Duration) -> Duration {
    entry.until.unwrap_or(took).saturating_sub(entry.since)
}

//! The final report on stdout.

use super::{json, table};
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use crate::cleanup::options::Format;
use crate::cleanup::sweep::ending::End;
use crate::cleanup::sweep::{Entry, Phase, Sweep};
use crate::exit_code::ExitCode;

/// Everything that a report says.
pub(crate) struct Report<'a> {
    /// What became of the Jobs.
    pub sweep: &'a Sweep,
    /// How it ended.
    pub end: &'a End,
    /// The exit code for that.
    pub exit_code: ExitCode,
    /// Whether deletions were only rehearsed.
    pub dry_run: bool,
    /// How long it all took.
    pub took: Duration,
}

impl Report<'_> {
    /// Writes it.
    pub(crate) fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        // The standard library's stdout passes on every line by itself.
        let out = &mut BufWriter::with_capacity(64 * 1024, out);
        match format {
            Format::Table => table::write(&self.rows(), out)?,
            Format::Json => json::write(self, out)?,
            Format::Name => {
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
    pub(super) fn rows(&self) -> Vec<&Entry> {
        let mut rows: Vec<_> = self.sweep.entries().collect();
        rows.sort_by(|a, b| {
            let key = |entry: &Entry| (entry.since, entry.until);
            let ids = (&a.job.id.namespace, &a.job.id.name).cmp(&(&b.job.id.namespace, &b.job.id.name));
            ids.then_with(|| key(a).cmp(&key(b)))
        });
        rows
    }
}

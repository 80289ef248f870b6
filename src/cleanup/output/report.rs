//! The report on stdout.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use super::{json, table};
use crate::cleanup::options::Format;
use crate::cleanup::sweep::ending::Ending;
use crate::cleanup::sweep::{Phase, Sweep, TrackedJob};
use crate::exit_code::ExitCode;

pub(crate) struct Report<'a> {
    pub sweep: &'a Sweep,
    pub ending: &'a Ending,
    pub exit_code: ExitCode,
    pub dry_run: bool,
    pub took: Duration,
}

impl Report<'_> {
    pub(crate) fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        // The standard library's stdout writes every line by itself.
        let out = &mut BufWriter::with_capacity(64 * 1024, out);
        match format {
            Format::Table => table::write(&self.jobs(), out)?,
            Format::Json => json::write(self, out)?,
            Format::Name => {
                for tracked in self.jobs() {
                    if matches!(tracked.phase, Phase::Deleted | Phase::WouldDelete) {
                        writeln!(out, "job.batch/{}", tracked.job.id.name)?;
                    }
                }
            }
        }
        out.flush()
    }

    /// The Jobs by namespace and name, and by age if they share a name.
    pub(super) fn jobs(&self) -> Vec<&TrackedJob> {
        let mut jobs: Vec<_> = self.sweep.jobs().collect();
        jobs.sort_by(|a, b| {
            let key = |tracked: &TrackedJob| (tracked.since, tracked.until);
            let ids = (&a.job.id.namespace, &a.job.id.name).cmp(&(&b.job.id.namespace, &b.job.id.name));
            ids.then_with(|| key(a).cmp(&key(b)))
        });
        jobs
    }
}

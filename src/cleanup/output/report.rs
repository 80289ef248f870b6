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

    pub(super) fn jobs(&self) -> Vec<&TrackedJob> {
        let mut jobs: Vec<_> = self.sweep.jobs().collect();
        jobs.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::output::terminal::tests::Screen;
    use crate::cleanup::sweep::fixture::{job, listed};
    use crate::cleanup::{Verbosity, output};
    use crate::cluster::job::state::{Hint, State};
    use crate::policy::Outcome;

    #[test]
    fn long_text_from_outside_is_cut_visibly_in_messages_and_reports() {
        let long = "x".repeat(100_000);
        let policy = format!("hook-succeeded,{long}");
        let waiting = job("a").policy(&policy).state(State::Unfinished(Hint::ManagedBy(long.clone())));
        let kept = job("b").state(State::Finished(Outcome::Failed, long.clone()));
        let held = job("c").succeeded().held_by("x").with(|shared| shared.finalizers = vec![long.clone(); 3]);
        let mut sweep = listed([waiting, kept, held]);
        let screen = Screen::default();
        let terminal = screen.terminal(Verbosity::Verbose);
        let messages = sweep.take_messages();
        messages.iter().for_each(|message| terminal.message(message));
        output::summary::explain(&Ending::Deadline, &sweep, &terminal);
        terminal.finish();
        for line in screen.text().lines() {
            assert!(line.len() < 1_000, "{} bytes", line.len());
        }
        assert!(screen.text().contains('…'));
        let exit_code = ExitCode::Deadline;
        let report = Report {
            sweep: &sweep,
            ending: &Ending::Deadline,
            exit_code,
            dry_run: false,
            took: Duration::ZERO,
        };
        for format in [Format::Table, Format::Json, Format::Name] {
            let mut out = Vec::new();
            report.write(format, &mut out).expect("written");
            let text = String::from_utf8(out).expect("text");
            for line in text.lines() {
                // A line of the table has eight cells.
                assert!(line.len() < 5_000, "{format:?}: {} bytes", line.len());
            }
        }
    }
}

//! The report on stdout. `json.md` describes the fields of the JSON report.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::table;
use super::words::{action, condition_reason, outcome, why};
use crate::cleanup::options::Format;
use crate::cleanup::sweep::ending::Ending;
use crate::cleanup::sweep::job_log::ContainerLog;
use crate::cleanup::sweep::rules::Kept;
use crate::cleanup::sweep::{Phase, Sweep, TrackedJob};
use crate::escape::shortened;
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
        // The standard library's stdout is line-buffered. Without this buffer, each line would be a write of its own.
        let out = &mut BufWriter::with_capacity(64 * 1024, out);
        match format {
            Format::Table => table::write(&self.jobs(), out)?,
            Format::Json => write_json(self, out)?,
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

    fn jobs(&self) -> Vec<&TrackedJob> {
        let mut jobs: Vec<_> = self.sweep.jobs().collect();
        jobs.sort_unstable_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        jobs
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport<'a> {
    version: u32,
    end: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    exit_code: u8,
    dry_run: bool,
    seconds: f64,
    #[serde(rename = "jobs", serialize_with = "rows")]
    report: &'a Report<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonJob<'a> {
    namespace: &'a str,
    name: &'a str,
    uid: String,
    outcome: &'static str,
    reason: Option<Cow<'a, str>>,
    policy: Option<Cow<'a, str>>,
    action: &'static str,
    why: Option<String>,
    due_in_seconds: Option<u64>,
    finalizers: Vec<Cow<'a, str>>,
    ran_seconds: Option<u32>,
    waited_seconds: f64,
    logs: &'a [ContainerLog],
    logs_cut: bool,
}

fn write_json(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let object = JsonReport {
        version: 1,
        end: report.ending.name(report.sweep),
        error: report.ending.problem(report.sweep).map(|problem| problem.to_string()),
        exit_code: report.exit_code.code(),
        dry_run: report.dry_run,
        seconds: report.took.as_secs_f64(),
        report,
    };
    serde_json::to_writer_pretty(&mut *out, &object)?;
    writeln!(out)
}

/// Writes one row after the other, so that they are not all in memory at once.
fn rows<S: Serializer>(report: &&Report<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(report.jobs().into_iter().map(|tracked| row(tracked, report)))
}

fn row<'a>(tracked: &'a TrackedJob, report: &Report<'_>) -> JsonJob<'a> {
    let job = &tracked.job;
    JsonJob {
        namespace: &job.id.namespace,
        name: &job.id.name,
        uid: job.id.uid.to_string(),
        outcome: outcome(tracked),
        reason: Some(condition_reason(job)).filter(|reason| !reason.is_empty()),
        policy: job.policy.as_ref().map(|policy| shortened(policy.as_written())),
        action: action(&tracked.phase),
        why: why(job, &tracked.phase),
        due_in_seconds: match tracked.phase {
            Phase::TooRecent(left) | Phase::Kept(Kept::TooRecent(left)) => Some(left.as_secs()),
            _ => None,
        },
        finalizers: job.finalizers.iter().map(|name| shortened(name)).collect(),
        ran_seconds: job.seconds.get(),
        waited_seconds: tracked.until.unwrap_or(report.took).saturating_sub(tracked.since).as_secs_f64(),
        logs: tracked.logs.as_ref().map_or(&[], |log| &log.containers),
        logs_cut: tracked.logs.as_ref().is_some_and(|log| log.is_cut()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::output::terminal::tests::Screen;
    use crate::cleanup::sweep::fixture::{job, listed};
    use crate::cleanup::{Verbosity, output};
    use crate::cluster::old::job::state::{Hint, State};
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
        output::last_messages::explain(&Ending::Deadline, &sweep, &terminal);
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

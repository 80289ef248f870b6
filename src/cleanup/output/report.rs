//! The report on stdout. `json.md` describes the fields of the JSON report.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use comfy_table::ContentArrangement;
use serde::Serialize;

use super::table::{Layout, table};
use super::wording::{action, outcome, why};
use crate::cleanup::ending::Conclusion;
use crate::cleanup::logs::ContainerLog;
use crate::cleanup::options::Format;
use crate::cleanup::rules::Kept;
use crate::cleanup::sweep::{Gone, Phase, Sweep, TrackedJob};
use crate::cluster::job::State;
use crate::escape::{one_line, shortened};

pub(crate) struct Report<'a> {
    pub sweep: &'a Sweep,
    pub conclusion: &'a Conclusion,
    pub dry_run: bool,
    pub took: Duration,
}

impl Report<'_> {
    /// Without a layout, there is no table.
    pub(crate) fn write(
        &self,
        format: Format,
        layout: Option<&Layout>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        // The standard library's stdout is line-buffered. Without this buffer, each line would be a write of its own.
        let out = &mut BufWriter::with_capacity(64 * 1024, out);
        match format {
            Format::Table => {
                if let Some(layout) = layout
                    && let Some(mut table) = table(self.sweep.sorted_jobs(), layout, self.unix_now())
                {
                    // A terminal that does not know its width says 0.
                    if table.width().is_some_and(|width| width > 0) {
                        table.set_content_arrangement(ContentArrangement::Dynamic);
                    }
                    writeln!(out, "{}", table.trim_fmt())?;
                }
            }
            Format::Json => write_json(self, out)?,
            Format::Name => {
                for tracked in self.sweep.sorted_jobs() {
                    if matches!(tracked.phase, Phase::Gone(Gone::Deleted | Gone::WouldDelete)) {
                        writeln!(out, "job.batch/{}", one_line(&tracked.job.name))?;
                    }
                }
            }
        }
        out.flush()
    }

    fn unix_now(&self) -> i64 {
        self.sweep.unix_time(self.took)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport<'a> {
    version: u32,
    end: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    exit_code: u8,
    dry_run: bool,
    seconds: f64,
    jobs: Vec<JsonJob<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonJob<'a> {
    namespace: &'a str,
    name: &'a str,
    uid: &'a str,
    outcome: &'static str,
    reason: Option<Cow<'a, str>>,
    policy: Option<Cow<'a, str>>,
    action: &'static str,
    why: Option<String>,
    due_in_seconds: Option<u64>,
    finalizers: Vec<Cow<'a, str>>,
    ran_seconds: Option<u64>,
    waited_seconds: f64,
    logs: &'a [ContainerLog],
    logs_cut: bool,
}

fn write_json(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let object = JsonReport {
        version: 1,
        end: report.conclusion.name,
        error: report.conclusion.error.as_deref(),
        exit_code: report.conclusion.exit_code.code(),
        dry_run: report.dry_run,
        seconds: report.took.as_secs_f64(),
        jobs: report.sweep.sorted_jobs().into_iter().map(|tracked| row(tracked, report)).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &object)?;
    writeln!(out)
}

fn row<'a>(tracked: &'a TrackedJob, report: &Report<'_>) -> JsonJob<'a> {
    let job = &*tracked.job;
    JsonJob {
        namespace: &job.namespace,
        name: &job.name,
        uid: &job.uid,
        outcome: outcome(tracked),
        reason: match &job.state {
            State::Finished(_, reason) if !reason.is_empty() => Some(shortened(reason)),
            _ => None,
        },
        policy: job.policy.as_ref().map(|policy| shortened(policy.as_written())),
        action: action(&tracked.phase),
        why: why(tracked, report.unix_now()),
        due_in_seconds: match tracked.phase {
            Phase::TooRecent(due_at) | Phase::Kept(Kept::TooRecent(due_at)) => {
                Some(due_at.saturating_sub(report.unix_now()).try_into().unwrap_or(0))
            }
            _ => None,
        },
        finalizers: job.finalizers.iter().map(|name| shortened(name)).collect(),
        ran_seconds: job.seconds,
        waited_seconds: tracked.until.unwrap_or(report.took).saturating_sub(tracked.since).as_secs_f64(),
        logs: tracked.log.as_ref().map_or(&[], |log| &log.containers),
        logs_cut: tracked.log.as_ref().is_some_and(|log| log.is_cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::ending::last_messages;
    use crate::cleanup::fixture::{job, listed};
    use crate::cluster::job::Hint;
    use crate::cluster::stop::Stop;
    use crate::policy::Outcome;

    #[test]
    fn long_text_from_outside_is_cut_visibly_in_messages_and_reports() {
        let long = "x".repeat(100_000);
        let policy = format!("hook-succeeded,{long}");
        let waiting = job("a").policy(&policy).state(State::Unfinished(Hint::ManagedBy(long.clone())));
        let kept = job("b").state(State::Finished(Outcome::Failed, long.clone()));
        let held = job("c").succeeded().held_by("x").with(|job| job.finalizers = vec![long.clone(); 3]);
        let mut sweep = listed([waiting, kept, held]);
        let ending = Err(Stop::Deadline);
        let conclusion = Conclusion::new(&ending, &sweep, false);
        let mut said: Vec<_> = sweep.take_messages().into_iter().map(|(_, text)| text).collect();
        said.extend(last_messages(&ending, None, &sweep, false, 0).into_iter().map(|(_, text)| text));
        assert!(said.iter().any(|text| text.contains('…')), "{said:?}");
        for line in said.iter().flat_map(|text| text.lines()) {
            assert!(line.len() < 1_000, "{} bytes", line.len());
        }
        let report = Report { sweep: &sweep, conclusion: &conclusion, dry_run: false, took: Duration::ZERO };
        let layout = Layout { has_namespaces: true, has_all: true, is_coloured: false };
        for format in [Format::Table, Format::Json, Format::Name] {
            let mut out = Vec::new();
            report.write(format, Some(&layout), &mut out).expect("written");
            let text = String::from_utf8(out).expect("text");
            for line in text.lines() {
                // A line of the table has six cells.
                assert!(line.len() < 5_000, "{format:?}: {} bytes", line.len());
            }
        }
    }
}

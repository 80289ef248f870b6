//! The report as JSON.
#![doc = include_str!("json.md")]

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::report::Report;
use super::words::{action, due_in_seconds, outcome, reason, why};
use crate::cleanup::sweep::TrackedJob;
use crate::cleanup::sweep::job_log::ContainerLog;
use crate::escape::shortened;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    version: u32,
    end: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    exit_code: u8,
    dry_run: bool,
    seconds: f64,
    #[serde(serialize_with = "rows")]
    jobs: &'a Report<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
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

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let object = Object {
        version: 1,
        end: report.ending.name(report.sweep),
        error: report.ending.problem(report.sweep).map(|problem| problem.to_string()),
        exit_code: report.exit_code.code(),
        dry_run: report.dry_run,
        seconds: report.took.as_secs_f64(),
        jobs: report,
    };
    serde_json::to_writer_pretty(&mut *out, &object)?;
    writeln!(out)
}

/// Writes one row after the other, so that they are not all in memory at once.
fn rows<S: Serializer>(report: &&Report<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(report.jobs().into_iter().map(|tracked| row(tracked, report)))
}

fn row<'a>(tracked: &'a TrackedJob, report: &Report<'_>) -> Row<'a> {
    let job = &tracked.job;
    Row {
        namespace: &job.id.namespace,
        name: &job.id.name,
        uid: job.id.uid.to_string(),
        outcome: outcome(tracked),
        reason: Some(reason(job)).filter(|reason| !reason.is_empty()),
        policy: job.policy.as_ref().map(|policy| shortened(policy.as_written())),
        action: action(&tracked.phase),
        why: why(job, &tracked.phase),
        due_in_seconds: due_in_seconds(&tracked.phase),
        finalizers: job.finalizers.iter().map(|name| shortened(name)).collect(),
        ran_seconds: job.seconds.get(),
        waited_seconds: tracked.until.unwrap_or(report.took).saturating_sub(tracked.since).as_secs_f64(),
        logs: tracked.logs.as_ref().map_or(&[], |log| &log.containers),
        logs_cut: tracked.logs.as_ref().is_some_and(|log| log.is_cut()),
    }
}

//! The report for programs: one object.
#![doc = include_str!("json.md")]

use std::io::{self, Write};

use serde::ser::Serializer;
use serde::{Serialize, ser::SerializeSeq};

use super::report::Report;
use super::words::{action, outcome, reason, waited, why};
use crate::cleanup::sweep::{Entry, JobLog, PodLog};
use crate::policy::DeletePolicy;

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
    uid: &'a str,
    outcome: &'static str,
    reason: Option<&'a str>,
    policy: Option<&'a str>,
    action: &'static str,
    why: Option<String>,
    finalizers: &'a [String],
    ran_seconds: Option<u64>,
    waited_seconds: f64,
    logs: &'a [PodLog],
    logs_cut: bool,
}

/// Writes the object, indented, and a newline.
pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let object = Object {
        version: 1,
        end: report.end.word(report.sweep),
        error: report.end.error(report.sweep),
        exit_code: report.exit_code.code(),
        dry_run: report.dry_run,
        seconds: report.took.as_secs_f64(),
        jobs: report,
    };
    serde_json::to_writer_pretty(&mut *out, &object)?;
    writeln!(out)
}

/// One row after the other, so that they are not all in memory at once.
fn rows<S: Serializer>(report: &&Report<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    let entries = report.rows();
    let mut rows = serializer.serialize_seq(Some(entries.len()))?;
    for entry in entries {
        rows.serialize_element(&row(entry, report))?;
    }
    rows.end()
}

fn row<'a>(entry: &'a Entry, report: &Report<'_>) -> Row<'a> {
    let job = &entry.job;
    Row {
        namespace: &job.id.namespace,
        name: &job.id.name,
        uid: &job.id.uid,
        outcome: outcome(entry),
        reason: Some(reason(entry)).filter(|reason| !reason.is_empty()),
        policy: job.policy.as_ref().map(DeletePolicy::as_written),
        action: action(entry),
        why: why(entry),
        finalizers: &job.finalizers,
        ran_seconds: job.seconds,
        waited_seconds: waited(entry, report.took).as_secs_f64(),
        logs: entry.logs.as_ref().map_or(&[], |log| &log.containers),
        logs_cut: entry.logs.as_ref().is_some_and(JobLog::is_cut),
    }
}

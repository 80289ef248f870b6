//! The report for people.

use std::io::{self, Write};
use std::time::Duration;

use super::words::{action, outcome, reason, why};
use crate::cleanup::sweep::Entry;
use crate::cleanup::time::brief;

const HEADINGS: [&str; COLUMNS] = ["NAMESPACE", "JOB", "OUTCOME", "REASON", "POLICY", "ACTION", "RAN", "WHY"];
const COLUMNS: usize = 8;

/// Writes a line for every Job under headings, or nothing at all.
pub(super) fn write(rows: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut widths = HEADINGS.map(str::len);
    for entry in rows {
        for (width, cell) in widths.iter_mut().zip(cells(entry)) {
            *width = (*width).max(cell.chars().count());
        }
    }
    line(&HEADINGS.map(str::to_owned), &widths, out)?;
    rows.iter().try_for_each(|entry| line(&cells(entry), &widths, out))
}

fn cells(entry: &Entry) -> [String; COLUMNS] {
    let job = &entry.job;
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    [
        job.id.namespace.clone(),
        job.id.name.clone(),
        outcome(entry).to_owned(),
        or_dash(reason(entry).to_owned()),
        or_dash(job.policy.as_ref().map(ToString::to_string).unwrap_or_default()),
        action(entry).to_owned(),
        or_dash(job.seconds.map(|seconds| brief(Duration::from_secs(seconds))).unwrap_or_default()),
        or_dash(why(entry).unwrap_or_default()),
    ]
}

fn line(cells: &[String; COLUMNS], widths: &[usize; COLUMNS], out: &mut dyn Write) -> io::Result<()> {
    let (last, others) =
        cells.split_last().map_or(("", &cells[..]), |(last, others)| (last.as_str(), others));
    for (cell, width) in others.iter().zip(widths) {
        write!(out, "{cell:width$}   ")?;
    }
    writeln!(out, "{last}")
}

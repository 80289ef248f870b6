//! The report as a table.

use std::io::{self, Write};
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use super::wording::{action, brief, condition_reason, outcome, totals, why};
use crate::cleanup::sweep::{Phase, TrackedJob};
use crate::escape::{one_line, shortened};
use crate::policy::Outcome;

const HEADINGS: [&str; COLUMNS] = ["NAMESPACE", "JOB", "OUTCOME", "REASON", "POLICY", "ACTION", "RAN", "WHY"];
const COLUMNS: usize = 8;
const GAP: usize = 3;

/// The most lines for Jobs that are gone and did not fail.
const GONE_LINES: usize = 200;

/// Writes a line for every Job below the headings; nothing if there is no Job. Many Jobs that are gone without having failed
/// are summed up.
pub(super) fn write(jobs: &[&TrackedJob], unix_now: i64, out: &mut dyn Write) -> io::Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let mut gone = 0;
    let (rows, summed_up): (Vec<_>, Vec<_>) = jobs.iter().copied().partition(|tracked| {
        let is_gone =
            matches!(tracked.phase, Phase::Gone(_)) && tracked.job.outcome() != Some(Outcome::Failed);
        gone += usize::from(is_gone);
        !is_gone || gone <= GONE_LINES
    });
    let mut widths = HEADINGS.map(str::len);
    for tracked in &rows {
        for (width, cell) in widths.iter_mut().zip(cells(tracked, unix_now)) {
            *width = (*width).max(cell.width());
        }
    }
    line(&HEADINGS.map(str::to_owned), &widths, out)?;
    rows.iter().try_for_each(|tracked| line(&cells(tracked, unix_now), &widths, out))?;
    if summed_up.is_empty() {
        return Ok(());
    }
    writeln!(out, "and more that did not fail: {}; -o json lists them all", totals(summed_up.into_iter()))
}

fn cells(tracked: &TrackedJob, unix_now: i64) -> [String; COLUMNS] {
    let job = &tracked.job;
    let policy = job.policy.as_ref().map(|policy| shortened(&policy.to_string()).into_owned());
    let ran = job.seconds.map(|seconds| brief(Duration::from_secs(seconds)));
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { one_line(&text) };
    [
        one_line(&job.namespace),
        one_line(&job.name),
        outcome(tracked).to_owned(),
        or_dash(condition_reason(job).into_owned()),
        or_dash(policy.unwrap_or_default()),
        action(&tracked.phase).to_owned(),
        or_dash(ran.unwrap_or_default()),
        or_dash(why(tracked, unix_now).unwrap_or_default()),
    ]
}

fn line(cells: &[String; COLUMNS], widths: &[usize; COLUMNS], out: &mut dyn Write) -> io::Result<()> {
    let [others @ .., last] = cells;
    for (cell, width) in others.iter().zip(widths) {
        let blanks = width.saturating_sub(cell.width()) + GAP;
        // A width in the format may not be greater than 65,535.
        write!(out, "{cell}{}", " ".repeat(blanks))?;
    }
    writeln!(out, "{last}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::fixture::{answer_all, event, job, listed};
    use crate::cluster::job::State;
    use crate::cluster::watch::Event;

    #[test]
    fn no_job_can_forge_a_line_and_columns_stand_below_one_another() {
        let forged = job("a").policy("hook-failed\nshop   b   succeeded   -   x   deleted");
        let wide = job("b").policy("数据").state(State::Finished(Outcome::Failed, "Odd\x1b[2J".to_owned()));
        let sweep = listed([forged, wide]);
        let mut out = Vec::new();
        write(&sweep.sorted_jobs(), 0, &mut out).expect("written");
        let table = String::from_utf8(out).expect("text");
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(!table.contains('\x1b') && table.contains("Odd\\u{1b}[2J"), "{table}");
        let column = |line: &str, word: &str| line.split_once(word).map(|(before, _)| before.width());
        assert_eq!(column(lines[0], "ACTION"), column(lines[1], "kept"), "{table}");
        assert_eq!(column(lines[0], "ACTION"), column(lines[2], "kept"), "{table}");
    }

    #[test]
    fn a_name_may_have_any_length() {
        let sweep = listed([job("a"), job(&"x".repeat(70_000))]);
        let mut out = Vec::new();
        write(&sweep.sorted_jobs(), 0, &mut out).expect("written");
        assert!(out.len() > 3 * 70_000);
    }

    #[test]
    fn many_deleted_jobs_are_summed_up_but_never_one_that_failed_or_is_kept() {
        let due = (0..GONE_LINES + 50).map(|number| job(&format!("due-{number}")).succeeded());
        let failed = (0..300).map(|number| job(&format!("failed-{number}")).policy("hook-failed").failed());
        let kept = (0..300).map(|number| job(&format!("kept-{number}")).failed());
        let mut sweep = listed(due.chain(failed).chain(kept));
        // The sweep allows four deletions at once.
        loop {
            let deleted = answer_all(&mut sweep, || Ok(true));
            if deleted.is_empty() {
                break;
            }
            deleted.iter().for_each(|job| event(&mut sweep, Event::Deleted((**job).clone())));
        }
        let mut out = Vec::new();
        write(&sweep.sorted_jobs(), 0, &mut out).expect("written");
        let table = String::from_utf8(out).expect("text");
        let count = |name: &str| table.lines().filter(|line| line.contains(name)).count();
        assert_eq!((count(" due-"), count(" failed-"), count(" kept-")), (GONE_LINES, 300, 300));
        let last = table.lines().next_back();
        assert_eq!(last, Some("and more that did not fail: 50 deleted; -o json lists them all"));
    }
}

//! The report as a table, for people.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, Table};

use super::wording::{ACTIONS, action, age, outcome, why};
use crate::cleanup::sweep::{Gone, Phase, TrackedJob};
use crate::escape::{one_line, shortened};
use crate::policy::Outcome;

const HEADINGS: [&str; 6] = ["NAMESPACE", "JOB", "OUTCOME", "FINISHED", "ACTION", "WHY"];
/// kubectl has 3 blanks between columns. With 2, more fits into 80 columns.
const PADDING: (u16, u16) = (0, 2);

pub(crate) struct Layout {
    pub has_namespaces: bool,
    /// Whether Jobs appear too that are gone without having failed.
    pub has_all: bool,
    pub is_coloured: bool,
}

/// A line for every Job, in the order of what happened; `None` if there is none.
pub(super) fn table(mut jobs: Vec<&TrackedJob>, layout: &Layout, unix_now: i64) -> Option<Table> {
    jobs.retain(|tracked| {
        layout.has_all || !is_gone(tracked) || tracked.job.outcome() == Some(Outcome::Failed)
    });
    jobs.sort_by_key(|tracked| ACTIONS.iter().position(|word| *word == action(&tracked.phase)));
    let skipped = usize::from(!layout.has_namespaces);
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(HEADINGS.into_iter().skip(skipped));
    table.add_rows(jobs.iter().map(|tracked| cells(tracked, layout, unix_now).into_iter().skip(skipped)));
    table.column_iter_mut().for_each(|column| {
        column.set_padding(PADDING);
    });
    if layout.is_coloured {
        table.enforce_styling().style_text_only();
    }
    (!jobs.is_empty()).then_some(table)
}

fn is_gone(tracked: &TrackedJob) -> bool {
    matches!(tracked.phase, Phase::Gone(gone) if gone != Gone::WouldDelete)
}

fn cells(tracked: &TrackedJob, layout: &Layout, unix_now: i64) -> [Cell; HEADINGS.len()] {
    let job = &tracked.job;
    let is_gone = is_gone(tracked);
    let cell = |text: String, colour: Option<Color>| {
        let cell = Cell::new(if text.is_empty() { "-".to_owned() } else { one_line(&shortened(&text)) });
        match colour {
            Some(colour) if layout.is_coloured => cell.fg(colour),
            None if layout.is_coloured && is_gone => cell.add_attribute(Attribute::Dim),
            _ => cell,
        }
    };
    let finished = job.finished_at.map(|at| age(unix_now.saturating_sub(at)));
    let red = (job.outcome() == Some(Outcome::Failed)).then_some(Color::Red);
    let yellow = !matches!(tracked.phase, Phase::Gone(_));
    [
        cell(job.namespace.clone(), None),
        cell(job.name.clone(), None),
        cell(outcome(tracked).to_owned(), red),
        cell(finished.unwrap_or_default(), None),
        cell(action(&tracked.phase).to_owned(), yellow.then_some(Color::Yellow)),
        cell(why(tracked, unix_now).unwrap_or_default(), None),
    ]
}

#[cfg(test)]
mod tests {
    use comfy_table::ContentArrangement;

    use super::*;
    use crate::cleanup::fixture::{answer_all, event, job, listed};
    use crate::cleanup::sweep::Sweep;
    use crate::cluster::job::{Job, State};
    use crate::cluster::watch::Event;

    const PLAIN: Layout = Layout { has_namespaces: false, has_all: false, is_coloured: false };
    const NOW: i64 = 300_000;

    /// The lines as they are on a terminal of this width.
    fn lines(sweep: &Sweep, layout: &Layout, width: u16) -> Vec<String> {
        let Some(mut table) = table(sweep.sorted_jobs(), layout, NOW) else { return Vec::new() };
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
        table.trim_fmt().lines().map(str::to_owned).collect()
    }

    /// A sweep that has deleted what is due.
    fn swept(jobs: impl IntoIterator<Item = Job>) -> Sweep {
        let mut sweep = listed(jobs);
        let deleted = answer_all(&mut sweep, || Ok(true));
        deleted.iter().for_each(|job| event(&mut sweep, Event::Deleted((**job).clone())));
        sweep
    }

    fn jobs() -> [Job; 4] {
        let failed =
            job("b-failed").policy("hook-failed").failed().with(|job| job.finished_at = Some(NOW - 60));
        let kept = job("a-kept").failed().with(|job| job.finished_at = Some(0));
        [kept, failed, job("c-running"), job("d-done").finished_at(NOW - 300)]
    }

    #[test]
    fn it_has_what_is_kept_failed_or_left_in_the_order_of_what_happened() {
        assert_eq!(
            lines(&swept(jobs()), &PLAIN, 80),
            [
                "JOB        OUTCOME     FINISHED  ACTION   WHY",
                "b-failed   failed      60s       deleted  -",
                "a-kept     failed      3d11h     kept     its policy does not name hook-failed",
                "c-running  unfinished  -         waiting  it has not finished",
            ]
        );
        let all = lines(&swept(jobs()), &Layout { has_all: true, has_namespaces: true, ..PLAIN }, 120);
        assert_eq!(all.len(), 5, "{all:?}");
        assert_eq!(all[2], "shop       d-done     succeeded   5m        deleted  -");
        assert_eq!(lines(&swept([job("done").succeeded()]), &PLAIN, 80), [""; 0]);
    }

    #[test]
    fn a_row_that_is_too_wide_is_wrapped_between_words() {
        let lines = lines(&swept([job(&"long-name-".repeat(3)).policy("before-hook-creation")]), &PLAIN, 80);
        assert!(lines.len() > 2 && lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    }

    #[test]
    fn failed_is_red_kept_and_waiting_are_yellow_and_gone_is_dim() {
        let lines = lines(&swept(jobs()), &Layout { is_coloured: true, has_all: true, ..PLAIN }, 80);
        let (red, yellow, dim) = ("\x1b[38;5;9m", "\x1b[38;5;11m", "\x1b[2m");
        for (line, colours) in [
            (1, &[(red, "failed"), (dim, "deleted")][..]),
            (2, &[(dim, "succeeded"), (dim, "deleted")]),
            (3, &[(red, "failed"), (yellow, "kept")]),
            (4, &[(yellow, "waiting")]),
        ] {
            for (colour, word) in colours {
                assert!(lines[line].contains(&format!("{colour}{word}")), "{:?}", lines[line]);
            }
        }
    }

    #[test]
    fn no_job_can_forge_a_line_and_columns_stand_below_one_another() {
        let forged = job("a\nb   succeeded");
        let wide = job("数据").state(State::Finished(Outcome::Failed, "Odd\x1b[2J".to_owned()));
        let lines = lines(&listed([forged, wide]), &PLAIN, 120);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[2].starts_with("a\\nb   succeeded  unfinished"), "{lines:?}");
        // Each of the two characters is two columns wide.
        assert_eq!(lines[0].find("ACTION"), Some(lines[1].find("kept").unwrap_or_default() - 2), "{lines:?}");
    }

    #[test]
    fn a_long_text_is_cut() {
        let lines = lines(&listed([job("a"), job(&"x".repeat(70_000))]), &PLAIN, 1_000);
        assert!(lines.len() == 3 && lines.iter().any(|line| line.contains("x…")), "{lines:?}");
    }
}

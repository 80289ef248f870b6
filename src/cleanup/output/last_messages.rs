//! The last messages of a sweep: how it ended, what is left, and how many Jobs it handled.

use crate::cleanup::output::terminal::Terminal;
use crate::cleanup::output::words::{jobs, totals, why};
use crate::cleanup::sweep::Sweep;
use crate::cleanup::sweep::ending::Ending;
use crate::policy::KOTS_DELETE_POLICY;

/// How many of the Jobs that are left are named.
const NAMED: usize = 100;

pub(crate) fn explain(ending: &Ending, sweep: &Sweep, terminal: &Terminal) {
    match (ending, ending.problem(sweep)) {
        (Ending::Stopped(signal), _) => terminal.warning(format_args!("stopped by {signal}")),
        (Ending::Aborted(_), _) => {
            terminal.error(format_args!("aborted; the deletions under way may or may not be carried out"));
        }
        (Ending::Deadline, _) if sweep.was_listed() => {
            terminal.error(format_args!("the deadline came before everything was swept"));
        }
        (_, Some(problem)) => terminal.error(format_args!("{problem}")),
        (_, None) => {}
    }
    let mut left: Vec<_> = sweep.jobs().filter(|tracked| tracked.phase.blocks_end()).collect();
    left.sort_unstable_by(|a, b| a.sort_key().cmp(&b.sort_key()));
    for tracked in left.iter().take(NAMED) {
        let why = why(&tracked.job, &tracked.phase).unwrap_or_default();
        terminal.warning(format_args!("left {}: {why}", tracked.job.id));
    }
    if let Some(more) = left.len().checked_sub(NAMED).filter(|more| *more > 0) {
        terminal.warning(format_args!("left {more} more; the table and the JSON report list them all"));
    }
    let any = sweep.jobs().next().is_some();
    if any {
        terminal.line(format_args!("{}", totals(sweep.jobs())));
    } else if sweep.was_listed() {
        terminal.line(format_args!("no Job in scope has the annotation {KOTS_DELETE_POLICY}"));
    }
    if sweep.was_listed() || any {
        left_out(sweep, terminal, any);
    }
}

fn left_out(sweep: &Sweep, terminal: &Terminal, any_in_scope: bool) {
    let (others, nameless) = sweep.left_out();
    if others > 0 {
        terminal.line(format_args!("left out by --release: {} of other releases", jobs(others)));
    }
    if nameless > 0 {
        let text = format!(
            "left out by --release: {} without a release. Helm does not annotate hooks with it: give such a Job the \
             label app.kubernetes.io/instance, or sweep without --release",
            jobs(nameless)
        );
        // These Jobs may be all that the user meant.
        if any_in_scope {
            terminal.line(format_args!("{text}"));
        } else {
            terminal.warning(format_args!("{text}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::options::Verbosity;
    use crate::cleanup::output::terminal::tests::Screen;
    use crate::cleanup::sweep::fixture::{job, listed, refused, sweep};
    use crate::cleanup::sweep::rules::Rules;
    use crate::cluster::old::api::Failure;
    use crate::cluster::old::job::state::State;
    use crate::exit_code::ExitCode;

    fn explained(ending: &Ending, sweep: &Sweep) -> String {
        let screen = Screen::default();
        let terminal = screen.terminal(Verbosity::Normal);
        explain(ending, sweep, &terminal);
        terminal.finish();
        screen.text()
    }

    #[test]
    fn nothing_is_summed_up_that_was_never_looked_at() {
        let nowhere = Ending::Failed(Failure::Config("no kubeconfig".to_owned()));
        assert_eq!(explained(&nowhere, &sweep(Rules::default(), 0)).lines().count(), 1);
        assert_eq!(explained(&Ending::Deadline, &sweep(Rules::default(), 1)).lines().count(), 1);
        assert!(explained(&Ending::Swept, &listed([])).contains("no Job in scope has the annotation"));
    }

    #[test]
    fn a_deletion_that_was_refused_and_a_job_that_was_not_read_are_errors() {
        let odd = job("odd").state(State::Unreadable("odd".to_owned()));
        let sweep = refused([job("a").succeeded(), odd]);
        let error = "the API server refused to delete 1 Job, and 1 Job could not be read";
        assert_eq!(Ending::Swept.problem(&sweep).map(|problem| problem.to_string()).as_deref(), Some(error));
        assert_eq!(
            (Ending::Swept.exit_code(&sweep, false), Ending::Swept.name(&sweep)),
            (ExitCode::Failure, "error")
        );
        assert!(explained(&Ending::Swept, &sweep).contains(error));
    }

    #[test]
    fn of_many_jobs_that_are_left_some_are_named_and_all_are_counted() {
        let lines = explained(&Ending::Deadline, &listed((0..NAMED + 5).map(|n| job(&n.to_string()))));
        assert_eq!(lines.matches("warning: left shop/").count(), NAMED);
        assert!(lines.contains("left 5 more; the table"), "{lines}");
    }
}

//! Every order of events that matters, as the short story of what the cluster does.

mod age;
mod labels;
mod messages;
mod oddities;
mod retries;

use super::*;
use crate::cleanup::sweep::fixture::{job, sweep};
use crate::cleanup::sweep::request::{DeletionResult, Reply, Retry};
use crate::cluster::old::job::state::{Hint, State};

const SCOPE: usize = 0;

/// A sweep over one scope, and its clock.
struct Story {
    sweep: Sweep,
    now: Duration,
}

fn story() -> Story {
    rules(Rules::default())
}

fn rules(rules: Rules) -> Story {
    let mut sweep = sweep(rules, 1);
    sweep.list_begins(SCOPE);
    Story { sweep, now: Duration::ZERO }
}

impl Story {
    fn listed(mut self, jobs: impl IntoIterator<Item = Job>) -> Self {
        jobs.into_iter().for_each(|job| self.sweep.seen(SCOPE, job, self.now));
        self.sweep.listed(SCOPE, self.now);
        self
    }

    fn listed_again(mut self, jobs: impl IntoIterator<Item = Job>) -> Self {
        self.sweep.list_begins(SCOPE);
        self.listed(jobs)
    }

    fn seen(mut self, job: Job) -> Self {
        self.sweep.seen(SCOPE, job, self.now);
        self
    }

    fn deleted_in_watch(mut self, job: Job) -> Self {
        self.sweep.deleted_in_watch(job, self.now);
        self
    }

    fn later(mut self, seconds: u64) -> Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    /// The next request deletes this Job, and has this result after what `meanwhile` does.
    #[track_caller]
    fn deletes(mut self, name: &str, meanwhile: impl FnOnce(Self) -> Self, result: DeletionResult) -> Self {
        let deletion = self.next_deletion(name);
        self = meanwhile(self);
        self.sweep.replied(Reply::Deletion(deletion, None, result), self.now);
        self
    }

    /// The next request checks whether this Job is gone.
    #[track_caller]
    fn checks(mut self, name: &str, gone: Result<bool, Retry>) -> Self {
        let Some(Request::CheckGone { number, id, .. }) = self.next() else { panic!("no check") };
        assert_eq!(&*id.name, name);
        self.sweep.replied(Reply::Check(number, gone), self.now);
        self
    }

    #[track_caller]
    fn next_deletion(&mut self, name: &str) -> Deletion {
        let Some(Request::Delete(deletion)) = self.next() else { panic!("no deletion") };
        assert_eq!(&*deletion.job.id.name, name);
        deletion
    }

    fn next(&mut self) -> Option<Request> {
        self.sweep.handle_timers(self.now);
        self.sweep.next_request(self.now)
    }

    #[track_caller]
    fn is(self, name: &str, phase: Phase) -> Self {
        assert_eq!(*self.phase(name), phase, "{name}");
        self
    }

    /// The phase of the Job with this UID.
    fn phase(&self, uid: &str) -> &Phase {
        &self.sweep.jobs[self.sweep.numbers[&uid.into()]].phase
    }

    #[track_caller]
    fn sends_nothing(mut self) -> Self {
        assert!(self.next().is_none());
        self
    }

    #[track_caller]
    fn done(self, done: bool) -> Self {
        assert_eq!(self.sweep.is_done(), done);
        self
    }
}

fn nothing(story: Story) -> Story {
    story
}

fn gone(story: Story) -> Story {
    story.deleted_in_watch(job("a").succeeded().version("2"))
}

fn retry(why: &str) -> Retry {
    Retry { after: Duration::from_secs(3), why: why.to_owned() }
}

fn busy() -> DeletionResult {
    DeletionResult::TemporarilyRefused(retry("429"))
}

fn no_reply() -> DeletionResult {
    DeletionResult::InDoubt(retry("connection reset"))
}

fn refused() -> DeletionResult {
    DeletionResult::Refused("no".to_owned())
}

#[test]
fn nothing_in_scope_is_done_once_listed() {
    assert!(!story().sweep.is_done());
    story().listed([]).done(true);
    story().listed([job("cron").without_policy()]).done(true);
}

#[test]
fn a_finished_job_of_the_first_list_is_deleted() {
    story()
        .listed([job("a").succeeded()])
        .deletes("a", nothing, DeletionResult::Deleted)
        .is("a", Phase::Deleted)
        .done(true);
}

#[test]
fn a_running_job_is_waited_for_and_then_deleted() {
    story()
        .listed([job("a")])
        .is("a", Phase::Waiting(Hint::None))
        .sends_nothing()
        .done(false)
        .seen(job("a").succeeded().version("2"))
        .deletes("a", nothing, DeletionResult::Deleted)
        .done(true);
}

#[test]
fn a_job_that_ends_otherwise_is_kept() {
    let kept = Phase::Kept(Kept::NotNamed(crate::policy::Outcome::Failed));
    story().listed([job("a")]).seen(job("a").failed()).is("a", kept).sends_nothing().done(true);
}

#[test]
fn the_wait_for_a_job_ends_when_it_first_stops_blocking_the_end() {
    let story =
        story().listed([job("a")]).later(3).seen(job("a").succeeded().policy("hook-failed").version("2"));
    let story = story.later(9).seen(job("a").succeeded().policy("?").version("3"));
    assert_eq!(*story.phase("a"), Phase::Kept(Kept::NamesNothing));
    assert_eq!(story.sweep.jobs[0].until, Some(Duration::from_secs(3)));
    // The Job may block the end again.
    let story = story.seen(job("a").version("4"));
    assert_eq!(story.sweep.jobs[0].until, None);
}

#[test]
fn a_suspended_job_holds_nothing_until_it_is_resumed() {
    story()
        .listed([job("a").state(State::Suspended)])
        .done(true)
        .seen(job("a"))
        .done(false)
        .seen(job("a").succeeded())
        .deletes("a", nothing, DeletionResult::Deleted)
        .done(true);
}

#[test]
fn a_job_that_appears_later_is_included() {
    story().listed([]).done(true).seen(job("b")).done(false);
}

#[test]
fn accepted_is_not_gone() {
    story()
        .listed([job("a").succeeded()])
        .deletes("a", nothing, DeletionResult::Accepted)
        .is("a", Phase::Terminating { ours: true })
        .seen(job("a").succeeded().held_by("x/y").version("2"))
        .sends_nothing()
        .done(false)
        .deleted_in_watch(job("a").succeeded().version("3"))
        .is("a", Phase::Deleted)
        .done(true);
}

#[test]
fn the_watch_may_be_faster_than_the_answer() {
    for (answer, phase) in [
        (DeletionResult::Deleted, Phase::Deleted),
        (DeletionResult::Accepted, Phase::Deleted),
        (no_reply(), Phase::Deleted),
        (DeletionResult::NotFound, Phase::DeletedByOthers),
        (DeletionResult::Conflict, Phase::DeletedByOthers),
        (refused(), Phase::DeletedByOthers),
        (busy(), Phase::DeletedByOthers),
    ] {
        let story = story().listed([job("a").succeeded()]);
        story.deletes("a", gone, answer).is("a", phase).later(9).sends_nothing().done(true);
    }
    let mut story = story().listed([job("a").succeeded()]);
    let deletion = story.next_deletion("a");
    let mut story = gone(story);
    story.sweep.replied(Reply::Deletion(deletion, None, DeletionResult::NoLogs(retry("no"))), story.now);
    story.is("a", Phase::DeletedByOthers).later(9).sends_nothing().done(true);
}

#[test]
fn after_a_conflict_the_newer_version_decides() {
    let edited = || job("a").succeeded().policy("hook-failed").version("2");
    let kept = || Phase::Kept(Kept::NotNamed(crate::policy::Outcome::Succeeded));
    // The newer version comes after the answer …
    story()
        .listed([job("a").succeeded()])
        .deletes("a", nothing, DeletionResult::Conflict)
        .sends_nothing()
        .done(false)
        .seen(edited())
        .is("a", kept())
        .done(true);
    // … or before it.
    let meanwhile = |story: Story| story.seen(edited());
    story()
        .listed([job("a").succeeded()])
        .deletes("a", meanwhile, DeletionResult::Conflict)
        .is("a", kept())
        .done(true);
    // And if it says the same, it is deleted as that version.
    let story = story().listed([job("a").succeeded()]).deletes("a", nothing, DeletionResult::Conflict);
    story.seen(job("a").succeeded().version("2")).deletes("a", nothing, DeletionResult::Deleted).done(true);
}

#[test]
fn after_a_conflict_that_the_watch_does_not_explain_the_list_is_read_again() {
    let mut story = story().listed([job("a").succeeded()]).deletes("a", nothing, DeletionResult::Conflict);
    assert!(story.sweep.handle_timers(story.now).is_empty());
    story = story.later(5);
    assert_eq!(story.sweep.handle_timers(story.now), [SCOPE]);
    assert!(story.sweep.handle_timers(story.now).is_empty(), "it is asked for once");
    // The old version again, from the watch: nothing new. From a list: worth another attempt.
    let story = story.seen(job("a").succeeded()).sends_nothing();
    story.listed_again([job("a").succeeded()]).deletes("a", nothing, DeletionResult::Deleted).done(true);
}

#[test]
fn another_job_of_the_same_name_is_another_job() {
    story()
        .listed([job("a").succeeded()])
        .deletes("a", nothing, DeletionResult::Conflict)
        .deleted_in_watch(job("a").succeeded())
        .seen(job("a").uid("a2").version("9"))
        .is("a", Phase::DeletedByOthers)
        .is("a2", Phase::Waiting(Hint::None))
        .sends_nothing()
        .done(false);
}

#[test]
fn what_a_new_list_misses_is_gone() {
    story()
        .listed([job("a"), job("b").succeeded(), job("c")])
        .deletes("b", nothing, DeletionResult::Accepted)
        .listed_again([job("c")])
        .is("a", Phase::DeletedByOthers)
        .is("b", Phase::Deleted)
        .is("c", Phase::Waiting(Hint::None));
}

#[test]
fn an_unfinished_list_proves_nothing() {
    let mut story = story().listed([job("a"), job("b")]);
    story.sweep.list_begins(SCOPE);
    let story = story.seen(job("a")).done(false);
    story.listed_again([job("a"), job("b")]).is("b", Phase::Waiting(Hint::None));
}

#[test]
fn nothing_is_done_while_a_scope_is_interrupted() {
    let mut story = story().listed([]);
    story.sweep.interrupted(SCOPE, retry("reset"));
    let mut story = story.done(false);
    story.sweep.watching(SCOPE);
    story.done(true);
}

#[test]
fn only_a_watch_notices_what_changes_after_the_list() {
    let mut story = story().listed([]).done(true);
    assert!(!story.sweep.is_watched());
    story.sweep.watching(SCOPE);
    assert!(story.sweep.is_watched());
    let story = story.listed_again([]).done(true);
    assert!(!story.sweep.is_watched());
}

#[test]
fn a_sweep_over_no_scope_has_listed_nothing() {
    assert!(!sweep(Rules::default(), 0).was_listed());
}

#[test]
fn a_job_that_someone_else_deletes_is_waited_for_only_if_it_matters() {
    let theirs = Phase::Terminating { ours: false };
    story().listed([job("a").succeeded().held_by("x/y")]).sends_nothing().is("a", theirs.clone()).done(false);
    story()
        .listed([job("a").held_by("x/y")])
        .is("a", theirs)
        .deleted_in_watch(job("a"))
        .is("a", Phase::DeletedByOthers)
        .done(true);
    story().listed([job("a").failed().held_by("x/y")]).done(true);
}

#[test]
fn one_of_many_is_enough_to_go_on() {
    let mut story = story().listed((0..100).map(|number| job(&number.to_string()).succeeded()));
    for left in (0..100).rev() {
        let Some(Request::Delete(deletion)) = story.next() else { panic!("no deletion") };
        story.sweep.replied(Reply::Deletion(deletion, None, DeletionResult::Deleted), story.now);
        story = story.done(left == 0);
    }
    story.sends_nothing();
}

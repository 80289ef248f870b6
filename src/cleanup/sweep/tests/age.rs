//! `--finished-for`: Jobs that finished too recently, by the API server's clock.

use super::*;
use crate::cleanup::options::Verbosity;

/// An hour after the clock of any test begins.
const HOUR: u32 = 3600;

fn patient(once: bool) -> Story {
    rules(Rules { finished_for: Duration::from_secs(60), once, ..Rules::default() })
}

impl Story {
    /// The API server's clock says this. It is no clock of ours.
    fn at(mut self, server_time: u32) -> Self {
        self.sweep.server_time = Some(server_time.into());
        self
    }
}

fn too_recent(seconds: u64) -> Phase {
    Phase::TooRecent(Duration::from_secs(seconds))
}

fn kept(seconds: u64) -> Phase {
    Phase::Kept(Kept::TooRecent(Duration::from_secs(seconds)))
}

#[test]
fn a_job_that_finished_too_recently_is_waited_for_until_it_is_due() {
    let story = patient(false).at(HOUR).listed([job("a").finished_at(HOUR - 1)]);
    let story = story.is("a", too_recent(60)).sends_nothing().done(false);
    let story = story.at(HOUR + 59).sends_nothing().done(false);
    story.at(HOUR + 60).deletes("a", nothing, DeletionResult::Deleted).is("a", Phase::Deleted).done(true);
}

#[test]
fn only_the_api_servers_clock_counts() {
    // A day passes here, but no answer says so.
    let story = patient(false).at(HOUR).listed([job("a").finished_at(HOUR)]).later(86_400);
    let story = story.sends_nothing().is("a", too_recent(61));
    // No time passes here, but the API server's clock is set.
    story.at(HOUR + 61).deletes("a", nothing, DeletionResult::Deleted);
}

#[test]
fn jobs_become_due_one_after_another_whatever_order_they_are_seen_in() {
    let jobs = [job("b").finished_at(HOUR - 10), job("c").finished_at(HOUR), job("a").finished_at(HOUR - 20)];
    let mut story = patient(false).at(HOUR).listed(jobs);
    for (name, seconds) in [("a", 41), ("b", 51), ("c", 61)] {
        story = story.at(HOUR + seconds - 1).sends_nothing();
        story = story.at(HOUR + seconds).deletes(name, nothing, DeletionResult::Deleted);
    }
    story.done(true);
}

#[test]
fn a_job_that_finishes_meanwhile_has_to_age_too() {
    let story = patient(false).at(HOUR).listed([job("a")]).is("a", Phase::Waiting(Hint::None));
    let story = story.at(HOUR + 30).seen(job("a").finished_at(HOUR + 30).version("2")).sends_nothing();
    story.at(HOUR + 91).deletes("a", nothing, DeletionResult::Deleted).done(true);
}

#[test]
fn once_keeps_it_and_says_how_long_is_left() {
    let jobs = [job("a").finished_at(HOUR), job("old").finished_at(0)];
    let story = patient(true).at(HOUR).listed(jobs).deletes("old", nothing, DeletionResult::Deleted);
    let story = story.is("a", kept(61)).done(true);
    // A sweep that takes long may still find it due.
    let story = story.at(HOUR + 30).seen(job("a").finished_at(HOUR)).is("a", kept(31)).sends_nothing();
    story.at(HOUR + 61).seen(job("a").finished_at(HOUR)).deletes("a", nothing, DeletionResult::Deleted);
}

#[test]
fn what_is_left_is_brought_up_to_date_at_the_end() {
    let mut story = patient(false).at(HOUR).listed([job("a").finished_at(HOUR)]).at(HOUR + 20);
    story.sweep.refresh_waits(story.now);
    story.is("a", too_recent(41)).sends_nothing().done(false);
}

#[test]
fn a_condition_from_the_future_is_waited_for() {
    let story = patient(false).at(HOUR).listed([job("a").finished_at(2 * HOUR)]);
    story.is("a", too_recent(3661)).at(2 * HOUR).sends_nothing().done(false);
}

#[test]
fn without_a_time_it_is_kept() {
    for (story, job) in [
        (patient(false).at(HOUR), job("a").succeeded()),
        (patient(true).at(HOUR), job("a").succeeded()),
        (patient(false), job("a").finished_at(0)),
    ] {
        let story = story.listed([job]).sends_nothing().done(true);
        assert!(matches!(story.phase("a"), Phase::Kept(Kept::NoFinishTime | Kept::NoServerTime)));
    }
}

#[test]
fn a_clock_that_is_set_back_makes_it_wait_longer() {
    let story = patient(false)
        .at(HOUR)
        .listed([job("a").finished_at(HOUR)])
        .at(0)
        .listed_again([job("a").finished_at(HOUR)]);
    let story = story.is("a", too_recent(3661)).at(HOUR + 60).sends_nothing();
    story.at(HOUR + 61).deletes("a", nothing, DeletionResult::Deleted).done(true);
}

#[test]
fn what_happens_to_it_meanwhile_counts() {
    let story = || patient(false).at(HOUR).listed([job("a").finished_at(HOUR)]);
    let gone =
        story().deleted_in_watch(job("a").finished_at(HOUR)).is("a", Phase::DeletedByOthers).done(true);
    gone.at(HOUR + 61).sends_nothing();
    let theirs = story().seen(job("a").finished_at(HOUR).held_by("x/y"));
    theirs.is("a", Phase::Terminating { ours: false }).at(HOUR + 61).sends_nothing();
    let ignored = job("a").finished_at(HOUR).with(|shared| shared.ignored = true);
    story().seen(ignored).is("a", Phase::Kept(Kept::Ignored)).at(HOUR + 61).sends_nothing().done(true);
}

#[test]
fn it_is_mentioned_once_and_what_is_kept_for_want_of_a_time_is_a_warning() {
    let said = |mut story: Story| -> Vec<_> {
        let messages = story.sweep.take_messages();
        messages.iter().map(|message| (message.level(), message.to_string())).collect()
    };
    let story = patient(false).at(HOUR).listed([job("a").finished_at(HOUR), job("b").succeeded()]);
    let story = story.at(HOUR + 9).listed_again([job("a").finished_at(HOUR), job("b").succeeded()]);
    let said = said(story);
    let at = |level| said.iter().filter(move |(found, _)| *found == level).map(|(_, text)| text.as_str());
    assert_eq!(
        at(Verbosity::Normal).collect::<Vec<_>>(),
        ["waiting for shop/a: it finished too recently; it is due in 1m01s"]
    );
    assert_eq!(
        at(Verbosity::Warning).collect::<Vec<_>>(),
        ["kept shop/b: how long ago it finished is unknown: its status does not say when it finished"]
    );
}

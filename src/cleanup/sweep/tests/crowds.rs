//! When nearly all of a scope is to be deleted, its watch is deferred until the rest has been listed again.

use super::*;

/// So many Jobs that are to be deleted.
fn crowd(due: usize) -> impl Iterator<Item = Job> {
    (0..due).map(|number| job(&format!("due-{number}")).succeeded())
}

fn busy_story(due: usize) -> Story {
    let mut story = story().listed(crowd(due));
    assert!(story.sweep.defers_watch(SCOPE, due));
    story
}

impl Story {
    /// So many deletions are sent and work.
    fn swept(mut self, deletions: usize) -> Self {
        for _ in 0..deletions {
            let order = self.sweep.next_order(self.now).expect("a deletion");
            self.sweep.answered(&order, Answer::Gone, None, self.now);
        }
        self
    }

    /// What is to be listed again, and what is to be watched at last.
    fn wants(&mut self) -> (Vec<usize>, Vec<usize>) {
        (self.sweep.overdue(self.now), self.sweep.undeferred())
    }
}

const NOTHING: (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());

#[test]
fn a_watch_is_deferred_where_nearly_all_of_many_jobs_go() {
    for (due, size, defers) in [
        (0, 0, false),
        (1, 1, false),
        (1000, 1000, false),
        (1001, 1001, true),
        (2000, 2500, true),
        (2000, 2501, false),
    ] {
        let mut story = story().listed(crowd(due));
        assert_eq!(story.sweep.defers_watch(SCOPE, size), defers, "{due} of {size}");
    }
}

#[test]
fn a_watch_is_not_deferred_where_a_job_is_waited_for() {
    let mut story = story().listed(crowd(2000).chain([job("running")]));
    assert!(!story.sweep.defers_watch(SCOPE, 2001));
}

#[test]
fn what_went_while_the_list_was_read_counts_too() {
    let mut story = story();
    crowd(2000).for_each(|job| story.sweep.seen(SCOPE, job, story.now));
    let mut story = story.swept(1900).listed([]);
    assert!(story.sweep.defers_watch(SCOPE, 2000));
    assert_eq!(story.wants(), (vec![SCOPE], vec![]), "there is nothing to be deferred for");
}

#[test]
fn a_rehearsal_brings_no_events_so_its_watch_is_not_deferred() {
    let mut sweep = Sweep::new(Rules::default(), true, 1, 4);
    sweep.list_begins(SCOPE);
    let story = Story { sweep, now: Duration::ZERO };
    assert!(!story.listed(crowd(2000)).sweep.defers_watch(SCOPE, 2000));
}

#[test]
fn when_few_deletions_are_left_what_is_seen_is_old_and_a_list_is_due_once() {
    let mut story = busy_story(1200).swept(949);
    assert_eq!(story.wants(), NOTHING);
    story = story.swept(1);
    assert_eq!(story.wants(), (vec![SCOPE], vec![]));
    assert_eq!(story.wants(), NOTHING);
    story = story.swept(250).done(false).listed_again([]).done(true);
    assert!(!story.sweep.defers_watch(SCOPE, 0));
}

#[test]
fn a_list_that_begins_for_another_reason_is_not_followed_by_one_more() {
    let mut story = busy_story(1200);
    story.sweep.list_begins(SCOPE);
    assert_eq!(story.swept(1200).wants(), NOTHING);
}

#[test]
fn a_deletion_that_does_not_go_well_brings_the_watch_and_none_is_deferred_after_that() {
    for answer in [busy(), lost(), Answer::Conflict, Answer::Refused("no".to_owned())] {
        let mut story = busy_story(1200).deletes("due-0", nothing, answer);
        assert_eq!(story.wants(), (vec![], vec![SCOPE]));
        assert_eq!(story.wants(), NOTHING);
        story = story.listed_again(crowd(1200));
        assert!(!story.sweep.defers_watch(SCOPE, 1200));
    }
}

#[test]
fn of_several_scopes_only_the_crowded_one_is_watched_later() {
    let mut sweep = Sweep::new(Rules::default(), false, 2, 4);
    (0..2).for_each(|scope| sweep.list_begins(scope));
    sweep.seen(0, job("running"), Duration::ZERO);
    crowd(1200).for_each(|job| sweep.seen(1, job, Duration::ZERO));
    (0..2).for_each(|scope| sweep.listed(scope, Duration::ZERO));
    assert_eq!([(0, 1), (1, 1200)].map(|(scope, size)| sweep.defers_watch(scope, size)), [false, true]);
    let mut story = Story { sweep, now: Duration::ZERO }.swept(1200);
    assert_eq!(story.wants(), (vec![1], vec![]));
}

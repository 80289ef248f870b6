//! When most of a scope is to be deleted, its rest is listed anew before it is watched.

use super::*;

/// So many Jobs that are to be deleted, and so many that are not.
fn crowd(due: usize, others: usize) -> impl Iterator<Item = Job> {
    let due = (0..due).map(|number| job(&format!("due-{number}")).succeeded());
    due.chain((0..others).map(|number| Job { policy: None, ..job(&format!("other-{number}")) }))
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

    /// What is to be listed again.
    fn overdue(&mut self) -> Vec<usize> {
        self.sweep.overdue(self.now)
    }
}

#[test]
fn a_watch_is_put_off_where_most_of_many_jobs_are_to_be_deleted() {
    for (due, others, put_off) in [
        (0, 0, false),
        (1, 0, false),
        (1000, 0, false),
        (1001, 0, true),
        (1001, 1000, true),
        (1001, 1002, false),
    ] {
        let mut story = story().listed(crowd(due, others));
        assert_eq!(story.sweep.puts_off_watch(SCOPE), put_off, "{due} due, {others} others");
    }
}

#[test]
fn a_rehearsal_brings_no_events_so_its_watch_is_not_put_off() {
    let mut sweep = Sweep::new(Rules::default(), true, 1, 4);
    sweep.list_begins(SCOPE);
    let story = Story { sweep, now: Duration::ZERO };
    assert!(!story.listed(crowd(2000, 0)).sweep.puts_off_watch(SCOPE));
}

#[test]
fn when_few_deletions_are_left_what_is_seen_is_old_and_a_list_is_due_once() {
    let mut story = story().listed(crowd(1200, 1)).swept(100);
    assert!(story.sweep.puts_off_watch(SCOPE));
    story = story.swept(849);
    assert!(story.overdue().is_empty());
    story = story.swept(1);
    assert_eq!(story.overdue(), [SCOPE]);
    assert!(story.overdue().is_empty());

    story = story.swept(250).done(false).listed_again(crowd(0, 1)).done(true);
    assert!(!story.sweep.puts_off_watch(SCOPE));
}

#[test]
fn a_deletion_that_does_not_work_ends_the_wait_and_is_the_last_of_its_kind() {
    let mut story = story().listed(crowd(1200, 0));
    assert!(story.sweep.puts_off_watch(SCOPE));
    story = story.deletes("due-0", nothing, busy());
    assert_eq!(story.overdue(), [SCOPE]);
    story = story.later(60).listed_again(crowd(1200, 0));
    assert!(!story.sweep.puts_off_watch(SCOPE));
    assert!(story.overdue().is_empty());
}

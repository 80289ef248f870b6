//! Where labels select, leaving the selection looks like being deleted.

use super::*;

fn with_selector() -> Story {
    rules(Rules { has_selector: true, ..Rules::default() })
}

#[test]
fn a_watch_that_selects_by_labels_cannot_tell_gone_from_relabelled() {
    let story = with_selector().listed([job("a")]).deleted_in_watch(job("a"));
    let story = story.is("a", Phase::DeletedOrRelabelled).done(true);
    story.seen(job("a").succeeded()).deletes("a", nothing, DeletionResult::Deleted).done(true);
}

#[test]
fn a_job_that_leaves_the_selection_while_it_is_being_deleted_may_come_back() {
    for answer in [DeletionResult::Conflict, busy(), refused()] {
        let story = with_selector().listed([job("a").succeeded()]).deletes("a", gone, answer);
        let story = story.is("a", Phase::DeletedOrRelabelled).done(true).later(9);
        let story = story.seen(job("a").succeeded().version("3")).done(false);
        story.deletes("a", nothing, DeletionResult::Deleted).is("a", Phase::Deleted).done(true);
    }
    // Back again before the answer.
    let back = |story| gone(story).seen(job("a").succeeded().version("3"));
    let story = with_selector().listed([job("a").succeeded()]).deletes("a", back, DeletionResult::Conflict);
    story.deletes("a", nothing, DeletionResult::Deleted).done(true);
}

#[test]
fn not_found_is_gone_even_where_labels_select() {
    let story = with_selector().listed([job("a").succeeded()]).deletes("a", gone, DeletionResult::NotFound);
    story.is("a", Phase::DeletedByOthers).done(true);
}

#[test]
fn a_terminating_job_that_leaves_the_selection_is_checked_until_it_is_gone() {
    let terminating = Phase::Terminating { ours: true };
    let relabelled = |story: Story| story.deleted_in_watch(job("a").succeeded().held_by("x/y").version("3"));
    let before =
        || with_selector().listed([job("a").succeeded()]).deletes("a", nothing, DeletionResult::Accepted);
    let meanwhile =
        || with_selector().listed([job("a").succeeded()]).deletes("a", relabelled, DeletionResult::Accepted);
    let listed = || before().listed_again([]);
    for story in [relabelled(before()), meanwhile(), listed()] {
        let story = story.done(false).checks("a", Ok(false)).is("a", terminating.clone());
        let story = story.done(false).sends_nothing().later(5);
        let story = story.checks("a", Err(retry("429"))).done(false).sends_nothing();
        let story = story.later(9).checks("a", Err(retry("no"))).is("a", terminating.clone());
        story.later(5).checks("a", Ok(true)).is("a", Phase::Deleted).done(true);
    }
    // Back in the selection, the watch reports the end.
    let back = relabelled(before()).checks("a", Ok(false));
    let back = back.seen(job("a").succeeded().held_by("x/y"));
    back.later(9).sends_nothing().is("a", terminating).done(false);
}

#[test]
fn a_lost_deletion_of_what_left_the_selection_is_sent_again_as_it_was() {
    for (answer, phase) in
        [(DeletionResult::NotFound, Phase::Deleted), (DeletionResult::Conflict, Phase::DeletedOrRelabelled)]
    {
        let story = with_selector().listed([job("a").succeeded()]).deletes("a", gone, no_reply());
        let story = story.done(false).later(3);
        story.deletes("a", nothing, answer).is("a", phase).later(9).sends_nothing().done(true);
    }
}

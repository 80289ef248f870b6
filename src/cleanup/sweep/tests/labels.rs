//! Where labels select, leaving the selection looks like being deleted.

use super::*;

fn selected() -> Story {
    rules(Rules { selected: true, ..Rules::default() })
}

#[test]
fn a_watch_that_selects_by_labels_cannot_tell_gone_from_relabelled() {
    let story = selected().listed([job("a")]).removed(job("a"));
    let story = story.is("a", Phase::OutOfSight).done(true);
    story.seen(job("a").succeeded()).deletes("a", nothing, Answer::Gone).done(true);
}

#[test]
fn a_job_that_leaves_the_selection_while_it_is_being_deleted_may_come_back() {
    for answer in [Answer::Conflict, busy(), Answer::Refused("no".to_owned())] {
        let story = selected().listed([job("a").succeeded()]).deletes("a", gone, answer);
        let story = story.is("a", Phase::OutOfSight).done(true).later(9);
        let story = story.seen(job("a").succeeded().version("3")).done(false);
        story.deletes("a", nothing, Answer::Gone).is("a", Phase::Deleted).done(true);
    }
    // Back again before the answer.
    let back = |story| gone(story).seen(job("a").succeeded().version("3"));
    let story = selected().listed([job("a").succeeded()]).deletes("a", back, Answer::Conflict);
    story.deletes("a", nothing, Answer::Gone).done(true);
}

#[test]
fn not_found_is_gone_even_where_labels_select() {
    let story = selected().listed([job("a").succeeded()]).deletes("a", gone, Answer::NotFound);
    story.is("a", Phase::Gone).done(true);
}

#[test]
fn a_terminating_job_that_leaves_the_selection_is_asked_for_until_it_is_gone() {
    let terminating = Phase::Terminating { ours: true };
    let relabelled = |story: Story| story.removed(job("a").succeeded().held_by("x/y").version("3"));
    let before = || selected().listed([job("a").succeeded()]).deletes("a", nothing, Answer::Accepted);
    let meanwhile = || selected().listed([job("a").succeeded()]).deletes("a", relabelled, Answer::Accepted);
    let listed = || before().listed_again([]);
    for story in [relabelled(before()), meanwhile(), listed()] {
        let story = story.done(false).asks("a", Answer::Accepted).is("a", terminating.clone()).done(false);
        let story = story.deletes_nothing().later(5).asks("a", busy()).done(false);
        let story = story.later(9).asks("a", Answer::Refused("no".to_owned())).is("a", terminating.clone());
        story.later(5).asks("a", Answer::NotFound).is("a", Phase::Deleted).done(true);
    }
    let another_has_its_name = relabelled(before()).asks("a", Answer::Gone);
    another_has_its_name.is("a", Phase::Deleted).done(true);
    // Back in sight, the watch is believed again.
    let back = relabelled(before()).asks("a", Answer::Accepted).seen(job("a").succeeded().held_by("x/y"));
    back.later(9).deletes_nothing().is("a", terminating).done(false);
}

#[test]
fn a_lost_deletion_of_what_left_the_selection_is_sent_again_as_it_was() {
    for (answer, phase) in [(Answer::NotFound, Phase::Deleted), (Answer::Conflict, Phase::OutOfSight)] {
        let story = selected().listed([job("a").succeeded()]).deletes("a", gone, lost());
        let story = story.done(false).later(3);
        story.deletes("a", nothing, answer).is("a", phase).later(9).deletes_nothing().done(true);
    }
}

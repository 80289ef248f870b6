//! Deletions that do not work at once, and whose they were when the Job is gone in the end.

use super::*;

#[test]
fn a_retry_waits_and_decides_anew() {
    let story = story().listed([job("a").succeeded(), job("b").succeeded().policy("x")]);
    let story = story.deletes("a", nothing, busy()).sends_nothing().done(false);
    let story = story.later(3).deletes("a", nothing, busy()).later(3).deletes("a", gone, busy());
    story.is("a", Phase::DeletedByOthers).done(true);
}

#[test]
fn who_deleted_a_job_is_told_by_what_became_of_the_first_deletion() {
    type Then = fn(Story) -> Story;
    let not_found: Then = |story| story.later(9).deletes("a", nothing, DeletionResult::NotFound);
    let conflict: Then = |story| story.later(9).deletes("a", gone, DeletionResult::Conflict);
    let busy_again: Then = |story| story.later(9).deletes("a", nothing, busy()).deleted_in_watch(job("a"));
    let newer: Then = |story| {
        let story = story.seen(job("a").succeeded().version("2"));
        story.later(9).deletes("a", nothing, DeletionResult::NotFound)
    };
    let terminating: Then = |story| {
        story.seen(job("a").succeeded().version("2").held_by("x/y")).deleted_in_watch(job("a").succeeded())
    };
    let missed: Then = |story| story.listed_again([]);
    for (name, then, after_lost, after_busy) in [
        ("the watch tells", gone as Then, Phase::Deleted, Phase::DeletedByOthers),
        ("a new list lacks it", missed, Phase::Deleted, Phase::DeletedByOthers),
        ("it is not found", not_found, Phase::Deleted, Phase::DeletedByOthers),
        ("another has its name", conflict, Phase::Deleted, Phase::DeletedByOthers),
        ("it is turned away, then the watch tells", busy_again, Phase::Deleted, Phase::DeletedByOthers),
        ("it turns out to be terminating", terminating, Phase::Deleted, Phase::DeletedByOthers),
        (
            "it is alive in a newer version, then not found",
            newer,
            Phase::DeletedByOthers,
            Phase::DeletedByOthers,
        ),
    ] {
        for (answer, phase) in [(no_reply(), after_lost), (busy(), after_busy)] {
            let what = format!("{answer:?}, then {name}");
            let story = then(story().listed([job("a").succeeded()]).deletes("a", nothing, answer));
            assert_eq!(*story.phase("a"), phase, "{what}");
            story.done(true);
        }
    }
}

#[test]
fn a_lost_deletion_of_what_was_already_newer_was_never_carried_out() {
    let newer = |story: Story| story.seen(job("a").succeeded().version("2"));
    let story = story().listed([job("a").succeeded()]).deletes("a", newer, no_reply()).later(3);
    story.deletes("a", nothing, DeletionResult::NotFound).is("a", Phase::DeletedByOthers);
}

#[test]
fn not_found_at_once_was_someone_else() {
    story()
        .listed([job("a").succeeded()])
        .deletes("a", nothing, DeletionResult::NotFound)
        .is("a", Phase::DeletedByOthers)
        .done(true);
}

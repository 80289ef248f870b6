//! Refusals, annotations that come and go, rehearsals, and objects that cannot be read.

use super::*;

#[test]
fn a_refused_deletion_is_not_tried_again() {
    let refused = refused();
    let story = story().listed([job("a").succeeded()]).deletes("a", nothing, refused);
    story.seen(job("a").succeeded().version("2")).sends_nothing().done(true);
}

#[test]
fn a_due_job_whose_annotation_goes_is_kept() {
    let story = story().listed([job("a").succeeded()]).seen(job("a").succeeded().without_policy());
    story.is("a", Phase::Kept(Kept::LeftScope)).sends_nothing().done(true);
}

#[test]
fn an_annotation_that_comes_later_counts() {
    let story = story().listed([job("a").succeeded().without_policy()]).done(true);
    story.seen(job("a").succeeded().version("2")).deletes("a", nothing, DeletionResult::Deleted);
}

#[test]
fn a_rehearsal_sends_nothing() {
    let story = rules(Rules { dry_run: true, ..Rules::default() });
    let story = story.listed([job("a").succeeded(), job("b").succeeded()]);
    let story =
        story.deletes("a", nothing, DeletionResult::Deleted).deletes("b", nothing, DeletionResult::Accepted);
    story.is("a", Phase::WouldDelete).is("b", Phase::WouldDelete).done(true);
}

#[test]
fn a_known_job_that_becomes_unreadable_stays_and_is_not_taken_for_gone() {
    let mut story = story().listed([job("a"), job("b")]);
    story.sweep.list_begins(SCOPE);
    let unreadable = Unreadable { id: Some(job("a").id), why: "odd".to_owned() };
    story.sweep.unreadable(SCOPE, unreadable, story.now);
    let story = story.listed([job("b")]);
    let mut story =
        story.is("a", Phase::Kept(Kept::Unreadable("odd".to_owned()))).is("b", Phase::Waiting(Hint::None));
    story.sweep.uid_deleted_in_watch(&"a".into(), story.now);
    story.is("a", Phase::DeletedByOthers);
}

#[test]
fn a_job_of_which_only_the_policy_can_be_read_is_kept_until_the_rest_can() {
    let odd = || job("a").state(State::Unreadable("odd".to_owned()));
    let kept = Phase::Kept(Kept::Unreadable("odd".to_owned()));
    let story = story().listed([odd(), odd().uid("b").without_policy()]).is("a", kept).done(true);
    assert_eq!(story.sweep.jobs.len(), 1);
    story.seen(job("a").succeeded()).deletes("a", nothing, DeletionResult::Deleted);
}

#[test]
fn jobs_of_other_releases_are_counted_once() {
    let rules = rules(Rules { release: Some("web".to_owned()), ..Rules::default() });
    let of = |uid: &str, release| job("a").uid(uid).releases([release, None]);
    let jobs = || {
        let unannotated = of("4", None).without_policy();
        [of("1", Some("web")), of("2", Some("api")), of("3", None), unannotated]
    };
    let story = rules.listed(jobs()).listed_again(jobs());
    assert_eq!(story.sweep.left_out(), (1, 1));
    assert_eq!(story.seen(of("3", Some("web"))).sweep.left_out(), (1, 0));
}

#[test]
fn a_job_of_another_release_that_is_gone_or_has_lost_its_policy_is_no_longer_counted() {
    type Then = fn(Story) -> Story;
    let other = || job("a").releases([Some("api"), None]);
    let gone: Then = |story| story.deleted_in_watch(job("a"));
    let gone_unread: Then = |mut story| {
        story.sweep.uid_deleted_in_watch(&"a".into(), story.now);
        story
    };
    let missed: Then = |story| story.listed_again([]);
    let bare: Then = |story| story.seen(job("a").without_policy());
    for (name, then) in
        [("deleted", gone), ("deleted, unreadable", gone_unread), ("missed", missed), ("bare", bare)]
    {
        let rules = rules(Rules { release: Some("web".to_owned()), ..Rules::default() });
        let story = then(rules.listed([other()]));
        assert_eq!(story.sweep.left_out(), (0, 0), "{name}");
        assert_eq!(story.seen(other().uid("new")).sweep.left_out(), (1, 0), "{name}, then created again");
    }
}

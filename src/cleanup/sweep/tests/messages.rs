//! What is reported, and how often.

use super::*;
use crate::cleanup::options::Verbosity;

/// The messages without `-v`.
fn said(mut story: Story) -> Vec<String> {
    let messages = story.sweep.take_messages();
    let said = messages.iter().filter(|message| message.level() <= Verbosity::Normal);
    said.map(ToString::to_string).collect()
}

#[test]
fn a_job_is_mentioned_when_it_gets_further_and_not_whenever_its_pods_are_counted() {
    let active = |pods| job("a").state(State::Unfinished(Hint::Active(pods)));
    let mut story = story().listed([active(1)]);
    for pods in 2..200 {
        story = story.seen(active(pods));
    }
    let story = story.seen(job("a").state(State::Unfinished(Hint::BetweenRetries(1)))).seen(active(1));
    let lines = said(story);
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[test]
fn unknown_words_beside_known_ones_are_mentioned_once() {
    let policy = "hook-succeeded, hook-fialed,";
    let story = story().listed([job("a").policy(policy)]).listed_again([job("a").policy(policy)]);
    let lines = said(story);
    assert_eq!(lines.iter().filter(|line| line.contains(r#"has unknown words: ["hook-fialed"]"#)).count(), 1);
}

#[test]
fn an_outage_is_reported_once_when_it_begins_and_once_when_it_is_over() {
    let mut story = story().listed((0..3).map(|number| job(&number.to_string()).succeeded()));
    for round in 0..3 {
        let deletions: Vec<_> = std::iter::from_fn(|| story.next()).collect();
        for deletion in deletions {
            let Request::Delete(deletion) = deletion else { panic!("no deletion") };
            let result = if round < 2 { no_reply() } else { DeletionResult::Deleted };
            story.sweep.replied(Reply::Deletion(deletion, None, result), story.now);
        }
        // The throttle halves what is sent at once.
        story = story.later(4);
    }
    while let Some(Request::Delete(deletion)) = story.next() {
        story.sweep.replied(Reply::Deletion(deletion, None, DeletionResult::Deleted), story.now);
    }
    let lines: Vec<_> = said(story).into_iter().filter(|line| !line.starts_with("deleted")).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0]
            .ends_with("(attempt 1): connection reset; retrying in 3.0 s; 2 other requests are under way")
    );
    assert_eq!(lines[1], "requests work again, after failures for 3 Jobs");
}

#[test]
fn a_check_that_failed_says_when_it_is_repeated() {
    let story = rules(Rules { has_selector: true, ..Rules::default() }).listed([job("a").succeeded()]);
    let story = story.deletes("a", |story| story, DeletionResult::Accepted).listed_again([]);
    let busy = Retry { after: Duration::from_secs(1), why: "busy".to_owned() };
    let story = story.checks("a", Err(busy)).later(4).sends_nothing();
    let lines = said(story);
    let repeated = "cannot check whether shop/a is gone (attempt 1): busy; retrying in 5.0 s";
    assert!(lines.iter().any(|line| line.starts_with(repeated)), "{lines:?}");
}

#[test]
fn replies_that_are_lost_one_after_another_are_one_outage() {
    let mut story = story().listed((0..3).map(|number| job(&number.to_string()).succeeded()));
    for number in 0..3 {
        let Some(Request::Delete(deletion)) = story.next() else { panic!("no deletion") };
        let removed = deletion.job.clone();
        story.sweep.replied(Reply::Deletion(deletion, None, no_reply()), story.now);
        story = story.deleted_in_watch(removed).later(4).done(number == 2);
    }
    let said = said(story);
    assert_eq!(said.iter().filter(|line| line.starts_with("cannot delete")).count(), 1, "{said:?}");
}

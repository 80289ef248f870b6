//! Every order of events that matters.

use super::*;
use crate::cleanup::fixture::{event, job, listed, listed_by, refused, sweep};
use crate::cluster::job::State;
use crate::policy::{DeletePolicy, Outcome};

/// A sweep over one scope, and its clock.
struct Case {
    sweep: Sweep,
    now: Duration,
}

fn case() -> Case {
    case_by(Rules::default())
}

fn case_by(rules: Rules) -> Case {
    let mut case = Case { sweep: sweep(rules, 1), now: Duration::ZERO };
    case.event(Event::ListBegins);
    case
}

impl Case {
    fn event(&mut self, event: Event) {
        self.sweep.event(0, event, self.now).expect("the scope is followed");
    }

    fn then(mut self, event: Event) -> Self {
        self.event(event);
        self
    }

    fn listed(mut self, jobs: impl IntoIterator<Item = Job>) -> Self {
        jobs.into_iter().for_each(|job| self.event(Event::Seen(job)));
        self.then(Event::Listed)
    }

    fn listed_again(self, jobs: impl IntoIterator<Item = Job>) -> Self {
        self.then(Event::ListBegins).listed(jobs)
    }

    fn seen(self, job: Job) -> Self {
        self.then(Event::Seen(job))
    }

    fn deleted_in_watch(self, job: Job) -> Self {
        self.then(Event::Deleted(job))
    }

    fn later(mut self, seconds: u64) -> Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    fn next(&mut self) -> Option<Arc<Job>> {
        self.sweep.handle_timers(self.now);
        self.sweep.next_deletion(self.now)
    }

    fn reply(&mut self, job: &Job, answer: Result<bool, Error>) {
        self.sweep.replied(job, None, Some(answer), self.now).expect("a reply for this Job");
    }

    /// The next request deletes this Job, and has this answer after what `meanwhile` does.
    #[track_caller]
    fn deletes_after(
        mut self,
        name: &str,
        answer: Result<bool, Error>,
        meanwhile: impl FnOnce(Self) -> Self,
    ) -> Self {
        let job = self.next().expect("a deletion");
        assert_eq!(job.name, name);
        self = meanwhile(self);
        self.reply(&job, answer);
        self
    }

    #[track_caller]
    fn deletes(self, name: &str, answer: Result<bool, Error>) -> Self {
        self.deletes_after(name, answer, |case| case)
    }

    /// The next request deletes this Job, and the watch shows that it is gone.
    #[track_caller]
    fn deletes_for_good(self, name: &str) -> Self {
        self.deletes(name, Ok(true)).deleted_in_watch(job(name).succeeded().in_version("9"))
    }

    fn phase(&self, uid: &str) -> &Phase {
        &self.sweep.jobs[uid].phase
    }

    #[track_caller]
    fn is(self, uid: &str, phase: Phase) -> Self {
        assert_eq!(*self.phase(uid), phase, "{uid}");
        self
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

    /// The messages up to this verbosity.
    fn said(mut self, level: Verbosity) -> Vec<String> {
        let messages = self.sweep.take_messages().into_iter();
        messages.filter(|(shown_from, _)| *shown_from <= level).map(|(_, text)| text).collect()
    }
}

/// The API server sends the deletion away.
fn busy() -> Result<bool, Error> {
    Err(refused(429, "TooManyRequests"))
}

fn no_answer() -> Result<bool, Error> {
    Err(Error::ConnectionLost("connection reset".to_owned()))
}

fn conflict() -> Result<bool, Error> {
    Err(refused(409, "Conflict"))
}

fn not_found() -> Result<bool, Error> {
    Err(refused(404, "NotFound"))
}

fn denied_by_admission() -> Result<bool, Error> {
    Err(refused(403, "Forbidden"))
}

fn gone(case: Case) -> Case {
    case.deleted_in_watch(job("a").succeeded().in_version("9"))
}

const DELETED: Phase = Phase::Gone(Gone::Deleted);
const BY_OTHERS: Phase = Phase::Gone(Gone::ByOthers);
const OR_RELABELLED: Phase = Phase::Gone(Gone::ByOthersOrRelabelled);
const WAITING: Phase = Phase::Waiting(Hint::None);

#[test]
fn nothing_in_scope_is_done_once_listed() {
    assert!(!case().sweep.is_done());
    case().listed([]).done(true);
    case().listed([job("cron").without_policy()]).done(true);
    assert!(!sweep(Rules::default(), 0).was_listed());
}

#[test]
fn a_finished_job_of_the_first_list_is_deleted() {
    let case = case().listed([job("a").succeeded()]).deletes("a", Ok(true));
    // Only the map says that it is gone.
    let case = case.is("a", Phase::Going { ours: true, shown: false }).done(false);
    gone(case).is("a", DELETED).done(true);
}

#[test]
fn a_running_job_is_waited_for_and_then_deleted() {
    let case = case().listed([job("a")]).is("a", WAITING).sends_nothing().done(false);
    case.seen(job("a").succeeded().in_version("2")).deletes_for_good("a").done(true);
}

#[test]
fn a_job_that_ends_otherwise_is_kept() {
    let kept = Phase::Kept(Kept::NotNamed(Outcome::Failed));
    case().listed([job("a")]).seen(job("a").failed()).is("a", kept).sends_nothing().done(true);
}

#[test]
fn the_wait_for_a_job_ends_when_it_first_stops_holding_up_the_end() {
    let kept = job("a").succeeded().policy("hook-failed").in_version("2");
    let case = case().listed([job("a")]).later(3).seen(kept).later(9);
    let case = case.seen(job("a").succeeded().policy("?").in_version("3"));
    let case = case.is("a", Phase::Kept(Kept::NamesNothing));
    assert_eq!(case.sweep.jobs["a"].until, Some(Duration::from_secs(3)));
    // The Job may hold up the end again.
    assert_eq!(case.seen(job("a").in_version("4")).sweep.jobs["a"].until, None);
}

#[test]
fn a_suspended_job_holds_up_nothing_until_it_is_resumed() {
    let case = case().listed([job("a").state(State::Suspended)]).done(true).seen(job("a")).done(false);
    case.seen(job("a").succeeded()).deletes_for_good("a").done(true);
}

#[test]
fn a_job_that_appears_later_is_included() {
    case().listed([]).done(true).seen(job("b")).done(false);
}

#[test]
fn accepted_is_not_gone() {
    let case = case().listed([job("a").succeeded()]).deletes("a", Ok(false));
    let held = job("a").succeeded().held_by("x/y").in_version("2");
    let case = case.is("a", Phase::Going { ours: true, shown: false }).seen(held);
    let case = case.is("a", Phase::Going { ours: true, shown: true }).later(60).sends_nothing().done(false);
    let lines = gone(case).is("a", DELETED).done(true).said(Verbosity::Jobs);
    let held = "shop/a: it has succeeded; its deletion was accepted, but it is held by finalizer x/y";
    assert_eq!(lines, [held, "deleted shop/a: it has succeeded; its policy names hook-succeeded"]);
}

#[test]
fn the_watch_may_be_faster_than_the_answer() {
    for (answer, phase) in [
        (Ok(true), DELETED),
        (Ok(false), DELETED),
        (no_answer(), DELETED),
        (not_found(), BY_OTHERS),
        (conflict(), BY_OTHERS),
        (denied_by_admission(), BY_OTHERS),
        (busy(), BY_OTHERS),
    ] {
        let case = case().listed([job("a").succeeded()]).deletes_after("a", answer, gone);
        case.is("a", phase).later(9).sends_nothing().done(true);
    }
}

#[test]
fn a_deletion_that_was_not_sent_after_all_changes_nothing() {
    let mut case = case().listed([job("a").succeeded()]);
    let job = case.next().expect("a deletion");
    case.sweep.replied(&job, None, None, case.now).expect("a reply for this Job");
    case.is("a", Phase::Due).deletes_for_good("a");
}

#[test]
fn after_a_conflict_the_newer_version_decides() {
    let edited = || job("a").succeeded().policy("hook-failed").in_version("2");
    let kept = || Phase::Kept(Kept::NotNamed(Outcome::Succeeded));
    let listed = || case().listed([job("a").succeeded()]);
    // The newer version comes after the answer …
    let case = listed().deletes("a", conflict()).sends_nothing().done(false);
    case.seen(edited()).is("a", kept()).done(true);
    // … or before it.
    listed().deletes_after("a", conflict(), |case| case.seen(edited())).is("a", kept()).done(true);
    let same = |case: Case| case.seen(job("a").succeeded().in_version("2"));
    listed().deletes_after("a", conflict(), same).deletes_for_good("a").done(true);
    // And if it says the same, it is deleted as that version.
    let case = listed().deletes("a", conflict()).seen(job("a").succeeded().in_version("2"));
    case.deletes_for_good("a").done(true);
}

#[test]
fn a_deletion_that_the_watch_does_not_explain_is_sent_again() {
    for answer in [Ok(true), conflict(), not_found()] {
        let case = case().listed([job("a").succeeded()]).deletes("a", answer);
        // The old version again: nothing new.
        let case = case.later(4).seen(job("a").succeeded()).sends_nothing();
        case.later(1).deletes_for_good("a").is("a", DELETED).done(true);
    }
}

#[test]
fn without_a_watch_the_answer_shows_that_a_job_is_gone() {
    for (answer, phase, done) in [
        (Ok(true), DELETED, true),
        (not_found(), BY_OTHERS, true),
        (Ok(false), Phase::Going { ours: true, shown: false }, false),
        (conflict(), Phase::Due, false),
    ] {
        let rules = Rules { only_lists: true, ..Rules::default() };
        let case = case_by(rules).listed([job("a").succeeded()]).deletes("a", answer);
        let case = case.is("a", phase).done(done);
        assert!(case.sweep.is_idle(case.now));
    }
}

#[test]
fn another_job_of_the_same_name_is_another_job() {
    let case = case().listed([job("a").succeeded()]).deletes("a", conflict());
    let case = case.deleted_in_watch(job("a").succeeded()).seen(job("a").with_uid("a2").in_version("9"));
    case.is("a", BY_OTHERS).is("a2", WAITING).sends_nothing().done(false);
}

#[test]
fn what_a_new_list_misses_is_gone() {
    let case = case().listed([job("a"), job("b").succeeded(), job("c")]).deletes("b", Ok(false));
    case.listed_again([job("c")]).is("a", BY_OTHERS).is("b", DELETED).is("c", WAITING);
}

#[test]
fn an_unfinished_list_proves_nothing() {
    let case = case().listed([job("a"), job("b")]).then(Event::ListBegins).seen(job("a")).done(false);
    case.listed_again([job("a"), job("b")]).is("b", WAITING);
}

#[test]
fn nothing_is_done_while_a_scope_is_interrupted() {
    let interrupted = Event::Interrupted(Error::ConnectionLost("reset".to_owned()), Duration::ZERO);
    let case = case().listed([]).then(interrupted).done(false);
    case.then(Event::Watching).done(true);
}

#[test]
fn only_a_watch_notices_what_changes_after_the_list() {
    let case = case().listed([]).done(true);
    assert!(!case.sweep.is_watched());
    let case = case.then(Event::Watching);
    assert!(case.sweep.is_watched());
    assert!(!case.listed_again([]).done(true).sweep.is_watched());
}

#[test]
fn a_job_that_someone_else_deletes_is_waited_for_only_if_it_matters() {
    let theirs = Phase::Going { ours: false, shown: true };
    let case_of = |job: Job| case().listed([job.held_by("x/y")]);
    case_of(job("a").succeeded()).sends_nothing().is("a", theirs.clone()).done(false);
    case_of(job("a")).is("a", theirs).deleted_in_watch(job("a")).is("a", BY_OTHERS).done(true);
    case_of(job("a").failed()).done(true);
}

#[test]
fn the_job_that_was_seen_first_is_deleted_first() {
    let case = case().listed([job("b").succeeded()]).later(1).seen(job("a").succeeded());
    case.deletes_for_good("b").deletes_for_good("a").done(true);
}

#[test]
fn no_more_deletions_are_under_way_than_allowed() {
    let mut case = case().listed((0..100).map(|number| job(&number.to_string()).succeeded()));
    let mut under_way: Vec<_> = std::iter::from_fn(|| case.next()).collect();
    assert_eq!(under_way.len(), 4);
    for left in (0..100).rev() {
        let job = under_way.pop().expect("a deletion");
        case.reply(&job, Ok(true));
        case = case.deleted_in_watch((*job).clone()).done(left == 0);
        under_way.extend(case.next());
    }
}

#[test]
fn while_retry_after_runs_no_other_job_is_begun() {
    let status = Box::new(kube::core::Status::failure("busy", "TooManyRequests").with_code(429));
    let busy = Error::Refused { status, retry_after: Some(Duration::from_secs(7)) };
    let case = case().listed(["a", "b"].map(|name| job(name).succeeded())).deletes("a", Err(busy));
    let mut case = case.later(6).sends_nothing().later(4);
    let names: Vec<_> = std::iter::from_fn(|| case.next()).map(|job| job.name.clone()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_refused_deletion_is_not_tried_again() {
    let case = case().listed([job("a").succeeded()]).deletes("a", denied_by_admission());
    assert!(matches!(case.phase("a"), Phase::Kept(Kept::Refused(_))));
    case.seen(job("a").succeeded().in_version("2")).sends_nothing().done(true);
}

#[test]
fn a_missing_permission_ends_the_sweep() {
    let mut case = case().listed([job("a").succeeded()]);
    let job = case.next().expect("a deletion");
    let denied = Some(Err(Error::Unauthorized(String::new())));
    assert!(case.sweep.replied(&job, None, denied, case.now).is_err());
}

#[test]
fn a_due_job_whose_annotation_goes_is_kept() {
    let case = case().listed([job("a").succeeded()]).seen(job("a").succeeded().without_policy());
    case.is("a", Phase::Kept(Kept::LeftScope)).sends_nothing().done(true);
}

#[test]
fn an_annotation_that_comes_later_counts() {
    let case = case().listed([job("a").succeeded().without_policy()]).done(true);
    case.seen(job("a").succeeded().in_version("2")).deletes_for_good("a");
}

#[test]
fn a_dry_run_waits_for_no_job_to_be_gone() {
    let case = case_by(Rules { dry_run: true, ..Rules::default() });
    let case = case.listed([job("a").succeeded(), job("b").succeeded()]);
    let case = case.deletes("a", Ok(true)).deletes("b", Ok(false));
    let would = Phase::Gone(Gone::WouldDelete);
    case.is("a", would.clone()).is("b", would).done(true);
}

#[test]
fn a_retry_waits_and_decides_anew() {
    let case = case().listed([job("a").succeeded(), job("b").succeeded().policy("x")]);
    let case = case.deletes("a", busy()).sends_nothing().done(false);
    let case = case.later(3).deletes("a", busy()).later(3).deletes_after("a", busy(), gone);
    case.is("a", BY_OTHERS).done(true);
}

#[test]
fn who_deleted_a_job_is_told_by_what_became_of_the_first_deletion() {
    type Then = fn(Case) -> Case;
    let missed: Then = |case| case.listed_again([]);
    let not_found: Then = |case| gone(case.later(9).deletes("a", not_found()));
    let conflict: Then = |case| case.later(9).deletes_after("a", conflict(), gone);
    let busy_again: Then = |case| gone(case.later(9).deletes("a", busy()));
    let terminating: Then = |case| gone(case.seen(job("a").succeeded().in_version("2").held_by("x/y")));
    let newer: Then = |case| gone(case.seen(job("a").succeeded().in_version("2")));
    for (name, then, after_lost) in [
        ("the watch tells", gone as Then, DELETED),
        ("a new list lacks it", missed, DELETED),
        ("it is not found", not_found, DELETED),
        ("another has its name", conflict, DELETED),
        ("it is turned away, then the watch tells", busy_again, DELETED),
        ("it turns out to be terminating", terminating, DELETED),
        ("it is alive in a newer version, then gone", newer, BY_OTHERS),
    ] {
        for (answer, phase) in [(no_answer(), after_lost), (busy(), BY_OTHERS)] {
            let what = format!("{answer:?}, then {name}");
            let case = then(case().listed([job("a").succeeded()]).deletes("a", answer));
            assert_eq!(*case.phase("a"), phase, "{what}");
        }
    }
}

#[test]
fn a_lost_deletion_of_what_was_already_newer_was_never_carried_out() {
    let newer = |case: Case| case.seen(job("a").succeeded().in_version("2"));
    gone(case().listed([job("a").succeeded()]).deletes_after("a", no_answer(), newer)).is("a", BY_OTHERS);
}

#[test]
fn a_job_that_leaves_the_selection_is_gone_only_if_this_sweep_may_have_deleted_it() {
    let by_labels = || {
        let rules = Rules { has_selector: true, ..Rules::default() };
        case_by(rules).listed([job("a").succeeded()])
    };
    for (answer, phase) in [
        (Ok(true), DELETED),
        (Ok(false), DELETED),
        (no_answer(), DELETED),
        (conflict(), OR_RELABELLED),
        (not_found(), OR_RELABELLED),
        (busy(), OR_RELABELLED),
    ] {
        gone(by_labels().deletes("a", answer.clone()))
            .is("a", phase.clone())
            .later(9)
            .sends_nothing()
            .done(true);
        by_labels().deletes_after("a", answer, gone).is("a", phase).done(true);
    }
    // It may come back.
    let case = gone(by_labels()).is("a", OR_RELABELLED).done(true);
    case.seen(job("a").succeeded().in_version("10")).deletes_for_good("a").is("a", DELETED).done(true);
}

const HOUR: u64 = 3600;

fn patient(once: bool) -> Case {
    case_by(Rules { finished_for: Duration::from_secs(60), once, ..Rules::default() }).later(HOUR)
}

#[test]
fn a_job_that_finished_too_recently_is_waited_for_until_it_is_due() {
    let case = patient(false).listed([job("a").finished_at(3599)]);
    let case = case.is("a", Phase::TooRecent(3660)).sends_nothing().later(59).sends_nothing().done(false);
    case.later(1).deletes_for_good("a").done(true);
}

#[test]
fn jobs_become_due_one_after_another_whatever_order_they_are_seen_in() {
    let jobs = [("b", 3590), ("c", 3600), ("a", 3580)].map(|(name, at)| job(name).finished_at(at));
    let case = patient(false).listed(jobs).later(40).sends_nothing().later(1).deletes_for_good("a");
    let case = case.later(9).sends_nothing().later(1).deletes_for_good("b");
    case.later(9).sends_nothing().later(1).deletes_for_good("c").done(true);
}

#[test]
fn a_job_that_finishes_meanwhile_has_to_age_too() {
    let case = patient(false).listed([job("a")]).is("a", WAITING).later(30);
    let case = case.seen(job("a").finished_at(3630).in_version("2")).later(60).sends_nothing();
    case.later(1).deletes_for_good("a").done(true);
}

#[test]
fn once_keeps_a_job_that_finished_too_recently_and_says_when_it_would_be_due() {
    let case = patient(true).listed([job("a").finished_at(3600), job("old").finished_at(0)]);
    let case = case.deletes_for_good("old").is("a", Phase::Kept(Kept::TooRecent(3661))).done(true);
    // A sweep that takes long may still find it due.
    case.later(61).seen(job("a").finished_at(3600)).deletes_for_good("a");
}

#[test]
fn a_job_without_a_finish_time_is_kept_with_a_warning() {
    let case = patient(false).listed([job("a").succeeded()]).sends_nothing().done(true);
    let expected =
        "kept shop/a: how long ago it finished is unknown: its status does not say when it finished";
    assert_eq!(case.said(Verbosity::Warning), [expected]);
}

#[test]
fn what_happens_to_a_too_recent_job_counts() {
    let recent = || job("a").finished_at(3600);
    let case = || patient(false).listed([recent()]);
    case().deleted_in_watch(recent()).is("a", BY_OTHERS).done(true).later(61).sends_nothing();
    let theirs = case().seen(recent().held_by("x/y")).is("a", Phase::Going { ours: false, shown: true });
    theirs.later(61).sends_nothing();
    let ignored = case().seen(recent().with(|job| job.ignored = true)).is("a", Phase::Kept(Kept::Ignored));
    ignored.later(61).sends_nothing().done(true);
}

#[test]
fn a_log_has_no_line_for_a_job_that_is_waited_for() {
    let active = |pods| job("a").state(State::Unfinished(Hint::Active(pods)));
    let case = case().listed([active(1)]).seen(active(2));
    assert_eq!(case.said(Verbosity::Jobs), [""; 0]);
}

#[test]
fn a_default_policy_counts_for_jobs_without_one_and_without_an_owner() {
    let plain = || job("a").without_policy();
    let ignored = || plain().with(|job| job.ignored = true);
    let owned = || plain().with(|job| job.owned = true);
    let of = |release| plain().releases([Some(release), None]);
    for (name, release, seen, expected) in [
        ("no policy", None, plain().succeeded(), Some(Phase::Due)),
        ("another outcome", None, plain().failed(), Some(Phase::Kept(Kept::NotNamed(Outcome::Failed)))),
        ("a policy of its own", None, job("a").policy("hook-failed").failed(), Some(Phase::Due)),
        ("it is ignored", None, ignored().succeeded(), Some(Phase::Kept(Kept::Ignored))),
        ("it has an owner", None, owned().succeeded(), None),
        ("its release", Some("shop"), of("shop").succeeded(), Some(Phase::Due)),
        ("another release", Some("shop"), of("other").succeeded(), None),
        ("no release", Some("shop"), plain().succeeded(), None),
    ] {
        let default_policy = Some(DeletePolicy::parse("hook-succeeded"));
        let rules = Rules { default_policy, release: release.map(str::to_owned), ..Rules::default() };
        let sweep = listed_by(rules, [seen]);
        let phases: Vec<_> = sweep.jobs().map(|tracked| tracked.phase.clone()).collect();
        assert_eq!(phases.first(), expected.as_ref(), "{name}");
    }
}

#[test]
fn the_jobs_without_a_policy_are_those_of_the_last_list() {
    let plain = |name: &str| job(name).without_policy();
    let owned = plain("owned").with(|job| job.owned = true);
    let mut sweep = listed([plain("a"), plain("b"), owned, job("annotated")]);
    assert_eq!(sweep.without_policy(), 2);
    event(&mut sweep, Event::ListBegins);
    event(&mut sweep, Event::Seen(plain("a")));
    event(&mut sweep, Event::Listed);
    assert_eq!(sweep.without_policy(), 1);
}

#[test]
fn unknown_words_beside_known_ones_are_mentioned_once() {
    let policy = "hook-succeeded, hook-fialed,";
    let case = case().listed([job("a").policy(policy)]).listed_again([job("a").policy(policy)]);
    let lines = case.said(Verbosity::Normal);
    assert_eq!(lines.iter().filter(|line| line.contains(r#"has unknown words: ["hook-fialed"]"#)).count(), 1);
}

#[test]
fn an_outage_is_reported_once_when_it_begins_and_once_when_it_is_over() {
    let mut case = case().listed((0..3).map(|number| job(&number.to_string()).succeeded()));
    for round in 0..3 {
        let under_way: Vec<_> = std::iter::from_fn(|| case.next()).collect();
        assert_eq!(under_way.len(), 3);
        for job in under_way {
            case.reply(&job, if round < 2 { no_answer() } else { Ok(true) });
        }
        case = case.later(4);
    }
    let lines = case.said(Verbosity::Normal);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("cannot delete shop/0 (attempt 1): lost the connection"), "{lines:?}");
    assert_eq!(lines[1], "requests work again, after failures for 3 Jobs");
}

#[test]
fn an_interruption_is_a_warning_when_it_begins_and_over_when_the_scope_is_reached() {
    let interrupted =
        || Event::Interrupted(Error::ConnectionLost("reset".to_owned()), Duration::from_secs(1));
    let case = case().listed([]).then(interrupted()).then(interrupted()).then(Event::Watching);
    let lines = case.said(Verbosity::Normal);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("watch interrupted on scope 0: ") && lines[1] == "scope 0 is reachable again"
    );
}

use kube::core::Status;
use kube::core::response::{StatusCause, StatusDetails};

use super::*;
use crate::translate::Value;
use Outcome::{Failed, Succeeded};

fn manifest(policy: Option<&str>) -> JobManifest {
    JobManifest {
        name: "migrate".to_owned(),
        namespace: None,
        policy: policy.map(DeletePolicy::parse),
        ignored: false,
        value: Value::Mapping(Vec::new()),
    }
}

fn with_annotations(state: State, annotations: &str) -> Live {
    let json = format!(
        r#"{{"metadata":{{"namespace":"shop","name":"migrate","uid":"u1","resourceVersion":"7","annotations":{{{annotations}}}}}}}"#
    );
    let mut live = Live::read(serde_json::from_str(&json).expect("JSON")).expect("a Job");
    live.job.state = state;
    live
}

fn live(state: State) -> Live {
    with_annotations(state, "")
}

fn finished(outcome: Outcome) -> State {
    State::Finished(outcome, String::new())
}

fn running() -> State {
    State::Unfinished(Hint::Active(1))
}

fn immutable() -> Answer {
    Answer::Refused { why: String::new(), immutable: vec!["spec.template".to_owned()] }
}

fn refused_as(why: &str) -> Answer {
    Answer::Refused { why: why.to_owned(), immutable: Vec::new() }
}

const NOBODY: Claimant = Claimant::Unknown { release: None };

fn template() -> Obstacle {
    Obstacle::Immutable(vec!["spec.template".to_owned()])
}

fn helm(takes_ownership: bool) -> Claimant {
    let (release, namespace) = (Some("web".to_owned()), "shop".to_owned());
    Claimant::Helm { release, namespace, takes_ownership }
}

fn ordinary(live: &Live, answer: &Answer, manifest: &JobManifest, rules: Rules) -> Decision {
    decide(live, answer, manifest, Role::Ordinary, &NOBODY, rules)
}

fn deleted(leave: Leave) -> Decision {
    Decision::Delete(template(), leave)
}

fn must_stay(reason: Reason) -> Decision {
    Decision::MustStay(template(), reason)
}

#[test]
fn the_policy_at_hand_says_which_job_in_the_way_goes() {
    let not_named = |outcome, policy: &str| must_stay(Reason::NotNamed(outcome, policy.to_owned()));
    let names_nothing = |policy: &str| must_stay(Reason::NamesNothing(policy.to_owned()));
    for (policy, state, decision) in [
        (Some("hook-succeeded"), finished(Succeeded), deleted(Leave::Policy(Succeeded))),
        (Some("hook-succeeded"), finished(Failed), not_named(Failed, "hook-succeeded")),
        (Some("hook-failed"), finished(Failed), deleted(Leave::Policy(Failed))),
        (Some("hook-failed"), finished(Succeeded), not_named(Succeeded, "hook-failed")),
        (Some("before-hook-creation"), finished(Failed), deleted(Leave::Policy(Failed))),
        (Some("before-hook-creation, hook-succeeded"), finished(Failed), deleted(Leave::Policy(Failed))),
        (Some("never"), finished(Failed), names_nothing("never")),
        (Some("never"), running(), names_nothing("never")),
        (Some(""), finished(Failed), names_nothing("")),
        (Some("hook-failed"), running(), Decision::Wait(template(), Hint::Active(1))),
        (Some("hook-failed"), State::Suspended, must_stay(Reason::Suspended)),
        (None, finished(Succeeded), deleted(Leave::NoPolicy(Succeeded))),
        (None, finished(Failed), deleted(Leave::NoPolicy(Failed))),
        (None, running(), Decision::Wait(template(), Hint::Active(1))),
        (None, State::Suspended, must_stay(Reason::Suspended)),
    ] {
        let manifest = manifest(policy);
        let what = format!("{policy:?} {state:?}");
        let live = live(state);
        assert_eq!(ordinary(&live, &immutable(), &manifest, Rules::default()), decision, "{what}");
        // --force deletes whatever its state and its policy.
        let force = Rules { force: true, once: true, needs_policy: true, ..Rules::default() };
        assert_eq!(ordinary(&live, &immutable(), &manifest, force), deleted(Leave::Force), "{what}");
        // Whatever its policy says, a Job that can take the manifest stays.
        let stays = match live.job.outcome() {
            Some(Failed) => Decision::StaysFailed,
            _ => Decision::Stays,
        };
        for rules in [Rules::default(), force] {
            assert_eq!(ordinary(&live, &Answer::Possible, &manifest, rules), stays, "{what}");
        }
    }
}

#[test]
fn some_jobs_in_the_way_go_only_if_the_user_allows_it() {
    let needs_policy = Rules { needs_policy: true, ..Rules::default() };
    let done = live(finished(Succeeded));
    assert_eq!(ordinary(&done, &immutable(), &manifest(None), needs_policy), must_stay(Reason::NoPolicy));
    let once = Rules { once: true, ..Rules::default() };
    let unfinished = must_stay(Reason::Unfinished(Hint::Active(1)));
    assert_eq!(ordinary(&live(running()), &immutable(), &manifest(None), once), unfinished);
}

#[test]
fn nothing_deletes_an_ignored_job_or_one_of_somebody_else() {
    let ignored = JobManifest { ignored: true, ..manifest(None) };
    let by = |by_manifest| Reason::Ignored { by_manifest };
    let theirs = r#""meta.helm.sh/release-name": "team-a""#;
    let owner = Owner::Release { name: "team-a".to_owned(), namespace: None };
    for (annotations, manifest, reason) in [
        ("", ignored, by(true)),
        (r#""jobsweep.io/ignore": "true""#, manifest(None), by(false)),
        (theirs, manifest(Some("hook-failed")), Reason::Owned(owner)),
    ] {
        for force in [false, true] {
            let release = Some("web".to_owned());
            let claimant = Claimant::Unknown { release };
            let rules = Rules { force, retry_failed: true, ..Rules::default() };
            let live = with_annotations(finished(Failed), annotations);
            let decide = |answer, rules| decide(&live, &answer, &manifest, Role::Ordinary, &claimant, rules);
            assert_eq!(decide(immutable(), rules), must_stay(reason.clone()), "{force}");
            let failed = Decision::MustStay(Obstacle::Failed, reason.clone());
            assert_eq!(decide(Answer::Possible, rules), failed, "{force}");
            // Nobody is told to retry it, either.
            let rules = Rules { retry_failed: false, ..rules };
            assert_eq!(decide(Answer::Possible, rules), Decision::Stays, "{force}");
        }
    }
}

#[test]
fn a_failed_job_is_in_the_way_of_its_retry() {
    let retry = Rules { retry_failed: true, ..Rules::default() };
    for (policy, state, decision) in [
        (None, finished(Failed), Decision::Delete(Obstacle::Failed, Leave::NoPolicy(Failed))),
        (
            Some("hook-succeeded"),
            finished(Failed),
            Decision::MustStay(Obstacle::Failed, Reason::NotNamed(Failed, "hook-succeeded".to_owned())),
        ),
        (None, finished(Succeeded), Decision::Stays),
        (None, running(), Decision::Stays),
    ] {
        let what = format!("{policy:?} {state:?}");
        assert_eq!(ordinary(&live(state), &Answer::Possible, &manifest(policy), retry), decision, "{what}");
    }
}

#[test]
fn a_left_over_hook_is_in_the_way_of_helm_though_it_has_not_changed() {
    let hook = with_annotations(finished(Succeeded), r#""helm.sh/hook": "pre-upgrade""#);
    let left_over = Decision::Delete(Obstacle::LeftOverHook, Leave::NoPolicy(Succeeded));
    for (claimant, role, decision) in [
        (helm(false), Role::Ordinary, left_over.clone()),
        (helm(true), Role::Ordinary, Decision::Stays),
        (NOBODY, Role::Ordinary, Decision::Stays),
        (helm(false), Role::Hook, left_over.clone()),
        (helm(true), Role::Hook, left_over),
    ] {
        let decided = decide(&hook, &Answer::Possible, &manifest(None), role, &claimant, Rules::default());
        assert_eq!(decided, decision, "{claimant:?} {role:?}");
    }
}

#[test]
fn a_job_that_is_being_deleted_is_in_the_way_of_any_manifest() {
    let mut going = live(State::Suspended);
    going.job.terminating = true;
    going.job.finalizers = vec!["a/b".to_owned()];
    let once = Rules { once: true, ..Rules::default() };
    for answer in [Answer::Possible, immutable(), refused_as("")] {
        let decision = ordinary(&going, &answer, &manifest(Some("hook-failed")), once);
        assert_eq!(decision, Decision::BeingDeleted(vec!["a/b".to_owned()]), "{answer:?}");
    }
}

#[test]
fn a_manifest_that_no_job_could_take_deletes_nothing() {
    let refused = refused_as("no");
    for rules in [Rules::default(), Rules { force: true, ..Rules::default() }] {
        let decision = ordinary(&live(finished(Succeeded)), &refused, &manifest(None), rules);
        assert_eq!(decision, Decision::InvalidManifest("no".to_owned()), "{rules:?}");
    }
}

fn refused(code: u16, message: &str, causes: Vec<StatusCause>) -> Error {
    let mut details: StatusDetails = serde_json::from_str("{}").expect("details");
    details.causes = causes;
    let status = Status::failure(message, "Refused").with_code(code).with_details(details);
    Error::Refused { status: Box::new(status), retry_after: None }
}

#[test]
fn a_quota_that_still_counts_the_old_job_does_not_refuse_the_new_one() {
    let quota = |requested: &str| {
        format!(
            "jobs.batch \"x\" is forbidden: exceeded quota: few, requested: {requested}, used: {requested}, limited: {requested}"
        )
    };
    for (code, message, is_of_old_job) in [
        (403, quota("count/jobs.batch=1"), true),
        (403, quota("count/jobs.batch=1,pods=2"), false),
        (403, quota("pods=1"), false),
        (422, "spec.template: Required value".to_owned(), false),
    ] {
        let error = refused(code, &message, Vec::new());
        assert_eq!(Answer::of_error(&error), Some(refused_as(&error.to_string())));
        assert_eq!(is_quota_of_old_job(&error.to_string()), is_of_old_job, "{message}");
    }
}

#[test]
fn only_what_is_about_the_manifest_answers() {
    let schema = "failed to create typed patch object (shop/x; batch/v1, Kind=Job): duplicate entries";
    for (code, message, answers) in [
        (400, "strict decoding error: unknown field", true),
        (500, schema, true),
        (500, "etcd is ill", false),
        (429, "busy", false),
        (400, "admission webhook \"x\" does not support dry run", false),
    ] {
        let error = refused(code, message, Vec::new());
        assert_eq!(Answer::of_error(&error).is_some(), answers, "{message}");
    }
}

#[test]
fn only_immutable_fields_make_a_job_an_obstacle() {
    let cause = |field: &str, message: &str| StatusCause {
        field: field.to_owned(),
        message: message.to_owned(),
        reason: String::new(),
    };
    let template = || cause("spec.template", "Invalid value: {}: field is immutable");
    let tandem = || {
        cause("spec.completions", "Invalid value: 3: can only be modified in tandem with spec.parallelism")
    };
    let unknown = || {
        cause("spec.template.spec.restartPolicy", "Required value: valid values: \"OnFailure\", \"Never\"")
    };
    for (causes, fields) in [
        (vec![template()], Some(vec!["spec.template"])),
        (vec![template(), tandem()], Some(vec!["spec.template", "spec.completions"])),
        (vec![template(), unknown()], None),
        (vec![], None),
    ] {
        let error = refused(422, "no", causes);
        let immutable = fields.unwrap_or_default().into_iter().map(str::to_owned).collect();
        let expected = Answer::Refused { why: error.to_string(), immutable };
        assert_eq!(Answer::of_error(&error), Some(expected));
    }
}

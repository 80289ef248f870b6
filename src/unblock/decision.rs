//! Decides what to do with a Job in the cluster that has the name of a new manifest. Pure.

use kube::core::Status;

use crate::cluster::error::Error;
use crate::cluster::job::{Hint, State};
use crate::policy::{DeletePolicy, Outcome, Token};
use crate::translate::JobManifest;

use super::dry_run_manifest::Live;
use super::hooks::Role;
use super::metadata::is_hook;
use super::owner::{self, Claimant, Owner};

/// What the API server says about the Job in the cluster with the new manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Possible,
    /// Nothing but changes of these immutable fields is refused.
    Immutable(Vec<String>),
    /// The manifest is refused for another reason.
    Refused(String),
}

impl Answer {
    /// What an error says about the manifest. `None` if it says nothing about it.
    ///
    /// A new Job helps only if immutable fields are the only problem.
    pub(super) fn of_error(error: &Error) -> Option<Self> {
        let status = error.status().filter(|status| is_about_the_manifest(status))?;
        // The API server's validation of Jobs uses these messages. The last one is for an Indexed Job: its completions can change only
        // together with its parallelism.
        let is_immutable = |message: &str| {
            message.ends_with("field is immutable")
                || message.contains("immutable after creation")
                || message.contains("can only be modified in tandem with")
        };
        let causes = status.details.as_ref().map(|details| &*details.causes).unwrap_or_default();
        if causes.is_empty() || !causes.iter().all(|cause| is_immutable(&cause.message)) {
            return Some(Self::Refused(error.to_string()));
        }
        Some(Self::Immutable(causes.iter().map(|cause| cause.field.clone()).collect()))
    }
}

/// Whether the API server refuses the manifest itself, and not just the dry run. 403 comes from admission or a quota; a missing
/// permission is [`Error::Forbidden`]. A refusal by a proxy in between has no `reason`.
fn is_about_the_manifest(status: &Status) -> bool {
    let is_refused = matches!(status.code, 400 | 403 | 413 | 422)
        && !status.reason.is_empty()
        && !status.message.contains("does not support dry run");
    // Server-side apply says so about a manifest that does not fit the schema, such as one with two variables of one name.
    is_refused || status.code == 500 && status.message.starts_with("failed to create typed patch object")
}

/// What the API server says about a new Job, which it will get once the old one is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Successor {
    Accepted,
    /// A quota still counts the old Job.
    OverQuota(String),
    Refused(String),
}

impl Successor {
    /// What an error says about the new Job. `None` if it says nothing about it.
    pub(super) fn of_error(error: &Error) -> Option<Self> {
        let status = error.status()?;
        if status.reason == "AlreadyExists" {
            // Another Job has that name. This is checked last.
            return Some(Self::Accepted);
        }
        if !is_about_the_manifest(status) {
            return None;
        }
        let exceeded = status.message.split_once("exceeded quota: ").map(|(_, exceeded)| exceeded);
        let requested = exceeded.and_then(|text| text.split_once("requested: "));
        Some(match requested {
            Some((_, text)) if text.starts_with("count/jobs.batch=1, used: ") => {
                Self::OverQuota(status.message.clone())
            }
            _ => Self::Refused(error.to_string()),
        })
    }
}

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    pub claimant: Claimant,
    /// An unfinished Job must stay, and is not waited for.
    pub once: bool,
    /// A failed Job is in the way though its manifest has not changed.
    pub retry_failed: bool,
    /// What is in the way goes, whatever its state and its policy.
    pub force: bool,
    /// A Job without a policy must stay.
    pub needs_policy: bool,
}

/// Why a Job is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The manifest would change these immutable fields.
    Immutable(Vec<String>),
    /// Helm ran it as a hook, and can neither change it nor create another Job of its name.
    LeftOverHook,
    /// It has failed and is to run again.
    Failed,
}

/// What to do with the Job in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// The manifest can be applied to the Job.
    Stays,
    /// The same, but the Job has failed, and will not run again.
    StaysFailed,
    /// The manifest can be applied to no Job, so a deletion would not help.
    InvalidManifest(String),
    /// The Job is already being deleted, and these finalizers hold it.
    BeingDeleted(Vec<String>),
    /// The Job is in the way, and may be deleted once it has finished.
    Wait(Obstacle, Hint),
    /// The Job is in the way, and may be deleted.
    Delete(Obstacle, Leave),
    /// The Job is in the way, and may not be deleted.
    MustStay(Obstacle, Reason),
}

impl Decision {
    /// A Job in the way has to stay after all.
    pub(super) fn keep(self, reason: Reason) -> Self {
        match self {
            Self::Wait(obstacle, _) | Self::Delete(obstacle, _) => Self::MustStay(obstacle, reason),
            other => other,
        }
    }
}

/// Why a Job in the way may be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leave {
    /// The policy of the manifest names how the Job ended.
    Policy(Outcome),
    /// The manifest has no policy, and the Job has finished.
    NoPolicy(Outcome),
    Force,
}

/// Why a Job in the way may not be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    Owned(Owner),
    /// The annotation `jobsweep.io/ignore` is on the manifest or on the Job in the cluster.
    Ignored {
        by_manifest: bool,
    },
    /// The manifest has no policy.
    NoPolicy,
    /// The policy of the manifest has no known word.
    NamesNothing(String),
    /// The policy of the manifest does not name how the Job ended.
    NotNamed(Outcome, String),
    Suspended,
    /// With `--once`, an unfinished Job is not waited for.
    Unfinished(Hint),
    /// The Job cannot be read.
    Unreadable(String),
    /// The API server would not create the new Job.
    SuccessorRefused(String),
    /// The API server refuses to delete the Job.
    DeletionRefused(String),
}

/// Decides what to do with a Job in the cluster.
pub(super) fn decide(
    live: &Live,
    answer: &Answer,
    manifest: &JobManifest,
    role: Role,
    rules: &Rules,
) -> Decision {
    // This comes first, because a change of a Job that is being deleted would be lost with it.
    if live.job.terminating {
        return Decision::BeingDeleted(live.job.finalizers.clone());
    }
    let has_failed = live.job.outcome() == Some(Outcome::Failed);
    let obstacle = match answer {
        Answer::Refused(why) => return Decision::InvalidManifest(why.clone()),
        _ if role == Role::Hook || is_left_over(live, &rules.claimant) => Obstacle::LeftOverHook,
        Answer::Immutable(fields) => Obstacle::Immutable(fields.clone()),
        Answer::Possible if has_failed && rules.retry_failed => Obstacle::Failed,
        Answer::Possible => {
            let may_retry = has_failed && must_stay_for_all(live, manifest, &rules.claimant).is_none();
            return if may_retry { Decision::StaysFailed } else { Decision::Stays };
        }
    };
    in_the_way(live, obstacle, manifest, rules)
}

/// Whether Helm left the Job as a hook. It imports such a Job only if it is told to take the ownership.
fn is_left_over(live: &Live, claimant: &Claimant) -> bool {
    matches!(claimant, Claimant::Helm { takes_ownership: false, .. }) && is_hook(&live.metadata)
}

fn in_the_way(live: &Live, obstacle: Obstacle, manifest: &JobManifest, rules: &Rules) -> Decision {
    if let Some(reason) = must_stay_for_all(live, manifest, &rules.claimant) {
        return Decision::MustStay(obstacle, reason);
    }
    if rules.force {
        return Decision::Delete(obstacle, Leave::Force);
    }
    let leave = match &manifest.policy {
        None if rules.needs_policy => return Decision::MustStay(obstacle, Reason::NoPolicy),
        None => Leave::NoPolicy,
        Some(policy) if Outcome::ALL.into_iter().any(|outcome| names(policy, outcome)) => Leave::Policy,
        Some(policy) => return Decision::MustStay(obstacle, Reason::NamesNothing(policy.to_string())),
    };
    let named = |outcome| manifest.policy.as_ref().is_none_or(|policy| names(policy, outcome));
    match &live.job.state {
        State::Finished(outcome, _) if named(*outcome) => Decision::Delete(obstacle, leave(*outcome)),
        State::Finished(outcome, _) => {
            let policy = manifest.policy.as_ref().map(ToString::to_string).unwrap_or_default();
            Decision::MustStay(obstacle, Reason::NotNamed(*outcome, policy))
        }
        State::Suspended => Decision::MustStay(obstacle, Reason::Suspended),
        State::Unfinished(hint) if rules.once => {
            Decision::MustStay(obstacle, Reason::Unfinished(hint.clone()))
        }
        State::Unfinished(hint) => Decision::Wait(obstacle, hint.clone()),
        State::Unreadable(why) => Decision::MustStay(obstacle, Reason::Unreadable(why.clone())),
    }
}

/// Why a Job must stay even with `--force`, if it must.
fn must_stay_for_all(live: &Live, manifest: &JobManifest, claimant: &Claimant) -> Option<Reason> {
    if let Err(owner) = owner::check(&live.metadata, &manifest.value, claimant) {
        return Some(Reason::Owned(owner));
    }
    let ignored = manifest.ignored || live.job.ignored;
    ignored.then_some(Reason::Ignored { by_manifest: manifest.ignored })
}

/// Whether a policy allows the deletion of a Job that ended so. `before-hook-creation` means exactly this moment, whatever the outcome.
fn names(policy: &DeletePolicy, outcome: Outcome) -> bool {
    policy.names(outcome) || policy.lists(Token::BeforeHookCreation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::Value;
    use Outcome::{Failed, Succeeded};
    use kube::core::response::{StatusCause, StatusDetails};

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
        Answer::Immutable(vec!["spec.template".to_owned()])
    }

    fn template() -> Obstacle {
        Obstacle::Immutable(vec!["spec.template".to_owned()])
    }

    fn rules() -> Rules {
        Rules {
            claimant: Claimant::Unknown { release: None },
            once: false,
            retry_failed: false,
            force: false,
            needs_policy: false,
        }
    }

    fn helm(takes_ownership: bool) -> Rules {
        let (release, namespace) = (Some("web".to_owned()), "shop".to_owned());
        Rules { claimant: Claimant::Helm { release, namespace, takes_ownership }, ..rules() }
    }

    fn ordinary(live: &Live, answer: &Answer, manifest: &JobManifest, rules: &Rules) -> Decision {
        decide(live, answer, manifest, Role::Ordinary, rules)
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
        let odd = || State::Unreadable("x".to_owned());
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
            (Some("hook-failed"), odd(), must_stay(Reason::Unreadable("x".to_owned()))),
            (None, finished(Succeeded), deleted(Leave::NoPolicy(Succeeded))),
            (None, finished(Failed), deleted(Leave::NoPolicy(Failed))),
            (None, running(), Decision::Wait(template(), Hint::Active(1))),
            (None, State::Suspended, must_stay(Reason::Suspended)),
            (None, odd(), must_stay(Reason::Unreadable("x".to_owned()))),
        ] {
            let manifest = manifest(policy);
            let what = format!("{policy:?} {state:?}");
            let live = live(state);
            assert_eq!(ordinary(&live, &immutable(), &manifest, &rules()), decision, "{what}");
            // --force deletes whatever its state and its policy.
            let force = Rules { force: true, once: true, needs_policy: true, ..rules() };
            assert_eq!(ordinary(&live, &immutable(), &manifest, &force), deleted(Leave::Force), "{what}");
            // Whatever its policy says, a Job that can take the manifest stays.
            let stays = match live.job.outcome() {
                Some(Failed) => Decision::StaysFailed,
                _ => Decision::Stays,
            };
            for rules in [rules(), force] {
                assert_eq!(ordinary(&live, &Answer::Possible, &manifest, &rules), stays, "{what}");
            }
        }
    }

    #[test]
    fn some_jobs_in_the_way_go_only_if_the_user_allows_it() {
        let needs_policy = Rules { needs_policy: true, ..rules() };
        let done = live(finished(Succeeded));
        assert_eq!(
            ordinary(&done, &immutable(), &manifest(None), &needs_policy),
            must_stay(Reason::NoPolicy)
        );
        let once = Rules { once: true, ..rules() };
        let unfinished = must_stay(Reason::Unfinished(Hint::Active(1)));
        assert_eq!(ordinary(&live(running()), &immutable(), &manifest(None), &once), unfinished);
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
                let rules = Rules { claimant, force, retry_failed: true, ..rules() };
                let live = with_annotations(finished(Failed), annotations);
                let decision = ordinary(&live, &immutable(), &manifest, &rules);
                assert_eq!(decision, must_stay(reason.clone()), "{force}");
                let failed = Decision::MustStay(Obstacle::Failed, reason.clone());
                assert_eq!(ordinary(&live, &Answer::Possible, &manifest, &rules), failed, "{force}");
                // Nobody is told to retry it, either.
                let rules = Rules { retry_failed: false, ..rules };
                assert_eq!(ordinary(&live, &Answer::Possible, &manifest, &rules), Decision::Stays, "{force}");
            }
        }
    }

    #[test]
    fn a_failed_job_is_in_the_way_of_its_retry() {
        let retry = Rules { retry_failed: true, ..rules() };
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
            assert_eq!(
                ordinary(&live(state), &Answer::Possible, &manifest(policy), &retry),
                decision,
                "{what}"
            );
        }
    }

    #[test]
    fn a_left_over_hook_is_in_the_way_of_helm_though_it_has_not_changed() {
        let hook = with_annotations(finished(Succeeded), r#""helm.sh/hook": "pre-upgrade""#);
        let left_over = Decision::Delete(Obstacle::LeftOverHook, Leave::NoPolicy(Succeeded));
        for (rules, role, decision) in [
            (helm(false), Role::Ordinary, left_over.clone()),
            (helm(true), Role::Ordinary, Decision::Stays),
            (rules(), Role::Ordinary, Decision::Stays),
            (helm(false), Role::Hook, left_over.clone()),
            (helm(true), Role::Hook, left_over),
        ] {
            let decided = decide(&hook, &Answer::Possible, &manifest(None), role, &rules);
            assert_eq!(decided, decision, "{rules:?} {role:?}");
        }
    }

    #[test]
    fn a_job_that_is_being_deleted_is_in_the_way_of_any_manifest() {
        let mut going = live(State::Suspended);
        going.job.terminating = true;
        going.job.finalizers = vec!["a/b".to_owned()];
        let once = Rules { once: true, ..rules() };
        for answer in [Answer::Possible, immutable(), Answer::Refused(String::new())] {
            let decision = ordinary(&going, &answer, &manifest(Some("hook-failed")), &once);
            assert_eq!(decision, Decision::BeingDeleted(vec!["a/b".to_owned()]), "{answer:?}");
        }
    }

    #[test]
    fn a_manifest_that_no_job_could_take_deletes_nothing() {
        let refused = Answer::Refused("no".to_owned());
        for rules in [rules(), Rules { force: true, ..rules() }] {
            let decision = ordinary(&live(finished(Succeeded)), &refused, &manifest(None), &rules);
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
        for (code, message, answer) in [
            (403, quota("count/jobs.batch=1"), Some(Successor::OverQuota(quota("count/jobs.batch=1")))),
            (403, quota("count/jobs.batch=1,pods=2"), None),
            (403, quota("pods=1"), None),
            (422, "spec.template: Required value".to_owned(), None),
        ] {
            let error = refused(code, &message, Vec::new());
            let expected = answer.unwrap_or(Successor::Refused(error.to_string()));
            assert_eq!(Successor::of_error(&error), Some(expected));
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
            assert_eq!(Successor::of_error(&error).is_some(), answers, "{message}");
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
            cause(
                "spec.completions",
                "Invalid value: 3: can only be modified in tandem with spec.parallelism",
            )
        };
        let unknown = || {
            cause(
                "spec.template.spec.restartPolicy",
                "Required value: valid values: \"OnFailure\", \"Never\"",
            )
        };
        for (causes, fields) in [
            (vec![template()], Some(vec!["spec.template"])),
            (vec![template(), tandem()], Some(vec!["spec.template", "spec.completions"])),
            (vec![template(), unknown()], None),
            (vec![], None),
        ] {
            let error = refused(422, "no", causes);
            let expected = match fields {
                Some(fields) => Answer::Immutable(fields.into_iter().map(str::to_owned).collect()),
                None => Answer::Refused(error.to_string()),
            };
            assert_eq!(Answer::of_error(&error), Some(expected));
        }
    }
}

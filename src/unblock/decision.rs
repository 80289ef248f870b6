//! Decides what to do with a Job in the cluster that has the name of a new manifest. Pure.

use crate::cluster::old::api::Refusal;
use crate::cluster::old::job::Job;
use crate::cluster::old::job::state::{Hint, State};
use crate::policy::{Outcome, Token};
use crate::translate::JobManifest;

/// The result of the dry run that replaces the Job in the cluster by the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReplaceResult {
    Possible,
    /// Nothing but changes of these immutable fields is refused.
    Immutable(Vec<String>),
    /// The manifest is refused for another reason.
    Refused(String),
}

impl ReplaceResult {
    /// A new Job helps only if immutable fields are the only problem.
    pub(super) fn of_refusal(refusal: Refusal) -> Self {
        // The API server's validation of Jobs uses these messages. The last one is for an Indexed Job: its completions can change only
        // together with its parallelism.
        let is_immutable = |message: &str| {
            message.ends_with("field is immutable")
                || message.contains("immutable after creation")
                || message.contains("can only be modified in tandem with")
        };
        let message = refusal.to_string();
        let causes = refusal.details.unwrap_or_default().causes;
        if causes.is_empty() || !causes.iter().all(|cause| is_immutable(&cause.message)) {
            return Self::Refused(message);
        }
        Self::Immutable(causes.into_iter().map(|cause| cause.field).collect())
    }
}

/// What to do with the Job in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// The manifest can be applied to the Job.
    Stays,
    /// The manifest can be applied to no Job, so a deletion would not help.
    InvalidManifest(String),
    /// The Job is already being deleted, and these finalizers hold it.
    BeingDeleted(Vec<String>),
    /// The Job is in the way, and may be deleted once it has finished.
    Wait(Hint),
    /// The Job is in the way, and may be deleted.
    Delete(Outcome),
    /// The Job is in the way, and may not be deleted.
    MustStay(Reason),
}

/// Why a Job in the way may not be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
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
    /// The status of the Job cannot be read.
    Unreadable(String),
    /// The API server refuses to delete the Job.
    DeletionRefused(String),
}

/// Decides what to do with a Job in the cluster. With `once`, an unfinished Job must stay, and is not waited for.
pub(super) fn decide(live: &Job, result: &ReplaceResult, manifest: &JobManifest, once: bool) -> Decision {
    // This comes first, because a change of a Job that is being deleted would be lost with it.
    if live.terminating {
        return Decision::BeingDeleted(live.finalizers.clone());
    }
    match result {
        ReplaceResult::Possible => Decision::Stays,
        ReplaceResult::Refused(why) => Decision::InvalidManifest(why.clone()),
        ReplaceResult::Immutable(_) => in_the_way(live, manifest, once),
    }
}

fn in_the_way(live: &Job, manifest: &JobManifest, once: bool) -> Decision {
    if manifest.ignored || live.ignored {
        return Decision::MustStay(Reason::Ignored { by_manifest: manifest.ignored });
    }
    let Some(policy) = &manifest.policy else { return Decision::MustStay(Reason::NoPolicy) };
    // before-hook-creation means exactly this moment, whatever the outcome.
    let names = |outcome| policy.names(outcome) || policy.lists(Token::BeforeHookCreation);
    if !Outcome::ALL.into_iter().any(names) {
        return Decision::MustStay(Reason::NamesNothing(policy.to_string()));
    }
    match &live.state {
        State::Finished(outcome, _) if names(*outcome) => Decision::Delete(*outcome),
        State::Finished(outcome, _) => Decision::MustStay(Reason::NotNamed(*outcome, policy.to_string())),
        State::Suspended => Decision::MustStay(Reason::Suspended),
        State::Unfinished(hint) if once => Decision::MustStay(Reason::Unfinished(hint.clone())),
        State::Unfinished(hint) => Decision::Wait(hint.clone()),
        State::Unreadable(why) => Decision::MustStay(Reason::Unreadable(why.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::old::api::{Cause, Details};
    use crate::policy::DeletePolicy;
    use crate::translate::Value;

    fn manifest(policy: &str) -> JobManifest {
        JobManifest {
            name: "migrate".to_owned(),
            namespace: None,
            policy: Some(DeletePolicy::parse(policy)),
            ignored: false,
            value: Value::Mapping(Vec::new()),
        }
    }

    fn live(state: State) -> Job {
        let json = r#"{"metadata":{"namespace":"shop","name":"migrate","uid":"u1","resourceVersion":"7"}}"#;
        Job::decode(json.as_bytes()).expect("a Job").with(|shared| shared.state = state)
    }

    fn immutable() -> ReplaceResult {
        ReplaceResult::Immutable(vec!["spec.template".to_owned()])
    }

    #[test]
    fn only_a_finished_job_in_the_way_goes_and_only_if_the_policy_at_hand_names_how_it_ended() {
        use Outcome::{Failed, Succeeded};
        let finished = |outcome| State::Finished(outcome, String::new());
        let running = || State::Unfinished(Hint::Active(1));
        let not_named =
            |outcome, policy: &str| Decision::MustStay(Reason::NotNamed(outcome, policy.to_owned()));
        for (policy, state, decision) in [
            ("hook-succeeded", finished(Succeeded), Decision::Delete(Succeeded)),
            ("hook-succeeded", finished(Failed), not_named(Failed, "hook-succeeded")),
            ("hook-failed", finished(Failed), Decision::Delete(Failed)),
            ("hook-failed", finished(Succeeded), not_named(Succeeded, "hook-failed")),
            ("before-hook-creation", finished(Failed), Decision::Delete(Failed)),
            ("before-hook-creation, hook-succeeded", finished(Failed), Decision::Delete(Failed)),
            ("never", finished(Failed), Decision::MustStay(Reason::NamesNothing("never".to_owned()))),
            ("never", running(), Decision::MustStay(Reason::NamesNothing("never".to_owned()))),
            ("hook-failed", running(), Decision::Wait(Hint::Active(1))),
            ("hook-failed", State::Suspended, Decision::MustStay(Reason::Suspended)),
            (
                "hook-failed",
                State::Unreadable("x".to_owned()),
                Decision::MustStay(Reason::Unreadable("x".to_owned())),
            ),
        ] {
            let manifest = manifest(policy);
            assert_eq!(
                decide(&live(state.clone()), &immutable(), &manifest, false),
                decision,
                "{policy:?} {state:?}"
            );
            // Whatever its policy says, a Job that can take the manifest stays.
            assert_eq!(
                decide(&live(state), &ReplaceResult::Possible, &manifest, false),
                Decision::Stays,
                "{policy:?}"
            );
        }
    }

    #[test]
    fn without_leave_a_job_in_the_way_stays() {
        let both = manifest("hook-succeeded,hook-failed");
        let ignored = JobManifest { ignored: true, ..both.clone() };
        let plain = JobManifest { policy: None, ..both.clone() };
        let done = live(State::Finished(Outcome::Succeeded, String::new()));
        let running = live(State::Unfinished(Hint::None));
        let marked = done.clone().with(|shared| shared.ignored = true);
        let by = |by_manifest| Decision::MustStay(Reason::Ignored { by_manifest });
        assert_eq!(decide(&marked, &immutable(), &both, false), by(false));
        assert_eq!(decide(&done, &immutable(), &ignored, false), by(true));
        assert_eq!(decide(&done, &immutable(), &plain, false), Decision::MustStay(Reason::NoPolicy));
        let unfinished = Decision::MustStay(Reason::Unfinished(Hint::None));
        assert_eq!(decide(&running, &immutable(), &both, true), unfinished);
    }

    #[test]
    fn a_job_that_is_being_deleted_is_in_the_way_of_any_manifest() {
        let going = live(State::Suspended).with(|shared| {
            shared.terminating = true;
            shared.finalizers = vec!["a/b".to_owned()];
        });
        for result in [ReplaceResult::Possible, immutable(), ReplaceResult::Refused(String::new())] {
            let decision = decide(&going, &result, &manifest("hook-failed"), true);
            assert_eq!(decision, Decision::BeingDeleted(vec!["a/b".to_owned()]), "{result:?}");
        }
    }

    #[test]
    fn a_manifest_that_no_job_could_take_deletes_nothing() {
        let manifest = manifest("hook-succeeded");
        let done = live(State::Finished(Outcome::Succeeded, String::new()));
        let refused = ReplaceResult::Refused("no".to_owned());
        assert_eq!(decide(&done, &refused, &manifest, false), Decision::InvalidManifest("no".to_owned()));
    }

    #[test]
    fn only_immutable_fields_make_a_job_an_obstacle() {
        let cause =
            |field: &str, message: &str| Cause { field: field.to_owned(), message: message.to_owned() };
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
            let details = Some(Details { causes, ..Details::default() });
            let refusal = Refusal { code: 422, message: "no".to_owned(), details, ..Refusal::default() };
            let expected = match fields {
                Some(fields) => ReplaceResult::Immutable(fields.into_iter().map(str::to_owned).collect()),
                None => ReplaceResult::Refused(refusal.to_string()),
            };
            assert_eq!(ReplaceResult::of_refusal(refusal), expected);
        }
    }
}

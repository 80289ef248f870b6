//! Decides what to do with a Job in the cluster that has the name of a new manifest. Pure.

use crate::cluster::api::Refusal;
use crate::cluster::job::Job;
use crate::cluster::job::state::{Hint, State};
use crate::policy::{Outcome, Token};
use crate::translate::JobManifest;

/// What the API server says of replacing the Job in the cluster by the one at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It would do so.
    Possible,
    /// These fields are immutable, and nothing else is wrong.
    Immutable(Vec<String>),
    /// The manifest is refused for another reason.
    Refused(String),
}

impl Answer {
    /// A new Job helps only if immutable fields are the only problem.
    pub(super) fn refused(refusal: Refusal) -> Self {
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

/// What becomes of the Job in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It can take the manifest, so it stays.
    Stays,
    /// No Job could take the manifest, so it stays.
    InvalidManifest(String),
    /// It is already being deleted, and these finalizers hold it.
    BeingDeleted(Vec<String>),
    /// It is in the way, and may go once it has finished.
    Wait(Hint),
    /// It is in the way, and may go.
    Remove(Outcome),
    /// It is in the way, and may not go.
    MustStay(Reason),
}

/// Why a Job in the way may not go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// The manifest at hand, or the Job in the cluster, is annotated to be left alone.
    Ignored {
        /// Whether it is the manifest.
        by_manifest: bool,
    },
    /// The manifest has no policy.
    NoPolicy,
    /// Its policy has no word that is known.
    NamesNothing(String),
    /// Its policy does not name how the Job ended.
    NotNamed(Outcome, String),
    /// It is suspended.
    Suspended,
    /// It has not finished, and is not waited for.
    Unfinished(Hint),
    /// Its status cannot be read.
    Unreadable(String),
    /// The API server refuses to delete it.
    DeletionRefused(String),
}

/// Judges a Job in the cluster. With `once`, an unfinished Job must stay, and is not waited for.
pub(super) fn judge(live: &Job, answer: &Answer, manifest: &JobManifest, once: bool) -> Verdict {
    // This holds even for a Job that can be changed: the change would be lost when the Job is gone.
    if live.terminating {
        return Verdict::BeingDeleted(live.finalizers.clone());
    }
    match answer {
        Answer::Possible => Verdict::Stays,
        Answer::Refused(why) => Verdict::InvalidManifest(why.clone()),
        Answer::Immutable(_) => in_the_way(live, manifest, once),
    }
}

fn in_the_way(live: &Job, manifest: &JobManifest, once: bool) -> Verdict {
    if manifest.ignored || live.ignored {
        return Verdict::MustStay(Reason::Ignored { by_manifest: manifest.ignored });
    }
    let Some(policy) = &manifest.policy else { return Verdict::MustStay(Reason::NoPolicy) };
    // before-hook-creation means exactly this moment, whatever the outcome.
    let names = |outcome| policy.names(outcome) || policy.lists(Token::BeforeHookCreation);
    if !Outcome::ALL.into_iter().any(names) {
        return Verdict::MustStay(Reason::NamesNothing(policy.to_string()));
    }
    match &live.state {
        State::Finished(outcome, _) if names(*outcome) => Verdict::Remove(*outcome),
        State::Finished(outcome, _) => Verdict::MustStay(Reason::NotNamed(*outcome, policy.to_string())),
        State::Suspended => Verdict::MustStay(Reason::Suspended),
        State::Unfinished(hint) if once => Verdict::MustStay(Reason::Unfinished(hint.clone())),
        State::Unfinished(hint) => Verdict::Wait(hint.clone()),
        State::Unreadable(why) => Verdict::MustStay(Reason::Unreadable(why.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::{Cause, Details};
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

    fn immutable() -> Answer {
        Answer::Immutable(vec!["spec.template".to_owned()])
    }

    #[test]
    fn only_a_finished_job_in_the_way_goes_and_only_if_the_policy_at_hand_names_how_it_ended() {
        use Outcome::{Failed, Succeeded};
        let finished = |outcome| State::Finished(outcome, String::new());
        let running = || State::Unfinished(Hint::Active(1));
        let not_named =
            |outcome, policy: &str| Verdict::MustStay(Reason::NotNamed(outcome, policy.to_owned()));
        for (policy, state, verdict) in [
            ("hook-succeeded", finished(Succeeded), Verdict::Remove(Succeeded)),
            ("hook-succeeded", finished(Failed), not_named(Failed, "hook-succeeded")),
            ("hook-failed", finished(Failed), Verdict::Remove(Failed)),
            ("hook-failed", finished(Succeeded), not_named(Succeeded, "hook-failed")),
            ("before-hook-creation", finished(Failed), Verdict::Remove(Failed)),
            ("before-hook-creation, hook-succeeded", finished(Failed), Verdict::Remove(Failed)),
            ("never", finished(Failed), Verdict::MustStay(Reason::NamesNothing("never".to_owned()))),
            ("never", running(), Verdict::MustStay(Reason::NamesNothing("never".to_owned()))),
            ("hook-failed", running(), Verdict::Wait(Hint::Active(1))),
            ("hook-failed", State::Suspended, Verdict::MustStay(Reason::Suspended)),
            (
                "hook-failed",
                State::Unreadable("x".to_owned()),
                Verdict::MustStay(Reason::Unreadable("x".to_owned())),
            ),
        ] {
            let manifest = manifest(policy);
            assert_eq!(
                judge(&live(state.clone()), &immutable(), &manifest, false),
                verdict,
                "{policy:?} {state:?}"
            );
            // Whatever its policy says, a Job that can take the manifest stays.
            assert_eq!(
                judge(&live(state), &Answer::Possible, &manifest, false),
                Verdict::Stays,
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
        let by = |by_manifest| Verdict::MustStay(Reason::Ignored { by_manifest });
        assert_eq!(judge(&marked, &immutable(), &both, false), by(false));
        assert_eq!(judge(&done, &immutable(), &ignored, false), by(true));
        assert_eq!(judge(&done, &immutable(), &plain, false), Verdict::MustStay(Reason::NoPolicy));
        let unfinished = Verdict::MustStay(Reason::Unfinished(Hint::None));
        assert_eq!(judge(&running, &immutable(), &both, true), unfinished);
    }

    #[test]
    fn a_job_that_is_being_deleted_is_in_the_way_of_any_manifest() {
        let going = live(State::Suspended).with(|shared| {
            shared.terminating = true;
            shared.finalizers = vec!["a/b".to_owned()];
        });
        for answer in [Answer::Possible, immutable(), Answer::Refused(String::new())] {
            let verdict = judge(&going, &answer, &manifest("hook-failed"), true);
            assert_eq!(verdict, Verdict::BeingDeleted(vec!["a/b".to_owned()]), "{answer:?}");
        }
    }

    #[test]
    fn a_manifest_that_no_job_could_take_deletes_nothing() {
        let manifest = manifest("hook-succeeded");
        let done = live(State::Finished(Outcome::Succeeded, String::new()));
        let refused = Answer::Refused("no".to_owned());
        assert_eq!(judge(&done, &refused, &manifest, false), Verdict::InvalidManifest("no".to_owned()));
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
                Some(fields) => Answer::Immutable(fields.into_iter().map(str::to_owned).collect()),
                None => Answer::Refused(refusal.to_string()),
            };
            assert_eq!(Answer::refused(refusal), expected);
        }
    }
}

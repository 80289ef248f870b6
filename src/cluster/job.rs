//! A Job, reduced to what jobsweep needs, and its state, decided by its conditions alone.
//!
//! Counts do not show whether a Job has finished: `active == 0 && failed > 0` is also true between two retries, and
//! `active == 0 && succeeded > 0` between two completions. They only serve as hints in messages.

use std::fmt;

use k8s_openapi::api::batch::v1::{self, JobCondition, JobSpec, JobStatus};

use crate::policy::{DeletePolicy, IGNORE, KOTS_DELETE_POLICY, Outcome};

const BUILT_IN_CONTROLLER: &str = "kubernetes.io/job-controller";
const HELM_RELEASE: &str = "meta.helm.sh/release-name";
const HELM_LOG_POLICY: &str = "helm.sh/hook-output-log-policy";
const INSTANCE: &str = "app.kubernetes.io/instance";

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Job {
    pub namespace: String,
    pub name: String,
    /// Distinguishes the Job from a later one of the same name.
    pub uid: String,
    pub version: String,
    pub policy: Option<DeletePolicy>,
    pub ignored: bool,
    /// Whether something owns it, such as a CronJob.
    pub owned: bool,
    /// The Helm releases that its annotation and its label name.
    pub releases: [Option<String>; 2],
    pub log_policy: Option<DeletePolicy>,
    /// Whether it has a deletion timestamp.
    pub terminating: bool,
    pub finalizers: Vec<String>,
    pub state: State,
    /// From its start to its end, if it has finished.
    pub seconds: Option<u64>,
    /// When it finished, in seconds since 1970, if its status says so.
    pub finished_at: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// With the reason of its terminal condition.
    Finished(Outcome, String),
    Suspended,
    Unfinished(Hint),
}

/// What an unfinished Job is doing. Messages show it; no decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hint {
    None,
    Active(i32),
    /// No pod is running, this many have failed, and the next retry is due.
    BetweenRetries(i32),
    /// `FailureTarget` with this reason: it fails once its pods have ended.
    Failing(String),
    /// `SuccessCriteriaMet` with this reason: it succeeds once its pods have ended.
    Succeeding(String),
    /// This controller, not the built-in one, has to finish it.
    ManagedBy(String),
    NoParallelism,
}

impl Job {
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::Finished(outcome, _) => Some(outcome),
            _ => None,
        }
    }

    /// Whether its policy names its outcome. A Job with `before-hook-creation` can be due without that.
    pub(crate) fn policy_names_its_end(&self) -> bool {
        self.outcome().is_some_and(|outcome| self.policy.as_ref().is_some_and(|policy| policy.names(outcome)))
    }

    pub(crate) fn is_of_release(&self, name: &str) -> bool {
        self.releases.iter().flatten().any(|release| release == name)
    }
}

impl From<v1::Job> for Job {
    fn from(job: v1::Job) -> Self {
        let (metadata, spec, status) =
            (job.metadata, job.spec.unwrap_or_default(), job.status.unwrap_or_default());
        let annotation = |key: &str| metadata.annotations.as_ref()?.get(key);
        let policy = |key: &str| annotation(key).map(|text| DeletePolicy::parse(text));
        let instance = metadata.labels.as_ref().and_then(|labels| labels.get(INSTANCE));
        Self {
            policy: policy(KOTS_DELETE_POLICY),
            ignored: annotation(IGNORE).is_some_and(|value| value == "true"),
            owned: metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty()),
            releases: [annotation(HELM_RELEASE), instance].map(Option::<&_>::cloned),
            log_policy: policy(HELM_LOG_POLICY),
            terminating: metadata.deletion_timestamp.is_some(),
            state: State::of(&spec, &status),
            seconds: seconds(&status),
            finished_at: finished_at(&status),
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid.unwrap_or_default(),
            version: metadata.resource_version.unwrap_or_default(),
            finalizers: metadata.finalizers.unwrap_or_default(),
        }
    }
}

/// `shop/migrate`.
impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

fn true_condition<'a>(status: &'a JobStatus, name: &str) -> Option<&'a JobCondition> {
    let is_it = |condition: &&JobCondition| condition.type_ == name && condition.status == "True";
    status.conditions.iter().flatten().find(is_it)
}

/// A Job with both terminal conditions counts as failed. Current API servers refuse it.
fn terminal(status: &JobStatus) -> Option<(Outcome, &JobCondition)> {
    let failed = true_condition(status, "Failed").map(|condition| (Outcome::Failed, condition));
    failed.or_else(|| true_condition(status, "Complete").map(|condition| (Outcome::Succeeded, condition)))
}

/// When the terminal condition became true, or else the `completionTime`.
fn finished_at(status: &JobStatus) -> Option<i64> {
    let (_, terminal) = terminal(status)?;
    let time = terminal.last_transition_time.as_ref().or(status.completion_time.as_ref())?;
    Some(time.0.as_second())
}

fn seconds(status: &JobStatus) -> Option<u64> {
    let started_at = status.start_time.as_ref()?.0.as_second();
    u64::try_from(finished_at(status)? - started_at).ok()
}

fn reason(condition: &JobCondition) -> String {
    condition.reason.clone().unwrap_or_default()
}

impl State {
    fn of(spec: &JobSpec, status: &JobStatus) -> Self {
        if let Some((outcome, condition)) = terminal(status) {
            return Self::Finished(outcome, reason(condition));
        }
        // The condition follows the spec with a delay.
        if spec.suspend == Some(true) {
            return Self::Suspended;
        }
        Self::Unfinished(Hint::of(spec, status))
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Unfinished(Hint::None)
    }
}

impl Hint {
    fn of(spec: &JobSpec, status: &JobStatus) -> Self {
        let (active, failed) = (status.active.unwrap_or(0), status.failed.unwrap_or(0));
        if let Some(name) = spec.managed_by.as_ref().filter(|name| *name != BUILT_IN_CONTROLLER) {
            Self::ManagedBy(name.clone())
        } else if let Some(condition) = true_condition(status, "FailureTarget") {
            Self::Failing(reason(condition))
        } else if let Some(condition) = true_condition(status, "SuccessCriteriaMet") {
            Self::Succeeding(reason(condition))
        } else if active > 0 {
            Self::Active(active)
        } else if spec.parallelism == Some(0) {
            Self::NoParallelism
        } else if failed > 0 {
            Self::BetweenRetries(failed)
        } else {
            Self::None
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("it has not finished"),
            Self::Active(1) => f.write_str("1 pod is active"),
            Self::Active(pods) => write!(f, "{pods} pods are active"),
            Self::BetweenRetries(1) => f.write_str("1 pod has failed, a retry is due"),
            Self::BetweenRetries(pods) => write!(f, "{pods} pods have failed, a retry is due"),
            Self::Failing(reason) => {
                write!(f, "it is failing (FailureTarget, {reason}) and waits for its pods to end")
            }
            Self::Succeeding(reason) => {
                write!(f, "it is succeeding (SuccessCriteriaMet, {reason}) and waits for its pods to end")
            }
            Self::ManagedBy(name) => write!(
                f,
                "only its controller {name:?} can finish it; if that is not running, waiting is pointless"
            ),
            Self::NoParallelism => f.write_str(
                "its parallelism is 0, so it starts no pods; until that changes, waiting is pointless",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    impl Job {
        pub(crate) fn read(json: Value) -> Self {
            serde_json::from_value::<v1::Job>(json).expect("a Job").into()
        }

        pub(crate) fn with_uid(self, uid: &str) -> Self {
            Self { uid: uid.to_owned(), ..self }
        }

        pub(crate) fn in_version(self, version: &str) -> Self {
            Self { version: version.to_owned(), ..self }
        }
    }

    fn job(json: &str) -> Job {
        Job::read(serde_json::from_str(json).expect("JSON"))
    }

    fn state(json: &str) -> State {
        job(json).state
    }

    fn conditions(pairs: &[(&str, &str)]) -> State {
        let list: Vec<_> = pairs
            .iter()
            .map(|(name, status)| format!(r#"{{"type":"{name}","status":"{status}","reason":"R"}}"#))
            .collect();
        state(&format!(r#"{{"status":{{"conditions":[{}]}}}}"#, list.join(",")))
    }

    #[test]
    fn only_a_true_terminal_condition_is_an_end() {
        let finished = |outcome| State::Finished(outcome, "R".to_owned());
        let unfinished = State::Unfinished;
        for (pairs, expected) in [
            (&[("Complete", "True")][..], finished(Outcome::Succeeded)),
            (&[("Failed", "True")], finished(Outcome::Failed)),
            (&[("FailureTarget", "True"), ("Failed", "True")], finished(Outcome::Failed)),
            (&[("SuccessCriteriaMet", "True"), ("Complete", "True")], finished(Outcome::Succeeded)),
            (&[("Complete", "True"), ("Failed", "True")], finished(Outcome::Failed)),
            (&[("Suspended", "False"), ("Complete", "True")], finished(Outcome::Succeeded)),
            (&[("Suspended", "True"), ("Failed", "True")], finished(Outcome::Failed)),
            (&[("Complete", "False")], unfinished(Hint::None)),
            (&[("Failed", "Unknown")], unfinished(Hint::None)),
            (&[("FailureTarget", "True")], unfinished(Hint::Failing("R".to_owned()))),
            (&[("SuccessCriteriaMet", "True")], unfinished(Hint::Succeeding("R".to_owned()))),
            (&[("Suspended", "False")], unfinished(Hint::None)),
            (&[], unfinished(Hint::None)),
        ] {
            assert_eq!(conditions(pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn counts_and_times_end_nothing() {
        for (json, hint) in [
            (r#"{"status":{"failed":2}}"#, Hint::BetweenRetries(2)),
            (r#"{"status":{"succeeded":1,"active":0}}"#, Hint::None),
            (r#"{"status":{"active":3,"failed":1}}"#, Hint::Active(3)),
            (r#"{"status":{"completionTime":"2026-01-01T00:00:00Z"}}"#, Hint::None),
            (r#"{"spec":{"parallelism":0},"status":{}}"#, Hint::NoParallelism),
            (r#"{"spec":{"managedBy":"acme.io/runner"}}"#, Hint::ManagedBy("acme.io/runner".to_owned())),
            (r#"{"spec":{"managedBy":"kubernetes.io/job-controller"}}"#, Hint::None),
        ] {
            assert_eq!(state(json), State::Unfinished(hint), "{json}");
        }
    }

    #[test]
    fn the_spec_says_whether_a_job_is_suspended_before_its_condition_does() {
        assert_eq!(state(r#"{"spec":{"suspend":true}}"#), State::Suspended);
        let resumed =
            r#"{"spec":{"suspend":false},"status":{"conditions":[{"type":"Suspended","status":"True"}]}}"#;
        assert_eq!(state(resumed), State::Unfinished(Hint::None));
    }

    #[test]
    fn a_failed_job_took_until_its_condition() {
        let status: JobStatus = serde_json::from_str(
            r#"{"startTime":"2026-01-01T00:00:00Z","conditions":
                [{"type":"Failed","status":"True","lastTransitionTime":"2026-01-01T00:01:30Z"}]}"#,
        )
        .expect("a status");
        assert_eq!(seconds(&status), Some(90));
    }

    #[test]
    fn a_job_finished_when_its_terminal_condition_became_true() {
        let time = |seconds| format!("\"1970-01-01T00:00:{seconds:02}Z\"");
        let condition = |kind: &str, status: &str, time: &str| {
            format!(r#"{{"type":"{kind}","status":"{status}","lastTransitionTime":{time}}}"#)
        };
        let complete = |time: &str| condition("Complete", "True", time);
        for (name, conditions, completion, expected) in [
            ("its own time", complete(&time(7)), time(5), Some(7)),
            ("completionTime instead", complete("null"), time(5), Some(5)),
            ("no time at all", complete("null"), "null".to_owned(), None),
            ("a failed Job", condition("Failed", "True", &time(9)), "null".to_owned(), Some(9)),
            ("it ends but has not finished", condition("FailureTarget", "True", &time(9)), time(5), None),
            ("it is not true", condition("Complete", "False", &time(9)), time(5), None),
        ] {
            let status = format!(r#"{{"conditions":[{conditions}],"completionTime":{completion}}}"#);
            let status: JobStatus = serde_json::from_str(&status).expect("a status");
            assert_eq!(finished_at(&status), expected, "{name}");
        }
    }

    #[test]
    fn what_matters_is_kept() {
        let job = job(&format!(
            r#"{{"metadata":{{"namespace":"shop","name":"migrate","uid":"u1","resourceVersion":"7",
                "deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["a.io/b"],
                "annotations":{{"{KOTS_DELETE_POLICY}":"hook-succeeded","{IGNORE}":"true","x":"y"}},
                "labels":{{"app.kubernetes.io/instance":"web"}}}},
              "status":{{"conditions":[{{"type":"Complete","status":"True"}}]}}}}"#
        ));
        assert_eq!(
            (job.to_string().as_str(), job.uid.as_str(), job.version.as_str()),
            ("shop/migrate", "u1", "7")
        );
        assert_eq!(job.outcome(), Some(Outcome::Succeeded));
        assert!(job.policy.as_ref().is_some_and(|policy| policy.names(Outcome::Succeeded)));
        assert!(job.ignored && job.terminating && job.is_of_release("web") && !job.is_of_release("we"));
        assert_eq!(job.finalizers, ["a.io/b"]);
    }
}

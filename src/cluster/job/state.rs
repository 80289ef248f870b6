//! How a Job stands, by its conditions alone.
//!
//! Counts are never asked whether a Job has finished: `active == 0 && failed > 0` is also true between two
//! retries, `active == 0 && succeeded > 0` between two completions. They only serve as hints for the reader.

use std::fmt;

use serde::Deserialize;

use crate::policy::Outcome;

/// Kubernetes' name for its own Job controller in `spec.managedBy`.
const BUILT_IN_CONTROLLER: &str = "kubernetes.io/job-controller";

/// How a Job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It has a terminal condition, for this reason as Kubernetes words it.
    Finished(Outcome, String),
    /// It does nothing until someone resumes it.
    Suspended,
    /// It has not finished.
    Unfinished(Hint),
    /// What the API server says of it makes no sense to us.
    Unreadable(String),
}

/// What an unfinished Job is about; a hint for the reader, never a ground for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Nothing special.
    None,
    /// Pods are running.
    Active(i32),
    /// No pod is running, some have failed: the next retry is due.
    BetweenRetries(i32),
    /// `FailureTarget`: it will have failed once its pods have ended.
    Failing(String),
    /// `SuccessCriteriaMet`: it will have succeeded once its pods have ended.
    Succeeding(String),
    /// Another controller than the built-in one has to finish it.
    ManagedBy(String),
    /// `parallelism: 0`: no pod is ever started.
    NoParallelism,
}

/// The fields of a Job's spec that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec {
    suspend: Option<bool>,
    managed_by: Option<String>,
    parallelism: Option<i32>,
}

/// The fields of a Job's status that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    conditions: Option<Vec<Condition>>,
    active: Option<i32>,
    failed: Option<i32>,
    start_time: Option<String>,
    completion_time: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    r#type: String,
    status: String,
    #[serde(default)]
    reason: String,
    last_transition_time: Option<String>,
}

impl Status {
    /// The condition of this type, if it is `True`.
    fn is(&self, name: &str) -> Option<&Condition> {
        self.conditions
            .iter()
            .flatten()
            .find(|condition| condition.r#type == name && condition.status == "True")
    }

    /// The terminal condition. A Job that claims both, which current API servers refuse, counts as failed.
    fn terminal(&self) -> Option<(Outcome, &Condition)> {
        let failed = self.is("Failed").map(|condition| (Outcome::Failed, condition));
        failed.or_else(|| self.is("Complete").map(|condition| (Outcome::Succeeded, condition)))
    }

    /// How many seconds the Job took from its start to its end.
    pub(crate) fn seconds(&self) -> Option<u64> {
        let (_, terminal) = self.terminal()?;
        let end = self.completion_time.as_ref().or(terminal.last_transition_time.as_ref())?;
        let start: jiff::Timestamp = self.start_time.as_ref()?.parse().ok()?;
        let end: jiff::Timestamp = end.parse().ok()?;
        u64::try_from(end.duration_since(start).as_secs()).ok()
    }
}

impl State {
    /// Reads how a Job stands from what the API server says of it.
    pub(crate) fn of(spec: &Spec, status: &Status) -> Self {
        if let Some((outcome, condition)) = status.terminal() {
            return Self::Finished(outcome, condition.reason.clone());
        }
        // The spec is what was asked for; its condition follows only when the controller has caught up.
        if spec.suspend.unwrap_or_else(|| status.is("Suspended").is_some()) {
            return Self::Suspended;
        }
        Self::Unfinished(Hint::of(spec, status))
    }
}

impl Hint {
    fn of(spec: &Spec, status: &Status) -> Self {
        let (active, failed) = (status.active.unwrap_or(0), status.failed.unwrap_or(0));
        if let Some(name) = spec.managed_by.as_ref().filter(|name| *name != BUILT_IN_CONTROLLER) {
            Self::ManagedBy(name.clone())
        } else if let Some(condition) = status.is("FailureTarget") {
            Self::Failing(condition.reason.clone())
        } else if let Some(condition) = status.is("SuccessCriteriaMet") {
            Self::Succeeding(condition.reason.clone())
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
            Self::ManagedBy(name) => {
                write!(
                    f,
                    "only its controller {name:?} can finish it; without that one, waiting is pointless"
                )
            }
            Self::NoParallelism => f.write_str(
                "its parallelism is 0, so no pod is started; until that is changed, waiting is pointless",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &str) -> State {
        #[derive(Deserialize)]
        struct Job {
            #[serde(default)]
            spec: Spec,
            #[serde(default)]
            status: Status,
        }
        let job: Job = serde_json::from_str(json).expect("a Job");
        State::of(&job.spec, &job.status)
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
            (&[("Suspended", "True")], State::Suspended),
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
        let status: Status = serde_json::from_str(
            r#"{"startTime":"2026-01-01T00:00:00Z","conditions":
                [{"type":"Failed","status":"True","lastTransitionTime":"2026-01-01T00:01:30Z"}]}"#,
        )
        .expect("a status");
        assert_eq!(status.seconds(), Some(90));
    }
}

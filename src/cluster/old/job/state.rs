//! The state of a Job, decided by its conditions alone.
//!
//! Counts do not show whether a Job has finished: `active == 0 && failed > 0` is also true between two retries, and
//! `active == 0 && succeeded > 0` between two completions. They only serve as hints in messages.

use std::fmt;

use serde::Deserialize;

use crate::policy::Outcome;

const BUILT_IN_CONTROLLER: &str = "kubernetes.io/job-controller";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// With the reason of its terminal condition.
    Finished(Outcome, String),
    Suspended,
    Unfinished(Hint),
    Unreadable(String),
}

/// What an unfinished Job is doing. Messages show it; no decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec {
    suspend: Option<bool>,
    managed_by: Option<String>,
    parallelism: Option<i32>,
}

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
    fn true_condition(&self, name: &str) -> Option<&Condition> {
        self.conditions
            .iter()
            .flatten()
            .find(|condition| condition.r#type == name && condition.status == "True")
    }

    /// A Job with both terminal conditions counts as failed. Current API servers refuse it.
    fn terminal(&self) -> Option<(Outcome, &Condition)> {
        let failed = self.true_condition("Failed").map(|condition| (Outcome::Failed, condition));
        failed.or_else(|| self.true_condition("Complete").map(|condition| (Outcome::Succeeded, condition)))
    }

    pub(crate) fn seconds(&self) -> Option<u64> {
        let (_, terminal) = self.terminal()?;
        let end = self.completion_time.as_ref().or(terminal.last_transition_time.as_ref())?;
        let start: jiff::Timestamp = self.start_time.as_ref()?.parse().ok()?;
        let end: jiff::Timestamp = end.parse().ok()?;
        u64::try_from(end.duration_since(start).as_secs()).ok()
    }

    /// When the terminal condition became true, or else the `completionTime`.
    pub(crate) fn finished_at(&self) -> Option<i64> {
        let (_, terminal) = self.terminal()?;
        let times = [&terminal.last_transition_time, &self.completion_time];
        times.into_iter().flatten().find_map(|time| Some(time.parse::<jiff::Timestamp>().ok()?.as_second()))
    }
}

impl State {
    pub(crate) fn of(spec: &Spec, status: &Status) -> Self {
        if let Some((outcome, condition)) = status.terminal() {
            return Self::Finished(outcome, condition.reason.clone());
        }
        // The condition follows the spec with a delay.
        if spec.suspend.unwrap_or_else(|| status.true_condition("Suspended").is_some()) {
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
        } else if let Some(condition) = status.true_condition("FailureTarget") {
            Self::Failing(condition.reason.clone())
        } else if let Some(condition) = status.true_condition("SuccessCriteriaMet") {
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
            ("completionTime for nonsense", complete("\"soon\""), time(5), Some(5)),
            ("no time at all", complete("null"), "null".to_owned(), None),
            ("a failed Job", condition("Failed", "True", &time(9)), "null".to_owned(), Some(9)),
            ("it ends but has not finished", condition("FailureTarget", "True", &time(9)), time(5), None),
            ("it is not true", condition("Complete", "False", &time(9)), time(5), None),
        ] {
            let status = format!(r#"{{"conditions":[{conditions}],"completionTime":{completion}}}"#);
            let status: Status = serde_json::from_str(&status).expect("a status");
            assert_eq!(status.finished_at(), expected, "{name}");
        }
    }
}

//! A Job, reduced to what jobsweep needs. `compact` says how it is kept small, and `state` what its conditions say.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

pub(crate) mod compact;
pub(crate) mod state;

use crate::escape::shortened_message;
use crate::policy::{DeletePolicy, Outcome};
use compact::{OptionalSeconds, Uid, Version};
use state::{Spec, State, Status};

/// A Job. Its shared fields can be read like its own fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub id: JobId,
    pub version: Version,
    /// From its start to its end, if it has finished.
    pub seconds: OptionalSeconds,
    /// When it finished, since 1970, if its status says so.
    pub finished_at: OptionalSeconds,
    shared: Arc<SharedFields>,
}

/// What many Jobs have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SharedFields {
    pub policy: Option<DeletePolicy>,
    pub ignored: bool,
    /// The Helm releases that its annotation and its label name.
    pub releases: [Option<String>; 2],
    pub log_policy: Option<DeletePolicy>,
    /// Whether it has a deletion timestamp.
    pub terminating: bool,
    pub finalizers: Vec<String>,
    pub state: State,
}

/// Identifies a Job. The UID distinguishes it from a later Job of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobId {
    pub namespace: Arc<str>,
    pub name: Box<str>,
    pub uid: Uid,
}

#[derive(Debug)]
pub(crate) struct Unreadable {
    /// `None` if not even that can be read.
    pub id: Option<JobId>,
    pub why: String,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

/// As much of a Job as `M` says, where the rest cannot be read.
#[derive(Deserialize)]
struct Only<M> {
    metadata: M,
}

#[derive(Deserialize)]
struct Identity {
    namespace: String,
    name: String,
    uid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    namespace: String,
    name: String,
    uid: String,
    resource_version: String,
    deletion_timestamp: Option<IgnoredAny>,
    finalizers: Option<Vec<String>>,
    annotations: Option<Annotations>,
    labels: Option<Labels>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "kots.io/hook-delete-policy")]
    policy: Option<String>,
    #[serde(rename = "jobsweep.io/ignore")]
    ignore: Option<String>,
    #[serde(rename = "meta.helm.sh/release-name")]
    release: Option<String>,
    #[serde(rename = "helm.sh/hook-output-log-policy")]
    log_policy: Option<String>,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(rename = "app.kubernetes.io/instance")]
    instance: Option<String>,
}

impl Job {
    /// Reads a Job from JSON. If only its metadata can be read, its state is unreadable.
    pub(crate) fn decode(json: &[u8]) -> Result<Self, Box<Unreadable>> {
        match serde_json::from_slice(json) {
            Ok(Object { metadata, spec, status }) => {
                Ok(Self::new(metadata, State::of(&spec, &status), &status))
            }
            Err(error) => {
                let why = shortened_message(&error.to_string());
                if let Ok(Only { metadata }) = serde_json::from_slice(json) {
                    return Ok(Self::new(metadata, State::Unreadable(why), &Status::default()));
                }
                let id =
                    serde_json::from_slice(json).ok().map(|Only::<Identity> { metadata }| metadata.into());
                Err(Box::new(Unreadable { id, why }))
            }
        }
    }

    fn new(metadata: Metadata, state: State, status: &Status) -> Self {
        let Metadata { namespace, name, uid, .. } = metadata;
        let annotations = metadata.annotations.unwrap_or_default();
        let shared = SharedFields {
            policy: annotations.policy.as_deref().map(DeletePolicy::parse),
            ignored: annotations.ignore.as_deref() == Some("true"),
            releases: [annotations.release, metadata.labels.and_then(|labels| labels.instance)],
            log_policy: annotations.log_policy.as_deref().map(DeletePolicy::parse),
            terminating: metadata.deletion_timestamp.is_some(),
            finalizers: metadata.finalizers.unwrap_or_default(),
            state,
        };
        Self {
            id: Identity { namespace, name, uid }.into(),
            version: metadata.resource_version.as_str().into(),
            seconds: status.seconds().into(),
            finished_at: status.finished_at().into(),
            shared: Arc::new(shared),
        }
    }

    /// The same Job with other shared fields.
    #[cfg(test)]
    pub(crate) fn with(mut self, change: impl FnOnce(&mut SharedFields)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }
}

impl Deref for Job {
    type Target = SharedFields;

    fn deref(&self) -> &SharedFields {
        &self.shared
    }
}

impl SharedFields {
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

impl From<Identity> for JobId {
    fn from(Identity { namespace, name, uid }: Identity) -> Self {
        Self { namespace: namespace.into(), name: name.into(), uid: uid.as_str().into() }
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{IGNORE, KOTS_DELETE_POLICY};

    #[test]
    fn what_matters_is_kept() {
        let job = Job::decode(
            format!(
                r#"{{"metadata":{{"namespace":"shop","name":"migrate","uid":"u1","resourceVersion":"7",
                "deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["a.io/b"],
                "annotations":{{"{KOTS_DELETE_POLICY}":"hook-succeeded","{IGNORE}":"true","x":"y"}},
                "labels":{{"app.kubernetes.io/instance":"web"}}}},
              "status":{{"conditions":[{{"type":"Complete","status":"True"}}]}}}}"#
            )
            .as_bytes(),
        )
        .expect("a Job");
        assert_eq!(job.id.to_string(), "shop/migrate");
        assert_eq!(job.outcome(), Some(Outcome::Succeeded));
        assert!(job.policy.as_ref().is_some_and(|policy| policy.names(Outcome::Succeeded)));
        assert!(job.ignored && job.terminating && job.is_of_release("web") && !job.is_of_release("we"));
        assert_eq!(job.finalizers, ["a.io/b"]);
    }

    #[test]
    fn an_unreadable_status_hides_neither_which_job_it_is_nor_its_policy() {
        let odd = r#"{"metadata":{"namespace":"shop","name":"odd","uid":"u2","resourceVersion":"7",
                       "annotations":{"kots.io/hook-delete-policy":"hook-failed"}},"status":{"active":"many"}}"#;
        let job = Job::decode(odd.as_bytes()).expect("a Job");
        assert!(matches!(&job.state, State::Unreadable(why) if why.contains("many")), "{:?}", job.state);
        assert_eq!(job.outcome(), None);
        assert!(job.policy.as_ref().is_some_and(|policy| policy.names(Outcome::Failed)));
    }

    #[test]
    fn an_unreadable_object_still_says_which_one_it_is() {
        let odd = r#"{"metadata":{"namespace":"shop","name":"odd","uid":"u2","resourceVersion":7}}"#;
        let unreadable = Job::decode(odd.as_bytes()).expect_err("unreadable");
        assert_eq!(unreadable.id.map(|id| id.uid.to_string()).as_deref(), Some("u2"));
        assert!(Job::decode(b"{}").expect_err("unreadable").id.is_none());
    }

    #[test]
    fn a_long_value_is_cut_where_it_is_quoted() {
        let long = "x".repeat(256 * 1024);
        let odd = Job::decode(format!(r#"{{"metadata":"{long}"}}"#).as_bytes()).expect_err("unreadable");
        assert!(odd.why.len() < 2100 && odd.why.contains(" … "), "{}", odd.why.len());
        assert!(odd.why.contains(", expected "), "{}", odd.why);
    }
}

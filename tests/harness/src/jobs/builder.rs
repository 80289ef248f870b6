//! Describes a Job in one line.

use anyhow::Result;
use k8s_openapi::api::batch::v1::Job;
use serde_json::{Value, json};

use crate::node::app;

/// The description of a Job with one container.
#[derive(Clone, Debug)]
pub struct JobBuilder(Value);

/// Describes a Job without a policy, with one completion and no retries.
pub fn job(name: impl Into<String>) -> JobBuilder {
    JobBuilder(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": name.into(), "annotations": {}, "labels": {}, "finalizers": [] },
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{ "name": "main", "image": "example.com/nothing" }],
                },
            },
        },
    }))
}

impl JobBuilder {
    /// The annotation `kots.io/hook-delete-policy`.
    pub fn policy(self, policy: &str) -> Self {
        self.annotation("kots.io/hook-delete-policy", policy)
    }

    /// The Helm release of the Job, as Helm annotates ordinary resources.
    pub fn release(self, name: &str) -> Self {
        self.annotation("meta.helm.sh/release-name", name)
    }

    /// One more annotation.
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["annotations"][key] = value.into();
        self
    }

    /// One more label.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.0["metadata"]["labels"][key] = value.into();
        self
    }

    /// A finalizer.
    pub fn finalizer(mut self, finalizer: &str) -> Self {
        self.0["metadata"]["finalizers"] = json!([finalizer]);
        self
    }

    /// How often the Job retries.
    pub fn backoff_limit(self, retries: u32) -> Self {
        self.spec("backoffLimit", json!(retries))
    }

    /// How many pods must succeed, all at the same time.
    pub fn completions(self, pods: u32) -> Self {
        self.spec("completions", json!(pods)).spec("parallelism", json!(pods))
    }

    /// How many pods run at once.
    pub fn parallelism(self, pods: u32) -> Self {
        self.spec("parallelism", json!(pods))
    }

    /// Each completion has its own index.
    pub fn indexed(self) -> Self {
        self.spec("completionMode", json!("Indexed"))
    }

    /// How often each index is retried; for [`indexed`](Self::indexed) Jobs.
    pub fn backoff_limit_per_index(mut self, retries: u32) -> Self {
        // The limit of the whole Job would end it first.
        if let Some(spec) = self.0["spec"].as_object_mut() {
            spec.remove("backoffLimit");
        }
        self.spec("backoffLimitPerIndex", json!(retries))
    }

    /// Suspends the Job from the start.
    pub fn suspended(self) -> Self {
        self.spec("suspend", json!(true))
    }

    /// Gives the Job to another controller, such as `example.com/nobody`, so that the Job controller ignores it.
    pub fn managed_by(self, controller: &str) -> Self {
        self.spec("managedBy", json!(controller))
    }

    /// After how many seconds the TTL controller deletes the finished Job.
    pub fn ttl(self, seconds: u32) -> Self {
        self.spec("ttlSecondsAfterFinished", json!(seconds))
    }

    /// A script that the pods run on a real node, in the image [`app`](crate::node::app). The Pod Security level `restricted` allows it.
    pub fn script(mut self, script: &str) -> Self {
        let pod = &mut self.0["spec"]["template"]["spec"];
        pod["securityContext"] = json!({ "runAsUser": 1000, "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } });
        pod["containers"] = json!([{
            "name": "main",
            "image": app(1),
            "command": ["sh", "-c", script],
            "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
        }]);
        self
    }

    /// Any other field of the spec.
    pub fn spec(mut self, field: &str, value: Value) -> Self {
        self.0["spec"][field] = value;
        self
    }

    /// The Job itself.
    pub fn build(self) -> Result<Job> {
        Ok(serde_json::from_value(self.0)?)
    }
}

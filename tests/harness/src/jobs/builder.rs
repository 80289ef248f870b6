//! A Job described in a line.

use anyhow::Result;
use k8s_openapi::api::batch::v1::Job;
use serde_json::{Value, json};

use crate::node::app;

/// A Job to be created: one container that no node will ever run.
#[derive(Clone, Debug)]
pub struct JobBuilder(Value);

/// Begins a Job of this name. As it stands it has no policy, one completion, and no retries.
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

    /// The Helm release that the Job belongs to, as Helm notes it on ordinary resources.
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

    /// A finalizer, which keeps the deleted Job until somebody removes it.
    pub fn finalizer(mut self, finalizer: &str) -> Self {
        self.0["metadata"]["finalizers"] = json!([finalizer]);
        self
    }

    /// How many failed pods the Job outlives.
    pub fn backoff_limit(self, retries: u32) -> Self {
        self.spec("backoffLimit", json!(retries))
    }

    /// How many pods must succeed; as many run at once.
    pub fn completions(self, pods: u32) -> Self {
        self.spec("completions", json!(pods)).spec("parallelism", json!(pods))
    }

    /// How many pods run at once.
    pub fn parallelism(self, pods: u32) -> Self {
        self.spec("parallelism", json!(pods))
    }

    /// Every completion has an index of its own.
    pub fn indexed(self) -> Self {
        self.spec("completionMode", json!("Indexed"))
    }

    /// How many failed pods each index outlives; with [`indexed`](Self::indexed).
    pub fn backoff_limit_per_index(mut self, retries: u32) -> Self {
        // The limit for the whole Job would end it first.
        if let Some(spec) = self.0["spec"].as_object_mut() {
            spec.remove("backoffLimit");
        }
        self.spec("backoffLimitPerIndex", json!(retries))
    }

    /// Created, but not to be started yet.
    pub fn suspended(self) -> Self {
        self.spec("suspend", json!(true))
    }

    /// Left to a controller of this name, such as `example.com/nobody`; Kubernetes's own does not touch it.
    pub fn managed_by(self, controller: &str) -> Self {
        self.spec("managedBy", json!(controller))
    }

    /// How many seconds after its end the cluster deletes the Job by itself.
    pub fn ttl(self, seconds: u32) -> Self {
        self.spec("ttlSecondsAfterFinished", json!(seconds))
    }

    /// What its pods run, on a real node: a script in [`app`](crate::node::app), allowed where pods are restricted.
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

    /// Any other field of the spec, such as `podFailurePolicy` or `successPolicy`.
    pub fn spec(mut self, field: &str, value: Value) -> Self {
        self.0["spec"][field] = value;
        self
    }

    /// The Job itself.
    pub fn build(self) -> Result<Job> {
        Ok(serde_json::from_value(self.0)?)
    }
}

//! Ends pods as a node would.

use anyhow::{Context, Result};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::name;
use crate::control_plane::Namespace;
use crate::wait;

impl Namespace {
    /// Waits until this many pods of the Job have been created and have not ended.
    pub async fn running_pods(&self, job: &Job, count: usize) -> Result<Vec<Pod>> {
        let uid = job.metadata.uid.as_deref().context("a created Job has a UID")?;
        let of_job = ListParams::default().labels(&format!("batch.kubernetes.io/controller-uid={uid}"));
        wait::until(&format!("{} to have {count} running pods", name(job)?), || async {
            let mut pods = self.pods().list(&of_job).await?.items;
            pods.retain(runs);
            Ok((pods.len() >= count).then_some(pods))
        })
        .await
    }

    /// Lets the pods of the Job succeed until the Job is complete.
    pub async fn succeed(&self, job: &Job) -> Result<()> {
        let completions = job.spec.as_ref().and_then(|spec| spec.completions).unwrap_or(1);
        let mut left = usize::try_from(completions)?;
        while left > 0 {
            let pods = self.running_pods(job, 1).await?;
            for pod in &pods {
                self.succeed_pod(pod).await?;
            }
            left = left.saturating_sub(pods.len());
        }
        self.condition(job, "Complete").await
    }

    /// Lets the pods of the Job fail until the Job has failed. The Job controller waits ten seconds before each retry.
    pub async fn fail(&self, job: &Job) -> Result<()> {
        let retries = job.spec.as_ref().and_then(|spec| spec.backoff_limit).unwrap_or(6);
        for _ in 0..=retries {
            for pod in self.running_pods(job, 1).await? {
                self.fail_pod(&pod, 1).await?;
            }
        }
        self.condition(job, "Failed").await
    }

    /// Starts the pod.
    pub async fn run_pod(&self, pod: &Pod) -> Result<()> {
        self.set_pod_status(pod, "Running", json!({ "running": {} })).await
    }

    /// Ends the pod's container with code 0.
    pub async fn succeed_pod(&self, pod: &Pod) -> Result<()> {
        self.set_pod_status(pod, "Succeeded", json!({ "terminated": { "exitCode": 0 } })).await
    }

    /// Ends the pod's container with this code, which is not 0.
    pub async fn fail_pod(&self, pod: &Pod, exit_code: i32) -> Result<()> {
        self.set_pod_status(pod, "Failed", json!({ "terminated": { "exitCode": exit_code } })).await
    }

    async fn set_pod_status(&self, pod: &Pod, phase: &str, state: Value) -> Result<()> {
        let container = json!({
            "name": "main", "image": "", "imageID": "", "restartCount": 0, "ready": false, "state": state,
        });
        let patch = Patch::Merge(json!({ "status": { "phase": phase, "containerStatuses": [container] } }));
        let pod = pod.metadata.name.as_deref().context("a created pod has a name")?;
        self.pods().patch_status(pod, &PatchParams::default(), &patch).await?;
        Ok(())
    }
}

fn runs(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
}

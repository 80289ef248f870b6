//! The calls that the tests share: kubectl, pods, logs.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::k8s_openapi::api::core::v1::Pod;
use jobsweep_harness::kube::api::{ListParams, LogParams};
use jobsweep_harness::process::Program;
use jobsweep_harness::{jobs, wait};

pub(crate) fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

pub(crate) fn kubectl_in(cluster: &ControlPlane, namespace: &Namespace) -> Result<Program> {
    Ok(kubectl(&cluster.kubeconfig())?.args(["--namespace", &namespace.name]))
}

/// Waits until the Job is complete, and returns the logs of its pods, the oldest first.
pub(crate) async fn log_of_finished(namespace: &Namespace, job: &str) -> Result<String> {
    let found: Job = wait::until(&format!("the end of {job}"), || async {
        let found = namespace.jobs().get_opt(job).await?;
        Ok(found.filter(|job| ["Complete", "Failed"].iter().any(|end| jobs::has_condition(job, end))))
    })
    .await?;
    let mut log = String::new();
    for pod in pods_of(namespace, job).await? {
        log += &log_of(namespace, &pod).await?;
    }
    ensure!(jobs::has_condition(&found, "Complete"), "{job} has failed: {log}");
    Ok(log)
}

/// Waits until a running pod of the Job has written this text.
pub(crate) async fn pod_that_says(namespace: &Namespace, job: &str, text: &str) -> Result<Pod> {
    wait::until(&format!("a pod of {job} to say {text:?}"), || async {
        for pod in pods_of(namespace, job).await? {
            if runs(&pod) && log_of(namespace, &pod).await?.contains(text) {
                return Ok(Some(pod));
            }
        }
        Ok(None)
    })
    .await
}

fn runs(pod: &Pod) -> bool {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    containers
        .into_iter()
        .any(|container| container.state.as_ref().is_some_and(|state| state.running.is_some()))
}

/// The pods of a Job, the oldest first.
pub(crate) async fn pods_of(namespace: &Namespace, job: &str) -> Result<Vec<Pod>> {
    let of_job = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
    let mut pods = namespace.pods().list(&of_job).await?.items;
    pods.sort_by_key(|pod| pod.metadata.creation_timestamp.clone());
    Ok(pods)
}

/// The log of a pod so far, stdout and stderr.
pub(crate) async fn log_of(namespace: &Namespace, pod: &Pod) -> Result<String> {
    Ok(namespace.pods().logs(name(pod)?, &LogParams::default()).await?)
}

pub(crate) fn name(pod: &Pod) -> Result<&str> {
    pod.metadata.name.as_deref().context("a pod has a name")
}

/// The exit code of the pod's container.
pub(crate) fn exit_code(pod: &Pod) -> Option<i32> {
    let container = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    Some(container.state.as_ref()?.terminated.as_ref()?.exit_code)
}

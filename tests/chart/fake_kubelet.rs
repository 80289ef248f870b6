//! Runs a cleanup pod as a kubelet would: the real program with the pod's arguments and ServiceAccount.

use std::fs;

use anyhow::{Context, Result};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::kube::api::{Patch, PatchParams};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::wait;
use serde_json::{Value, json};

/// Waits for the Job, and runs its pod to its end.
pub(crate) async fn run(cluster: &ControlPlane, namespace: &Namespace, job: &str) -> Result<Finished> {
    let job = exists(namespace, job).await?;
    let pods = namespace.running_pods(&job, 1).await?;
    let pod = pods.first().context("there is a pod")?;
    let spec = pod.spec.as_ref().context("a pod has a spec")?;
    let account = spec.service_account_name.as_deref().context("the pod has an account")?;
    let args = spec.containers.first().and_then(|container| container.args.clone()).unwrap_or_default();
    let uid =
        pod.metadata.labels.as_ref().and_then(|labels| labels.get("batch.kubernetes.io/controller-uid"));

    let token = kubectl(&cluster.kubeconfig())?
        .args(["create", "token", account, "--namespace", &namespace.name])
        .run()
        .await?
        .expect_success()?;
    let mut kubeconfig: Value = serde_json::from_slice(&fs::read(cluster.kubeconfig())?)?;
    kubeconfig["users"][0]["user"] = json!({ "token": token.stdout().trim() });
    kubeconfig["contexts"][0]["context"]["namespace"] = json!(namespace.name);
    let path = cluster.kubeconfig().with_file_name(format!("pod-of-{}.kubeconfig", namespace.name));
    fs::write(&path, serde_json::to_vec(&kubeconfig)?)?;

    let ended = Program::new(env!("CARGO_BIN_EXE_jobsweep"))
        .args(args)
        .env("KUBECONFIG", &path)
        .env("JOBSWEEP_OWN_JOB_UID", uid.context("the pod has its Job's uid")?)
        .run()
        .await?;
    let name = pod.metadata.name.as_deref().context("a pod has a name")?;
    end(namespace, name, ended.code().context("it exited")?).await?;
    Ok(ended)
}

/// Waits until the Job exists.
pub(crate) async fn exists(namespace: &Namespace, job: &str) -> Result<Job> {
    wait::until(&format!("the Job {job}"), || async { Ok(namespace.jobs().get_opt(job).await?) }).await
}

/// Ends the pod's container with this code.
pub(crate) async fn end(namespace: &Namespace, pod: &str, code: i32) -> Result<()> {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    let container = json!({
        "name": "jobsweep", "image": "", "imageID": "", "restartCount": 0, "ready": false,
        "state": { "terminated": { "exitCode": code } },
    });
    let status = json!({ "status": { "phase": phase, "containerStatuses": [container] } });
    namespace.pods().patch_status(pod, &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

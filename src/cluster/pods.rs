//! The pods of a Job, and why they do not let it finish.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Api;
use kube::api::ListParams;

use super::client::Cluster;
use super::error::Error;
use super::job::Job;

/// How many pods of a Job are looked at.
const PODS: u32 = 10;

/// What a container waits for while all is well.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Some pods of a Job. This takes the permission to list pods.
pub(crate) async fn list(cluster: &Cluster, job: &Job) -> Result<Vec<Pod>, Error> {
    let of_job = format!("batch.kubernetes.io/controller-uid={}", job.uid);
    let pods: Api<Pod> = Api::namespaced(cluster.client().clone(), &job.namespace);
    Ok(pods.list(&ListParams::default().labels(&of_job).limit(PODS)).await?.items)
}

/// Why the pods of a Job do not let it finish. Without the permission to list pods, nothing is known about them.
pub(crate) async fn why_unfinished(cluster: &Cluster, job: &Job) -> Option<String> {
    let pods = list(cluster, job).await.ok()?;
    waiting_reason(&pods).or_else(|| Some(format!("only container {} still runs", last_container(&pods)?)))
}

/// Why a pod of these does not run, such as `ImagePullBackOff`.
fn waiting_reason(pods: &[Pod]) -> Option<String> {
    pods.iter().filter_map(|pod| pod.status.as_ref()).find_map(|status| {
        let init = status.init_container_statuses.iter().flatten();
        let containers = init.chain(status.container_statuses.iter().flatten());
        let mut reasons = containers.filter_map(container_reason);
        let unscheduled = status
            .conditions
            .iter()
            .flatten()
            .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
        reasons.next().or_else(|| unscheduled?.reason.clone())
    })
}

/// The container that keeps a pod of these from its end: the only one that still runs, beside others that have ended.
fn last_container(pods: &[Pod]) -> Option<&str> {
    pods.iter().find_map(|pod| {
        let containers = pod.status.as_ref()?.container_statuses.as_deref()?;
        let (ended, others): (Vec<_>, Vec<_>) = containers
            .iter()
            .partition(|status| status.state.as_ref().is_some_and(|state| state.terminated.is_some()));
        match others[..] {
            [last] if !ended.is_empty() => last.state.as_ref()?.running.as_ref().map(|_| last.name.as_str()),
            _ => None,
        }
    })
}

fn container_reason(status: &ContainerStatus) -> Option<String> {
    let reason = status.state.as_ref()?.waiting.as_ref()?.reason.clone()?;
    (!USUAL.contains(&reason.as_str())).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_container_that_still_runs_beside_ended_ones_is_named() {
        let status = |name: &str, state: &str| {
            let state =
                if state == "terminated" { json!({state: {"exitCode": 0}}) } else { json!({state: {}}) };
            json!({"name": name, "state": state, "image": "x", "imageID": "x", "ready": true, "restartCount": 0})
        };
        for (containers, last) in [
            (vec![("migrate", "terminated"), ("istio-proxy", "running")], Some("istio-proxy")),
            (vec![("migrate", "running"), ("istio-proxy", "running")], None),
            (vec![("migrate", "running")], None),
            (vec![("migrate", "terminated")], None),
            (vec![("migrate", "terminated"), ("istio-proxy", "waiting")], None),
        ] {
            let statuses: Vec<_> = containers.iter().map(|(name, state)| status(name, state)).collect();
            let pods = json!([{"status": {"containerStatuses": statuses}}]);
            let pods: Vec<Pod> = serde_json::from_value(pods).expect("pods");
            assert_eq!(last_container(&pods), last, "{containers:?}");
        }
    }

    #[test]
    fn the_first_container_that_waits_for_something_unusual_says_why() {
        let waits = |reason: &str| json!({"state": {"waiting": {"reason": reason}}});
        let runs = || json!({"state": {"running": {}}});
        let pod = |init: Vec<Value>, containers: Vec<Value>| {
            let named = |status: &Value| {
                let mut status = status.clone();
                for key in ["name", "image", "imageID"] {
                    status[key] = "x".into();
                }
                (status["ready"], status["restartCount"]) = (false.into(), 0.into());
                status
            };
            json!({"status": {
                "initContainerStatuses": init.iter().map(named).collect::<Vec<_>>(),
                "containerStatuses": containers.iter().map(named).collect::<Vec<_>>(),
            }})
        };
        let unscheduled = json!({"status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}});
        for (pods, reason) in [
            (vec![], None),
            (vec![json!({})], None),
            (vec![pod(vec![], vec![runs(), waits("ImagePullBackOff")])], Some("ImagePullBackOff")),
            (vec![pod(vec![], vec![waits("ContainerCreating")])], None),
            (
                vec![pod(vec![waits("CrashLoopBackOff")], vec![waits("PodInitializing")])],
                Some("CrashLoopBackOff"),
            ),
            (vec![unscheduled.clone()], Some("Unschedulable")),
            (vec![pod(vec![], vec![runs()]), unscheduled], Some("Unschedulable")),
        ] {
            let pods: Vec<Pod> = serde_json::from_value(json!(pods)).expect("pods");
            assert_eq!(waiting_reason(&pods).as_deref(), reason, "{pods:?}");
        }
    }
}

//! Why the pods of a Job do not run. Pure.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// What a container waits for while all is well.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Why a pod of these does not run, such as `ImagePullBackOff`.
pub(super) fn waiting_reason(pods: &[Pod]) -> Option<String> {
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

fn container_reason(status: &ContainerStatus) -> Option<String> {
    let reason = status.state.as_ref()?.waiting.as_ref()?.reason.clone()?;
    (!USUAL.contains(&reason.as_str())).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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

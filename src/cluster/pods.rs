//! The pods of a Job: the end of their logs, and why they do not let the Job finish.

use std::pin::pin;

use futures_util::io::AsyncReadExt;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Api;
use kube::api::{ListParams, LogParams};
use serde::Serialize;
use tokio::time::sleep;

use super::client::Cluster;
use super::error::Error;
use super::job::Job;
use super::retry;
use crate::escape::one_line;

/// How many lines of a log are read if nobody says how many.
pub(crate) const DEFAULT_LINES: u32 = 20;
/// How much of a Job's logs is kept: the end of them.
pub(crate) const MAX_LOG_BYTES: usize = 256 * 1024;
/// How often a request for logs is sent before they are given up.
const LOG_ATTEMPTS: u32 = 4;
/// How many pods of a Job are looked at to say why it does not finish.
const PODS: u32 = 10;

/// What a container waits for while all is well.
const USUAL: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// The end of the logs of a Job.
#[derive(Debug, Default)]
pub(crate) struct JobLog {
    pub containers: Vec<ContainerLog>,
    /// Whether something was left out.
    pub is_cut: bool,
    /// The pods and containers whose log could not be read, and why.
    pub unread: Vec<(String, Error)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ContainerLog {
    pub pod: String,
    pub container: String,
    pub lines: Vec<String>,
}

impl ContainerLog {
    /// What its lines are, in one line.
    pub(crate) fn heading(&self, job: &Job) -> String {
        let Self { pod, container, .. } = self;
        one_line(&format!("last lines of {job}, pod {pod}, container {container}"))
    }
}

/// The last lines of the log of every container of a Job. This takes the permissions to list pods and to get `pods/log`.
pub(crate) async fn log(cluster: &Cluster, job: &Job, lines: u32) -> Result<JobLog, Error> {
    let pods: Api<Pod> = Api::namespaced(cluster.client().clone(), &job.namespace);
    let mut log = JobLog::default();
    let mut left = MAX_LOG_BYTES;
    for pod in attempts(async || Ok(pods.list(&of_job(job)).await?)).await?.items {
        let name = pod.metadata.name.unwrap_or_default();
        let spec = pod.spec.unwrap_or_default();
        for container in spec.init_containers.into_iter().flatten().chain(spec.containers) {
            let container = container.name;
            match attempts(async || last_lines(&pods, &name, &container, lines, left).await).await {
                Ok((lines, _)) if lines.is_empty() => {}
                Ok((lines, is_cut)) => {
                    left = left.saturating_sub(lines.iter().map(|line| line.len() + 1).sum());
                    log.is_cut |= is_cut;
                    log.containers.push(ContainerLog { pod: name.clone(), container, lines });
                }
                Err(error @ Error::Forbidden(..)) => return Err(error),
                Err(error) => log.unread.push((format!("pod {name}, container {container}"), error)),
            }
        }
    }
    Ok(log)
}

fn of_job(job: &Job) -> ListParams {
    ListParams::default().labels(&format!("batch.kubernetes.io/controller-uid={}", job.uid))
}

async fn attempts<T>(request: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    for attempt in 0..LOG_ATTEMPTS - 1 {
        match request().await {
            Err(error) if error.is_transient() => sleep(retry::delay(attempt, &error)).await,
            result => return result,
        }
    }
    request().await
}

/// The last lines of a container's log, and whether some were left out for want of space. `limitBytes` would leave out the last
/// lines instead of the first.
async fn last_lines(
    pods: &Api<Pod>,
    pod: &str,
    container: &str,
    lines: u32,
    max_bytes: usize,
) -> Result<(Vec<String>, bool), Error> {
    let (container, tail_lines) = (Some(container.to_owned()), Some(lines.into()));
    let params = LogParams { container, tail_lines, ..LogParams::default() };
    let mut text = Vec::new();
    // Unlike `Api::logs`, this also reads a log that is not UTF-8.
    let mut stream = pin!(pods.log_stream(pod, &params).await?);
    stream.read_to_end(&mut text).await.map_err(|error| Error::unanswered(&error))?;
    let left_out = text.len().saturating_sub(max_bytes);
    Ok((whole_lines(&text[left_out..], left_out > 0), left_out > 0))
}

/// The lines of a text. If its beginning was cut off, leaves out the rest of that line, unless it is all that there is.
fn whole_lines(text: &[u8], is_cut: bool) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    if is_cut && lines.len() > 1 {
        lines.remove(0);
    }
    lines
}

/// Why the pods of a Job do not let it finish. Without the permission to list pods, nothing is known about them.
pub(crate) async fn why_unfinished(cluster: &Cluster, job: &Job) -> Option<String> {
    let pods: Api<Pod> = Api::namespaced(cluster.client().clone(), &job.namespace);
    let pods = pods.list(&of_job(job).limit(PODS)).await.ok()?.items;
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

    #[test]
    fn a_log_that_is_cut_begins_with_a_whole_line_if_there_is_one() {
        for (text, is_cut, lines) in [
            ("a\nbb\n", false, &["a", "bb"][..]),
            ("a\nbb\n", true, &["bb"]),
            ("one long line", true, &["one long line"]),
            ("", false, &[]),
        ] {
            assert_eq!(whole_lines(text.as_bytes(), is_cut), lines, "{text:?} {is_cut}");
        }
    }
}

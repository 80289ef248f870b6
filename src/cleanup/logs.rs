//! Reads the last lines of a Job's logs before the Job and its pods are deleted.

use std::cell::RefCell;
use std::collections::HashSet;
use std::pin::pin;

use futures_util::io::AsyncReadExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, LogParams};
use serde::Serialize;
use tokio::time::sleep;

use super::options::{Format, Options};
use crate::cluster::client::Cluster;
use crate::cluster::error::Error;
use crate::cluster::job::Job;
use crate::cluster::retry;
use crate::console::{Console, Verbosity};
use crate::escape::{block, log_line, one_line};
use crate::policy::Outcome;

const DEFAULT_LINES: u32 = 20;
/// How much of a Job's logs is kept: the end of them.
const MAX_BYTES: usize = 256 * 1024;
/// How often a request for logs is sent before the Job is deleted without them.
const ATTEMPTS: u32 = 4;

#[derive(Debug, Default)]
pub(crate) struct JobLog {
    pub containers: Vec<ContainerLog>,
    /// Whether something was left out.
    pub is_cut: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ContainerLog {
    pub pod: String,
    pub container: String,
    pub lines: Vec<String>,
}

pub(crate) struct LogReader<'a> {
    pub cluster: &'a Cluster,
    pub console: &'a Console,
    pub options: &'a Options,
    /// The namespaces whose logs may not be read.
    pub forbidden: RefCell<HashSet<String>>,
}

impl LogReader<'_> {
    /// Reads and shows the logs that are wanted before a deletion; `None` if none are. The Job is deleted even if they cannot
    /// be read, but not before some attempts: once it is deleted, they are lost.
    pub(crate) async fn read(&self, job: &Job) -> Option<JobLog> {
        let lines = lines_wanted(self.options.log_tail, job);
        if lines == 0 || self.forbidden.borrow().contains(&job.namespace) {
            return None;
        }
        let mut log = JobLog::default();
        if let Err(error) = self.read_all(job, lines, &mut log).await {
            let is_forbidden = matches!(error, Error::Forbidden(..));
            // One message for a namespace, however many deletions are under way. It is a detail if only the Job asks for its logs.
            if !is_forbidden || self.forbidden.borrow_mut().insert(job.namespace.clone()) {
                let is_detail = is_forbidden && self.options.log_tail.is_none();
                let level = if is_detail { Verbosity::Verbose } else { Verbosity::Warning };
                self.console.message(level, &block(&format!("no logs of {job}: {error}")));
            }
        }
        self.show(job, &log);
        Some(if self.options.format == Format::Json { log } else { JobLog::default() })
    }

    async fn read_all(&self, job: &Job, lines: u32, log: &mut JobLog) -> Result<(), Error> {
        let pods: Api<Pod> = Api::namespaced(self.cluster.client().clone(), &job.namespace);
        let labels = format!("batch.kubernetes.io/controller-uid={}", job.uid);
        let params = ListParams::default().labels(&labels);
        let mut left = MAX_BYTES;
        for pod in attempts(async || Ok(pods.list(&params).await?)).await?.items {
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
                    Err(error) => {
                        // Nothing is wrong if the container has never started.
                        let level =
                            if error.is_transient() { Verbosity::Warning } else { Verbosity::Verbose };
                        let text = format!("no log of pod {name}, container {container}: {error}");
                        self.console.message(level, &block(&text));
                    }
                }
            }
        }
        Ok(())
    }

    fn show(&self, job: &Job, log: &JobLog) {
        // The JSON report has the logs, so that `--quiet` may leave them out of stderr.
        let in_report = self.options.format == Format::Json;
        for ContainerLog { pod, container, lines } in &log.containers {
            let heading = format!("last lines of {job}, pod {pod}, container {container}");
            let lines = lines.iter().map(|line| format!("\n  | {}", log_line(line)));
            let text = format!("{}:{}", one_line(&heading), lines.collect::<String>());
            if in_report {
                self.console.message(Verbosity::Normal, &text);
            } else {
                self.console.always(&text);
            }
        }
        if log.is_cut {
            let text = format!("the logs of {job} are cut to the last {} KiB", MAX_BYTES / 1024);
            self.console.warn(&one_line(&text));
        }
    }
}

async fn attempts<T>(request: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    for attempt in 0..ATTEMPTS - 1 {
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

/// How many lines of a Job's logs are wanted: `tail` for a failed Job and for one that asks for its logs.
fn lines_wanted(tail: Option<u32>, job: &Job) -> u32 {
    let Some(outcome) = job.outcome() else { return 0 };
    let asked_by_job = job.log_policy.as_ref().is_some_and(|policy| policy.names(outcome));
    match tail {
        Some(lines) if asked_by_job || outcome == Outcome::Failed => lines,
        None if asked_by_job => DEFAULT_LINES,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::fixture::job;
    use crate::policy::DeletePolicy;

    #[test]
    fn logs_are_read_when_the_user_or_the_job_asks() {
        for (tail, failed, by_policy, lines) in [
            (None, true, false, 0),
            (None, true, true, 20),
            (None, false, true, 20),
            (Some(5), true, false, 5),
            (Some(5), false, false, 0),
            (Some(5), false, true, 5),
            (Some(0), true, true, 0),
        ] {
            let job = if failed { job("a").failed() } else { job("a").succeeded() };
            let log_policy = by_policy.then(|| DeletePolicy::parse("hook-succeeded,hook-failed"));
            let wanted = lines_wanted(tail, &job.with(|job| job.log_policy = log_policy));
            assert_eq!(wanted, lines, "{tail:?} {failed} {by_policy}");
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

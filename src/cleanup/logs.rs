//! Shows the last lines of a Job's logs before the Job and its pods are deleted.

use std::cell::RefCell;
use std::collections::HashSet;

use super::options::{Format, Options};
use crate::cluster::client::Cluster;
use crate::cluster::error::Error;
use crate::cluster::job::Job;
use crate::cluster::pods;
pub(crate) use crate::cluster::pods::{ContainerLog, JobLog};
use crate::console::{Console, Verbosity};
use crate::escape::{block, log_line, one_line};
use crate::policy::Outcome;

pub(crate) struct LogReader<'a> {
    pub cluster: &'a Cluster,
    pub console: &'a Console,
    pub options: &'a Options,
    /// The namespaces whose logs may not be read.
    pub forbidden: RefCell<HashSet<String>>,
}

impl LogReader<'_> {
    /// Reads and shows the logs that are wanted before a deletion; `None` if none are. The Job is deleted even if they cannot
    /// be read.
    pub(crate) async fn read(&self, job: &Job) -> Option<JobLog> {
        let lines = lines_wanted(self.options.log_tail, job);
        if lines == 0 || self.forbidden.borrow().contains(&job.namespace) {
            return None;
        }
        let log = pods::log(self.cluster, job, lines).await.unwrap_or_else(|error| {
            let is_forbidden = matches!(error, Error::Forbidden(..));
            // One message for a namespace, however many deletions are under way. It is a detail if only the Job asks for its logs.
            if !is_forbidden || self.forbidden.borrow_mut().insert(job.namespace.clone()) {
                let is_detail = is_forbidden && self.options.log_tail.is_none();
                self.say(is_detail, &format!("no logs of {job}: {error}"));
            }
            JobLog::default()
        });
        for (container, error) in &log.unread {
            // Nothing is wrong if the container has never started.
            self.say(!error.is_transient(), &format!("no log of {container}: {error}"));
        }
        self.show(job, &log);
        Some(if self.options.format == Format::Json { log } else { JobLog::default() })
    }

    fn say(&self, is_detail: bool, text: &str) {
        let level = if is_detail { Verbosity::Verbose } else { Verbosity::Warning };
        self.console.message(level, &block(text));
    }

    fn show(&self, job: &Job, log: &JobLog) {
        for container in &log.containers {
            let lines = container.lines.iter().map(|line| format!("\n  | {}", log_line(line)));
            self.console.always(&format!("{}:{}", container.heading(job), lines.collect::<String>()));
        }
        if log.is_cut {
            let text = format!("the logs of {job} are cut to the last {} KiB", pods::MAX_LOG_BYTES / 1024);
            self.console.warn(&one_line(&text));
        }
    }
}

/// How many lines of a Job's logs are wanted: `tail` for a failed Job and for one that asks for its logs.
fn lines_wanted(tail: Option<u32>, job: &Job) -> u32 {
    let Some(outcome) = job.outcome() else { return 0 };
    let asked_by_job = job.log_policy.as_ref().is_some_and(|policy| policy.names(outcome));
    match tail {
        Some(lines) if asked_by_job || outcome == Outcome::Failed => lines,
        None if asked_by_job => pods::DEFAULT_LINES,
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
}

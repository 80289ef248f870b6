//! Reads the last lines of a Job's logs before the Job and its pods are deleted.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::Arc;

use crate::cleanup::options::{Format, Verbosity};
use crate::cleanup::output::terminal::Terminal;
use crate::cleanup::sweep::job_log::{ContainerLog, JOB_BYTES, JobLog, LINE_BYTES, SWEEP_BYTES};
use crate::cleanup::sweep::request::Deletion;
use crate::cluster::old::api::{Api, Failure, Pod};

/// How often a Job's logs are tried in all before it is deleted without them.
const ATTEMPTS: u32 = 4;

pub(crate) struct LogReader<'a> {
    terminal: &'a Terminal,
    format: Format,
    bytes_left: Cell<usize>,
    forbidden: RefCell<HashSet<Arc<str>>>,
}

fn is_worth_a_retry(failure: &Failure, deletion: &Deletion) -> bool {
    matches!(failure, Failure::MayRecover(_))
        || (failure.is_transient() && deletion.log_failures_before + 1 < ATTEMPTS)
}

impl<'a> LogReader<'a> {
    pub(crate) fn new(terminal: &'a Terminal, format: Format) -> Self {
        Self { terminal, format, bytes_left: Cell::new(SWEEP_BYTES), forbidden: RefCell::default() }
    }

    /// Reads and shows the logs that are wanted before a deletion; `None` if none are.
    ///
    /// # Errors
    /// A failure after which the logs should be tried again: once the Job is deleted, they are lost. Any other failure
    /// is shown, and the Job is deleted without them.
    pub(crate) async fn read(&self, api: &Api, deletion: &Deletion) -> Result<Option<JobLog>, Failure> {
        let id = &deletion.job.id;
        if deletion.log_lines == 0 || self.is_forbidden(&id.namespace) {
            return Ok(None);
        }
        let mut log = JobLog::default();
        if let Err(failure) = self.read_all(api, deletion, &mut log).await {
            if is_worth_a_retry(&failure, deletion) {
                self.bytes_left.set(self.bytes_left.get() + log.bytes);
                return Err(failure);
            }
            // One warning for a namespace, however many deletions are under way.
            if !self.is_forbidden(&id.namespace) {
                self.terminal.warning(format_args!("no logs of {id}: {failure}"));
            }
            if matches!(failure, Failure::Forbidden(..)) {
                self.forbidden.borrow_mut().insert(id.namespace.clone());
            }
        }
        // The JSON report has the logs, so that `--quiet` may leave them out of stderr.
        let in_report = self.format == Format::Json;
        let level = if in_report { Verbosity::Normal } else { Verbosity::Warning };
        for ContainerLog { pod, container, lines } in &log.containers {
            let heading = format_args!("last lines of {id}, pod {pod}, container {container}");
            self.terminal.log(level, heading, lines);
        }
        if log.is_cut() {
            self.terminal.warning(format_args!(
                "the logs of {id} are cut; lines left out: {}, containers not asked: {}",
                log.lines_cut, log.containers_cut
            ));
        }
        Ok(Some(if in_report { log } else { JobLog::default() }))
    }

    fn is_forbidden(&self, namespace: &str) -> bool {
        self.forbidden.borrow().contains(namespace)
    }

    async fn read_all(&self, api: &Api, deletion: &Deletion, log: &mut JobLog) -> Result<(), Failure> {
        let id = &deletion.job.id;
        for Pod { name: pod, containers } in api.pods(id).await? {
            for container in containers {
                let room = JOB_BYTES.saturating_sub(log.bytes).min(self.bytes_left.get());
                if room <= LINE_BYTES {
                    log.containers_cut += 1;
                    continue;
                }
                match api.log(&id.namespace, &pod, &container, deletion.log_lines).await {
                    Ok(text) if text.is_empty() => {}
                    Ok(text) => {
                        // Other Jobs' logs may have arrived meanwhile.
                        let room = room.min(self.bytes_left.get());
                        let bytes = log.add(&pod, container, &text, room);
                        self.bytes_left.set(self.bytes_left.get() - bytes);
                    }
                    // The container never started.
                    Err(failure @ Failure::Refused(_)) if !failure.is_transient() => {
                        let why = format_args!("no log of pod {pod}, container {container}: {failure}");
                        self.terminal.detail(why);
                    }
                    // On the last attempt, the other containers may still have logs.
                    Err(failure) if failure.is_transient() && !is_worth_a_retry(&failure, deletion) => {
                        let why = format_args!("no log of pod {pod}, container {container}: {failure}");
                        self.terminal.warning(why);
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(())
    }
}

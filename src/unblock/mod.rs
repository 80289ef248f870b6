//! `jobsweep --unblock`: deletes the Jobs in the cluster that block the manifests on stdin.
//!
//! A Job in the cluster is in the way if a manifest has its name and cannot be applied to it: applying the manifests would fail. Such a
//! Job is deleted if it has finished and the policy of the manifest allows that. Any other Job stays.
//!
//! - `translate::jobs_for_unblock` has read the Jobs from the manifests. It skips hooks that Helm 4 runs itself.
//! - `rounds` sends the requests, again and again, until no Job is in the way or one may not be deleted. `retries` waits between them.
//! - `dry_run_manifest` builds the manifest for the dry run that shows whether a Job is in the way. Pure.
//! - `decision` decides what to do with one Job. Pure.
//! - `messages` has the words for the user. Pure.
//!
//! All or nothing: no Job is deleted until every Job in the way may be deleted.

mod decision;
mod dry_run_manifest;
mod messages;
mod planned_job;
mod retries;
mod rounds;

use std::collections::HashSet;
use std::fmt::{self, Display};
use std::process;
use std::time::{Duration, Instant};

use planned_job::PlannedJob;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::background;
use crate::cluster::Timeout;
use crate::cluster::api::{Api, Failure};
use crate::cluster::connect::{Connection, Target};
use crate::console::Console;
use crate::escape::{block, quoted};
use crate::exit_code::ExitCode;
use crate::signals::{Signal, Signals};
use crate::translate::{JobManifest, is_subdomain};

/// The options of `--unblock`.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster.
    pub connection: Connection,
    /// The namespace of manifests that name none.
    pub namespace: Option<String>,
    /// How long it may take in all.
    pub timeout: Timeout,
    /// Whether an unfinished Job in the way is an error at once, instead of being waited for.
    pub once: bool,
    /// Whether deletions are sent as server-side dry runs.
    pub dry_run: bool,
}

/// Why the manifests must not be applied.
#[derive(Debug)]
pub struct Blocked {
    /// What the run ends with.
    pub exit_code: ExitCode,
    /// What to tell the user, one message a Job.
    pub messages: Vec<String>,
}

/// The messages, a line each.
impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join("\n"))
    }
}

impl std::error::Error for Blocked {}

/// Why the work ended early.
#[derive(Debug)]
enum Stop {
    /// At least one Job in the way may not be deleted.
    InTheWay,
    Deadline,
    Signal(Signal),
    Failed(Failure),
}

/// Deletes the Jobs in the cluster that block these manifests. Then the manifests can be applied.
///
/// # Errors
/// A Job is in the way and may not be deleted, or it is not known whether one is in the way.
pub fn unblock(jobs: Vec<JobManifest>, options: &Options, console: &mut Console) -> Result<(), Blocked> {
    let runtime =
        background::runtime().map_err(|error| blocked(ExitCode::Failure, format!("no runtime: {error}")))?;
    match runtime.block_on(connect_and_unblock(jobs, options, console)) {
        Ok(signals) => {
            end_at_the_next_signal(runtime, signals);
            Ok(())
        }
        Err(blocked) => {
            // A credential plugin that still runs must not keep us.
            runtime.shutdown_background();
            Err(blocked)
        }
    }
}

/// While the manifests are written, nothing has to be completed, so a signal ends the process as it does any filter.
#[expect(clippy::exit, reason = "the main thread may be stuck in a write that nobody reads")]
fn end_at_the_next_signal(runtime: Runtime, signals: Signals) {
    let _thread = background::spawn((runtime, signals), |(runtime, mut signals)| {
        let signal = runtime.block_on(signals.next());
        process::exit(signal.exit_code().code().into());
    });
}

async fn connect_and_unblock(
    jobs: Vec<JobManifest>,
    options: &Options,
    console: &mut Console,
) -> Result<Signals, Blocked> {
    let start = Instant::now();
    let limit = match options.timeout {
        Timeout::After(limit) if !limit.is_zero() => limit,
        _ => Duration::MAX,
    };
    let target = timeout(limit, Target::find(&options.connection))
        .await
        .map_err(|_| blocked(ExitCode::Deadline, "the deadline came before the kubeconfig was read"))?
        .map_err(|error| failed(&error.into()))?;
    let default =
        options.namespace.clone().or(target.helm_namespace.clone()).or(target.pod_namespace.clone());
    let mut planned = Vec::new();
    for manifest in jobs {
        let Some(namespace) = manifest.namespace.clone().or_else(|| default.clone()) else {
            return Err(blocked(ExitCode::Usage, no_namespace(&manifest.name)));
        };
        if !is_subdomain(&namespace) {
            return Err(blocked(
                ExitCode::Usage,
                format!("{} is not a namespace; use --namespace=NAME", quoted(&namespace)),
            ));
        }
        planned.push(PlannedJob::new(manifest, namespace));
    }
    let mut names = HashSet::new();
    if let Some(twice) = planned.iter().find(|job| !names.insert(job.to_string())) {
        let message = format!("two manifests of Job {twice}; remove one");
        return Err(blocked(ExitCode::InvalidInput, message));
    }
    let mut signals = Signals::listen()
        .map_err(|error| blocked(ExitCode::Failure, format!("cannot listen for signals: {error}")))?;
    let left = || limit.saturating_sub(start.elapsed());
    let plugin_limit = if limit == Duration::MAX { options.timeout.plugin_limit() } else { left() };
    let work = async {
        let api = Api::connect(target, plugin_limit).await?;
        let unblocked = rounds::unblock(&api, &mut planned, options, console);
        timeout(left(), unblocked).await.unwrap_or(Err(Stop::Deadline))
    };
    let stop = tokio::select! {
        biased;
        signal = signals.next() => Stop::Signal(signal),
        done = work => match done {
            Ok(()) => return Ok(signals),
            Err(stop) => stop,
        },
    };
    Err(stop.blocked(&planned, options.connection.context.as_deref()))
}

fn no_namespace(job: &str) -> String {
    format!(
        "the manifest of Job {} names no namespace, and Helm does not tell a post-renderer where it is applied; add \
         --namespace=NAME (through Helm: --post-renderer-args --namespace=NAME)",
        quoted(job)
    )
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Stop {
    fn blocked(self, jobs: &[PlannedJob], context: Option<&str>) -> Blocked {
        let mut blocked = match self {
            Self::InTheWay => Blocked { exit_code: ExitCode::InTheWay, messages: Vec::new() },
            Self::Deadline => blocked(ExitCode::Deadline, "the deadline came before the way was clear"),
            Self::Signal(signal) => blocked(signal.exit_code(), format!("stopped by {signal}")),
            Self::Failed(failure) => failed(&failure),
        };
        for job in jobs {
            let message = match job.decision() {
                Some(decision::Decision::MustStay(reason)) => Some(messages::must_stay(job, reason, context)),
                _ if blocked.exit_code == ExitCode::Deadline => messages::left(job, context),
                _ => None,
            };
            blocked.messages.extend(message.as_deref().map(block));
        }
        let sent: Vec<_> = jobs.iter().filter(|job| job.deletion_sent).map(ToString::to_string).collect();
        blocked.messages.push(match &*sent {
            [] => "nothing was deleted, and no manifest was written".to_owned(),
            sent => format!("no manifest was written; deleted, or being deleted: {}", sent.join(", ")),
        });
        blocked
    }
}

fn failed(failure: &Failure) -> Blocked {
    let all = match failure {
        Failure::Forbidden(..) => "\n--unblock needs the verbs get, update and delete",
        _ => "",
    };
    blocked(failure.exit_code(), format!("{failure}{all}"))
}

fn blocked(exit_code: ExitCode, message: impl Display) -> Blocked {
    Blocked { exit_code, messages: vec![block(&message.to_string())] }
}

//! `jobsweep --unblock`: deletes the Jobs in the cluster that block the manifests on stdin.
//!
//! A Job in the cluster is in the way if a manifest has its name and cannot be applied to it: applying the manifests would fail. Such a
//! Job is deleted if it has finished and the policy of the manifest allows that. Any other Job stays.
//!
//! - `translate::manifests` has read the Jobs from the manifests. `hooks` says which of them Helm 4 runs itself. Pure.
//! - `rounds` sends the requests, again and again, until no Job is in the way or one may not be deleted. `retries` waits between them.
//! - `writer` says how the manifests will be applied. `dry_run_manifest` builds what is sent in the dry runs, which show whether a Job
//!   is in the way, and whether the new one would be accepted. Pure.
//! - `decision` decides what to do with one Job. `owner` says whose it is. Pure.
//! - `messages` has the words for the user. Pure.
//!
//! All or nothing: no Job is deleted until every Job in the way may be deleted.

mod decision;
mod dry_run_manifest;
mod hooks;
mod messages;
mod metadata;
mod owner;
mod planned_job;
mod requests;
mod retries;
mod rounds;
mod target;
mod writer;

use std::collections::HashSet;
use std::fmt::{self, Display};

use decision::Rules;
use hooks::{Command, Role};
use owner::Claimant;
use planned_job::PlannedJob;
use rounds::Surroundings;
use target::Target;
use writer::Host;

use crate::cluster::caller::{Caller, DryRun, HelmCall, Unclear};
use crate::cluster::client::Cluster;
use crate::cluster::connect::Connection;
use crate::cluster::error::Error;
use crate::cluster::{Timeout, stop, variable};
use crate::console::Console;
use crate::error::ExitCode;
use crate::escape::{block, one_line, quoted};
use crate::signals::Signals;
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
    /// Whether to look for a Helm that waits for this program as its post-renderer.
    pub looks_for_caller: bool,
    /// Whether to say on stderr too who calls.
    pub verbose: bool,
    /// The Helm release of the manifests, if no Helm calls.
    pub release: Option<String>,
    /// Whether a failed Job is in the way though its manifest has not changed.
    pub retry_failed: bool,
    /// Whether a Job in the way is deleted whatever its state and its policy.
    pub force: bool,
    /// Whether a Job without a policy must stay.
    pub needs_policy: bool,
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
    /// The API server refuses a manifest, so a Job that makes way for another one would be lost.
    InvalidManifest,
    /// Nobody waits for the manifests any more.
    CallerGone,
    /// The command line or the manifests are wrong.
    Wrong(ExitCode, String),
    Ended(stop::Stop),
}

impl<S: Into<stop::Stop>> From<S> for Stop {
    fn from(stop: S) -> Self {
        Self::Ended(stop.into())
    }
}

/// Deletes the Jobs in the cluster that block these manifests. Then the manifests can be applied.
///
/// # Errors
/// A Job is in the way and may not be deleted, or it is not known whether one is in the way.
pub fn unblock(jobs: Vec<JobManifest>, options: &Options, console: &mut Console) -> Result<(), Blocked> {
    let caller = find_caller(options).map_err(|unclear| blocked(ExitCode::Usage, unclear))?;
    let call = caller.helm();
    if call.is_some() {
        console.runs_under_helm();
    }
    let options = &Options { dry_run: options.dry_run || call.is_some_and(is_dry_run), ..options.clone() };
    if let Some(call) = call.filter(|call| call.dry_run == Some(DryRun::Client)) {
        note(&format!("called by {call}, which asks no cluster, so no Job is looked up"), options, console);
        return Ok(());
    }
    let planned: Vec<_> = jobs.into_iter().filter(|job| may_matter(job, &caller)).collect();
    if planned.is_empty() {
        return Ok(());
    }
    let (runtime, mut signals) = stop::start().map_err(|error| blocked(error.exit_code(), error))?;
    match runtime.block_on(until_stopped(planned, options, &caller, console, &mut signals)) {
        Ok(()) => {
            signals.end_the_process();
            // Its thread handles signals until the end of the process.
            std::mem::forget(runtime);
            Ok(())
        }
        Err(blocked) => {
            // A credential plugin that still runs must not keep us.
            runtime.shutdown_background();
            Err(blocked)
        }
    }
}

/// Writes into the log file, and to stderr if the user wants to see it.
fn note(text: &str, options: &Options, console: &mut Console) {
    if options.verbose {
        console.info(&one_line(text));
    } else {
        console.log(&one_line(text));
    }
}

/// The name of the plugin that Helm 4 runs.
fn plugin_name() -> Option<String> {
    variable("HELM_PLUGIN_NAME")
}

fn find_caller(options: &Options) -> Result<Caller, Unclear> {
    if options.looks_for_caller {
        Caller::find(plugin_name().as_deref())
    } else {
        Ok(Caller::not_looked_for())
    }
}

fn is_dry_run(call: &HelmCall) -> bool {
    call.dry_run.is_some()
}

/// Whether a manifest may be blocked, whether or not the release exists.
fn may_matter(job: &JobManifest, caller: &Caller) -> bool {
    [Some(true), Some(false)].into_iter().any(|release_exists| {
        hooks::role(&job.value, Command::of(caller, release_exists)) != Role::LeftToHelm
    })
}

async fn until_stopped(
    jobs: Vec<JobManifest>,
    options: &Options,
    caller: &Caller,
    console: &mut Console,
    signals: &mut Signals,
) -> Result<(), Blocked> {
    let deadline = options.timeout.connect_deadline();
    let connecting = async {
        let target = target::find(options, caller.helm(), console).await?;
        let planned = plan(jobs, &target)?;
        let context = target.cluster.context.clone();
        Ok((Cluster::connect(target.cluster, deadline).await?, target.namespace, context, planned))
    };
    let connected: Result<_, Stop> = stop::unless_stopped(signals, deadline, connecting).await;
    let (cluster, namespace, context, mut planned) = connected.map_err(|stop| stop.blocked(&[], None))?;
    let namespace = namespace.unwrap_or_default();
    let work = unblock_in(&cluster, &namespace, context.clone(), &mut planned, options, caller, console);
    // Without waiting, only connecting has a limit.
    let deadline = deadline.filter(|_| !options.timeout.is_zero());
    let done = stop::unless_stopped(signals, deadline, work).await;
    done.map_err(|stop: Stop| stop.blocked(&planned, context.as_deref()))
}

/// Where the manifests are applied.
fn plan(jobs: Vec<JobManifest>, target: &Target) -> Result<Vec<PlannedJob>, Stop> {
    let mut names = HashSet::new();
    let mut planned = Vec::new();
    for manifest in jobs {
        let Some(namespace) = manifest.namespace.clone().or_else(|| target.namespace.clone()) else {
            return Err(Stop::Wrong(ExitCode::Usage, no_namespace(&manifest.name)));
        };
        if !is_subdomain(&namespace) {
            let wrong = format!("{} is not a namespace; use --namespace=NAME", quoted(&namespace));
            return Err(Stop::Wrong(ExitCode::Usage, wrong));
        }
        // Helm runs hooks of one name one after another.
        let is_hook = hooks::role(&manifest.value, Command::NoHooks) == Role::LeftToHelm;
        let job = PlannedJob::new(manifest, namespace);
        if !is_hook && !names.insert(job.to_string()) {
            return Err(Stop::Wrong(
                ExitCode::InvalidInput,
                format!("two manifests of Job {job}; remove one"),
            ));
        }
        planned.push(job);
    }
    Ok(planned)
}

async fn unblock_in(
    cluster: &Cluster,
    namespace: &str,
    context: Option<String>,
    jobs: &mut Vec<PlannedJob>,
    options: &Options,
    caller: &Caller,
    console: &mut Console,
) -> Result<(), Stop> {
    messages::about_helms_force(caller).iter().for_each(|warning| console.warn(warning));
    let call = caller.helm();
    let release_exists = match call.and_then(|call| call.release.as_ref().filter(|_| call.install)) {
        Some(release) => requests::release_exists(cluster, namespace, release).await,
        None => None,
    };
    let command = Command::of(caller, release_exists);
    jobs.iter_mut().for_each(|job| job.role = hooks::role(&job.manifest.value, command));
    jobs.retain(|job| job.role != Role::LeftToHelm);
    let surroundings = Surroundings {
        cluster,
        options,
        caller,
        rules: Rules {
            claimant: Claimant::of(caller, namespace, options.release.as_deref()),
            once: options.once,
            retry_failed: options.retry_failed,
            force: options.force,
            needs_policy: options.needs_policy,
        },
        host: Host::of(caller, call.is_some_and(|call| call.is_helm_4(plugin_name().as_deref()))),
        context,
    };
    rounds::unblock(&surroundings, jobs, console).await
}

fn no_namespace(job: &str) -> String {
    format!(
        "the manifest of Job {} names no namespace, and nobody says where it is applied; add \
         --namespace=NAME (through Helm: --post-renderer-args --namespace=NAME)",
        quoted(job)
    )
}

impl Stop {
    fn blocked(self, jobs: &[PlannedJob], context: Option<&str>) -> Blocked {
        let mut blocked = match self {
            Self::Wrong(exit_code, message) => return blocked(exit_code, message),
            Self::InTheWay => Blocked { exit_code: ExitCode::InTheWay, messages: Vec::new() },
            Self::InvalidManifest => blocked(
                ExitCode::InTheWay,
                "the API server does not accept all manifests, so no Job makes way for them; correct the manifests",
            ),
            Self::CallerGone => blocked(
                ExitCode::Failure,
                "the program that waits for the manifests has ended, so nothing more is deleted",
            ),
            Self::Ended(stop) => blocked(stop.exit_code(), ended(&stop, jobs)),
        };
        for job in jobs {
            let left = || messages::left(job, context).filter(|_| blocked.exit_code == ExitCode::Deadline);
            let message = messages::must_stay(job, context).or_else(left);
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

fn ended(stop: &stop::Stop, jobs: &[PlannedJob]) -> String {
    match stop {
        stop::Stop::Deadline if jobs.is_empty() => {
            "the deadline came before the kubeconfig and the credentials were read".to_owned()
        }
        stop::Stop::Deadline => "the deadline came before the way was clear".to_owned(),
        stop::Stop::Signal(signal) => format!("stopped by {signal}"),
        stop::Stop::Failed(error @ Error::Forbidden(..)) => {
            format!(
                "{error}\n--unblock needs the verbs get, create and delete, and update, or patch for Jobs that were applied server-side"
            )
        }
        stop::Stop::Failed(error) => error.to_string(),
    }
}

fn blocked(exit_code: ExitCode, message: impl Display) -> Blocked {
    Blocked { exit_code, messages: vec![block(&message.to_string())] }
}

//! `jobsweep --unblock`: deletes the Jobs in the cluster that block the manifests on stdin.
//!
//! A Job in the cluster is in the way if a manifest has its name and cannot be applied to it: applying the manifests would fail. Such a
//! Job is deleted if it has finished and the policy of the manifest allows that. Any other Job stays.
//!
//! - `translate::manifests` has read the Jobs from the manifests. `hooks` says which of them Helm 4 runs itself. Pure.
//! - `rounds` sends the `requests`, again and again, until no Job is in the way or one may not be deleted.
//! - `writer` says how the manifests will be applied. `dry_run_manifest` builds what is sent in the dry runs, which show whether a Job
//!   is in the way, and whether the new one would be accepted. Pure.
//! - `target` finds the cluster and the namespace. `planned_job` is a manifest with the Job in the cluster.
//! - `decision` decides what to do with one Job. `owner` says whose it is. Pure.
//! - `messages` has the words for the user. Pure.
//!
//! All or nothing: no Job is deleted until every Job in the way may be deleted.

mod decision;
mod dry_run_manifest;
mod hooks;
mod messages;
mod owner;
mod planned_job;
mod requests;
mod rounds;
mod target;
mod writer;

use std::collections::{BTreeSet, HashSet};
use std::fmt::Display;

use decision::Decision;
use hooks::Role;
use owner::Claimant;
use planned_job::PlannedJob;
use rounds::Rounds;

use crate::cluster::caller::{Caller, DryRun};
use crate::cluster::client::Cluster;
use crate::cluster::connect::Connection;
use crate::cluster::error::Error;
use crate::cluster::{Timeout, stop, variable};
use crate::console::Console;
use crate::error::ExitCode;
use crate::escape::{block, one_line, quoted, shortened};
use crate::signals::Signals;
use crate::translate::{JobManifest, is_subdomain};

/// The variable with the name of the plugin that Helm 4 runs.
const HELM_PLUGIN_NAME: &str = "HELM_PLUGIN_NAME";

/// The options of `--unblock`.
#[derive(Debug, Clone)]
pub struct Options {
    /// The cluster.
    pub connection: Connection,
    /// The namespace of manifests that name none.
    pub namespace: Option<String>,
    /// How long it may take in all.
    pub timeout: Timeout,
    /// Whether deletions are sent as server-side dry runs.
    pub dry_run: bool,
    /// Whether to look for a Helm that waits for this program as its post-renderer.
    pub looks_for_caller: bool,
    /// Whether to say on stderr too who calls.
    pub verbose: bool,
    /// The Helm release of the manifests, if no Helm calls.
    pub release: Option<String>,
    /// Which Jobs are in the way and may be deleted.
    pub rules: Rules,
}

/// Which Jobs are in the way and may be deleted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Whether an unfinished Job in the way is an error at once, instead of being waited for.
    pub once: bool,
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

impl From<stop::Stop> for Blocked {
    fn from(stop: stop::Stop) -> Self {
        let message = match &stop {
            stop::Stop::Deadline => "the deadline came before the way was clear".to_owned(),
            stop::Stop::Signal(signal) => format!("stopped by {}", signal.name),
            stop::Stop::Failed(error @ Error::Forbidden(..)) => {
                format!(
                    "{error}\n--unblock needs the verbs get, create and delete, and update, or patch for Jobs that were applied server-side"
                )
            }
            stop::Stop::Failed(error) => error.to_string(),
        };
        Self::new(stop.exit_code(), message)
    }
}

impl From<Error> for Blocked {
    fn from(error: Error) -> Self {
        stop::Stop::Failed(error).into()
    }
}

/// Deletes the Jobs in the cluster that block these manifests. Then the manifests can be applied.
///
/// # Errors
/// A Job is in the way and may not be deleted, or it is not known whether one is in the way.
pub fn unblock(jobs: Vec<JobManifest>, options: &Options, console: &mut Console) -> Result<(), Blocked> {
    let caller = if options.looks_for_caller {
        Caller::find(variable(HELM_PLUGIN_NAME).as_deref())
    } else {
        Ok(Caller::not_looked_for())
    };
    let caller = caller.map_err(|unclear| Blocked::new(ExitCode::Usage, unclear))?;
    let mut options = options.clone();
    if let Some(call) = caller.helm() {
        console.runs_under_helm();
        options.dry_run |= call.dry_run.is_some();
        if call.dry_run == Some(DryRun::Client) {
            let text = format!("called by {call}, which asks no cluster, so no Job is looked up");
            note(&text, &options, console);
            return Ok(());
        }
    }
    let planned: Vec<_> = jobs.into_iter().filter(|job| may_matter(job, &caller)).collect();
    if planned.is_empty() {
        return Ok(());
    }
    let (runtime, mut signals) = stop::start()?;
    match runtime.block_on(until_stopped(planned, &options, &caller, console, &mut signals)) {
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
fn note(text: &str, options: &Options, console: &Console) {
    if options.verbose {
        console.info(&one_line(text));
    } else {
        console.log(&one_line(text));
    }
}

/// Whether a manifest may be blocked, whether or not the release exists.
fn may_matter(job: &JobManifest, caller: &Caller) -> bool {
    [Some(true), Some(false)].into_iter().any(|release_exists| {
        hooks::role(&job.value, hooks::commands(caller.helm(), release_exists)) != Role::LeftToHelm
    })
}

async fn until_stopped(
    jobs: Vec<JobManifest>,
    options: &Options,
    caller: &Caller,
    console: &Console,
    signals: &mut Signals,
) -> Result<(), Blocked> {
    let deadline = options.timeout.connect_deadline();
    let connecting = async {
        let target = target::find(options, caller.helm(), console).await?;
        let planned = plan(jobs, target.namespace.as_deref())?;
        let context = target.cluster.context.clone();
        let cluster = Cluster::connect(target.cluster, deadline).await?;
        Ok((cluster, context, target.namespace.unwrap_or_default(), planned))
    };
    let connected: Result<_, Blocked> = stop::unless_stopped(signals, deadline, connecting).await;
    let (cluster, context, namespace, mut planned) = connected.map_err(|mut blocked| {
        if blocked.exit_code == ExitCode::Deadline {
            blocked.messages =
                vec!["the deadline came before the kubeconfig and the credentials were read".to_owned()];
        }
        blocked.with_jobs(&[], None)
    })?;
    let rounds = Rounds {
        cluster: &cluster,
        options,
        caller,
        claimant: Claimant::of(caller.helm(), &namespace, options.release.as_deref()),
        helm_writes: writer::by_helm(caller.helm(), variable(HELM_PLUGIN_NAME).as_deref()),
        context: context.as_deref(),
        console,
    };
    let work = async {
        leave_hooks_to_helm(&mut planned, &cluster, &namespace, caller).await;
        messages::about_helms_force(caller).iter().for_each(|warning| console.warn(warning));
        rounds.run(&mut planned).await?;
        if caller.helm().is_none() {
            warn_of_missing_namespaces(&planned, &cluster, context.as_deref(), console).await;
        }
        Ok(())
    };
    // Without waiting, only connecting has a limit.
    let deadline = deadline.filter(|_| !options.timeout.is_zero());
    let done = stop::unless_stopped(signals, deadline, work).await;
    done.map_err(|blocked: Blocked| blocked.with_jobs(&planned, context.as_deref()))
}

/// Warns if the Jobs may be looked for in the wrong place: there is none of them, nor their namespace.
async fn warn_of_missing_namespaces(
    jobs: &[PlannedJob],
    cluster: &Cluster,
    context: Option<&str>,
    console: &Console,
) {
    if !jobs.iter().all(|job| matches!(job.decision, Some(Decision::Absent))) {
        return;
    }
    let namespaces: BTreeSet<_> = jobs.iter().map(|job| &job.namespace).collect();
    for namespace in namespaces {
        if cluster.lacks_namespace(namespace).await {
            let (namespace, context) = (shortened(namespace), messages::in_context(context));
            console.warn(&format!("namespace {namespace} does not exist{context}"));
        }
    }
}

/// Where the manifests are applied.
fn plan(jobs: Vec<JobManifest>, namespace: Option<&str>) -> Result<Vec<PlannedJob>, Blocked> {
    let mut names = HashSet::new();
    let mut planned = Vec::new();
    for manifest in jobs {
        let name = &manifest.name;
        let Some(namespace) = manifest.namespace.clone().or_else(|| namespace.map(str::to_owned)) else {
            let message = format!(
                "the manifest of Job {} names no namespace, and nobody says where it is applied; add \
                 --namespace=NAME (through Helm: --post-renderer-args --namespace=NAME)",
                quoted(name)
            );
            return Err(Blocked::new(ExitCode::Usage, message));
        };
        if !is_subdomain(&namespace) {
            let message = format!("{} is not a namespace; use --namespace=NAME", quoted(&namespace));
            return Err(Blocked::new(ExitCode::Usage, message));
        }
        let role = hooks::role(&manifest.value, &[]);
        let job = PlannedJob::new(manifest, namespace, role);
        // Helm runs hooks of one name one after another.
        if role == Role::Ordinary && !names.insert(job.to_string()) {
            let message = format!("two manifests of Job {job}; remove one");
            return Err(Blocked::new(ExitCode::InvalidInput, message));
        }
        planned.push(job);
    }
    Ok(planned)
}

/// Keeps the hooks that this command of Helm runs.
async fn leave_hooks_to_helm(
    jobs: &mut Vec<PlannedJob>,
    cluster: &Cluster,
    namespace: &str,
    caller: &Caller,
) {
    let call = caller.helm();
    let release_exists = match call.and_then(|call| call.release.as_ref().filter(|_| call.install)) {
        Some(release) => requests::release_exists(cluster, namespace, release).await,
        None => None,
    };
    let commands = hooks::commands(call, release_exists);
    jobs.iter_mut().for_each(|job| job.role = hooks::role(&job.manifest.value, commands));
    jobs.retain(|job| job.role != Role::LeftToHelm);
}

impl Blocked {
    fn new(exit_code: ExitCode, message: impl Display) -> Self {
        Self { exit_code, messages: vec![block(&message.to_string())] }
    }

    /// Adds a message for each Job that is in the way, and what was deleted.
    fn with_jobs(mut self, jobs: &[PlannedJob], context: Option<&str>) -> Self {
        for job in jobs {
            let left = || messages::left(job, context).filter(|_| self.exit_code == ExitCode::Deadline);
            let message = messages::must_stay(job, context).or_else(left);
            self.messages.extend(message.as_deref().map(block));
        }
        let sent: Vec<_> = jobs.iter().filter(|job| job.deletion_sent).map(ToString::to_string).collect();
        self.messages.push(match &*sent {
            [] => "nothing was deleted, and no manifest was written".to_owned(),
            sent => format!("no manifest was written; deleted, or being deleted: {}", sent.join(", ")),
        });
        self
    }
}

//! Looks up the Jobs in rounds until no Job is in the way. Stops with an error if a Job in the way must not be deleted.
//!
//! For each manifest that may still be blocked, each round looks up the Job in the cluster. It acts only on what it has just seen. So
//! a Job that is edited, recreated or deleted in the meantime needs no special case. If the response to a deletion is lost, the
//! message says "tried to delete" instead of "deleted". The next round shows whether the Job is gone.

use futures_util::stream::{self, StreamExt};

use super::decision::{Answer, Decision, Obstacle, Reason, Rules, Successor, decide};
use super::dry_run_manifest::Live;
use super::hooks::Role;
use super::planned_job::{Finding, PlannedJob};
use super::retries::Retries;
use super::writer::{Host, Writer};
use super::{Options, Stop, messages, requests};
use crate::cluster::caller::Caller;
use crate::cluster::client::Cluster;
use crate::cluster::error::Error;
use crate::cluster::job::Hint;
use crate::cluster::pods::{self, ContainerLog};
use crate::console::Console;
use crate::escape::{log_line, one_line, shortened};
use crate::policy::Outcome;

/// How many requests are under way at once.
const CONCURRENCY: usize = 32;

/// Whether the API server carries out a deletion, or only checks it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deletion {
    Real,
    DryRun,
}

/// What the rounds need and do not change.
pub(super) struct Surroundings<'s> {
    pub cluster: &'s Cluster,
    pub options: &'s Options,
    pub caller: &'s Caller,
    pub rules: Rules,
    pub host: Host,
    /// The context of the kubeconfig.
    pub context: Option<String>,
}

/// Deletes the Jobs that block these manifests. A dry run only reports them.
pub(super) async fn unblock(
    all: &Surroundings<'_>,
    jobs: &mut [PlannedJob],
    console: &mut Console,
) -> Result<(), Stop> {
    let dry_run = all.options.dry_run;
    let mut retries = Retries::new(all.options.timeout);
    let mut waited = false;
    let mut just_deleted = false;
    let mut warning = messages::about_rollback(all.caller);
    loop {
        let error = look_up_blocked(all, jobs, console).await?;
        retries.has_responded |= jobs.iter().any(|job| job.finding != Finding::Unknown);
        // A dry run does not wait. It has reported that it would.
        let waits = !dry_run
            && has(jobs, |decision| matches!(decision, Decision::Wait(..) | Decision::BeingDeleted(_)));
        if let Some(error) = error {
            retries.back_off(error, console).await?;
        } else if waits {
            waited = true;
            retries.wait().await?;
        } else if std::mem::take(&mut waited) {
            // Jobs that are not in the way are not looked up again. They may have changed during the wait, so look at all once more.
            jobs.iter_mut().for_each(PlannedJob::forget);
        } else if !has(jobs, |decision| matches!(decision, Decision::Delete(..))) {
            return Ok(());
        } else if std::mem::take(&mut just_deleted) {
            // The API server has accepted the deletions, but a Job that is read does not show it yet.
            retries.wait().await?;
        } else {
            warning.take().iter().for_each(|warning| console.warn(warning));
            if let Some(error) = delete_all_or_none(all, jobs, console).await? {
                retries.back_off(error, console).await?;
            } else if dry_run {
                return Ok(());
            } else {
                just_deleted = true;
            }
        }
    }
}

fn has(jobs: &[PlannedJob], is: impl Fn(&Decision) -> bool) -> bool {
    jobs.iter().filter_map(PlannedJob::decision).any(is)
}

/// All or nothing: if one Job in the way must stay, or the API server refuses a manifest, nothing is deleted.
fn check_all_may_go(jobs: &[PlannedJob]) -> Result<(), Stop> {
    let goes = has(jobs, |decision| matches!(decision, Decision::Wait(..) | Decision::Delete(..)));
    if has(jobs, |decision| matches!(decision, Decision::MustStay(..))) {
        Err(Stop::InTheWay)
    } else if goes && has(jobs, |decision| matches!(decision, Decision::InvalidManifest(_))) {
        Err(Stop::InvalidManifest)
    } else {
        Ok(())
    }
}

/// Looks up the Job in the cluster for each manifest that may still be blocked, and reports changes. Returns a retryable error, if any.
async fn look_up_blocked(
    all: &Surroundings<'_>,
    jobs: &mut [PlannedJob],
    console: &mut Console,
) -> Result<Option<Error>, Stop> {
    let open = jobs.iter().enumerate().filter(|(_, job)| !job.is_unblocked());
    let lookups = open.map(|(index, job)| async move { (index, look_up(all, job).await) });
    let results: Vec<_> = stream::iter(lookups).buffer_unordered(CONCURRENCY).collect().await;
    let mut retryable = None;
    for (index, result) in results {
        let job = &mut jobs[index];
        let message_before = messages::progress(job, all.options.dry_run);
        match result {
            Ok(Found { finding, pods_wait_for, warning }) => {
                (job.finding, job.pods_wait_for) = (finding, pods_wait_for);
                warning.iter().for_each(|warning| console.warn(&one_line(warning)));
            }
            Err(error) if is_retryable(&error) => {
                job.finding = Finding::Unknown;
                retryable = Some(error);
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        let Some(message) = messages::progress(job, all.options.dry_run) else { continue };
        if message_before.as_ref() == Some(&message) {
            continue;
        }
        match job.decision() {
            Some(Decision::InvalidManifest(_)) => console.warn(&one_line(&message)),
            _ => console.info(&one_line(&message)),
        }
    }
    check_all_may_go(jobs)?;
    Ok(retryable)
}

/// What one look at the cluster found.
struct Found {
    finding: Finding,
    pods_wait_for: Option<String>,
    warning: Option<String>,
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        Self { finding, pods_wait_for: None, warning: None }
    }
}

/// Looks up the Job in the cluster, and asks the API server what the manifest would do.
async fn look_up(all: &Surroundings<'_>, job: &PlannedJob) -> Result<Found, Error> {
    let Some(json) = requests::live_job(all.cluster, job).await? else { return Ok(Finding::Absent.into()) };
    let live = match Live::read(json) {
        Ok(live) => live,
        Err(why) => {
            let decision = Decision::MustStay(Obstacle::Immutable(Vec::new()), Reason::Unreadable(why));
            return Ok(Finding::Found { job: None, decision }.into());
        }
    };
    let found = &live.job;
    if (&found.namespace, &found.name) != (&job.namespace, &job.manifest.name) {
        return Err(Error::unreadable(format_args!(
            "asked for {job}, got {}",
            shortened(&found.to_string())
        )));
    }
    let mut result = match &job.finding {
        // The same Job in the same version: the last decision still holds.
        Finding::Found { job: Some(before), .. }
            if (&before.uid, &before.version) == (&found.uid, &found.version) =>
        {
            job.finding.clone().into()
        }
        _ => ask(all, job, live).await?,
    };
    if let Finding::Found { job: Some(job), decision: Decision::Wait(_, Hint::Active(_)) } = &result.finding {
        result.pods_wait_for = pods::why_unfinished(all.cluster, job).await;
    }
    Ok(result)
}

/// Asks the API server what the manifest would do to the Job.
async fn ask(all: &Surroundings<'_>, job: &PlannedJob, live: Live) -> Result<Found, Error> {
    let writer = Writer::of(all.host, &live.metadata);
    let answer = match job.role {
        // Helm does not update a hook.
        Role::Hook => Answer::Possible,
        _ => requests::answer_about_update(all.cluster, job, &live, &writer.update).await?,
    };
    let decision = decide(&live, &answer, &job.manifest, job.role, &all.rules);
    let successor = match decision {
        Decision::Wait(..) | Decision::Delete(..) => {
            requests::answer_about_successor(all.cluster, job, &live, &writer.create).await?
        }
        _ => Successor::Accepted,
    };
    let (decision, warning) = match successor {
        Successor::Accepted => (decision, None),
        Successor::OverQuota(why) => (decision, Some(messages::over_quota(job, &why))),
        Successor::Refused(why) => (decision.keep(Reason::SuccessorRefused(why)), None),
    };
    let finding = Finding::Found { job: Some(Box::new(live.job)), decision };
    Ok(Found { warning, ..finding.into() })
}

/// Deletes every Job in the way, if a dry run of all deletions is accepted. Returns a retryable error, if any.
async fn delete_all_or_none(
    all: &Surroundings<'_>,
    jobs: &mut [PlannedJob],
    console: &mut Console,
) -> Result<Option<Error>, Stop> {
    // First a dry run of all deletions, so that a missing permission or an admission webhook stops all of them.
    if let Some(error) = send_deletions(all, jobs, Deletion::DryRun, console).await? {
        return Ok(Some(error));
    }
    if all.options.dry_run {
        announce(all, jobs, "would delete", console);
        return Ok(None);
    }
    if all.rules.force {
        announce(all, jobs, "deleting", console);
    }
    copy_logs(all, jobs, console).await;
    send_deletions(all, jobs, Deletion::Real, console).await
}

fn announce(all: &Surroundings<'_>, jobs: &[PlannedJob], verb: &str, console: &mut Console) {
    let messages = jobs.iter().filter_map(|job| messages::deletion(job, verb, all.context.as_deref()));
    messages.for_each(|message| console.info(&one_line(&message)));
}

/// Writes the end of the logs of failed Jobs to the log file, because the pods are deleted with the Jobs. Where this is not possible, the
/// Jobs are deleted without it.
async fn copy_logs(all: &Surroundings<'_>, jobs: &[PlannedJob], console: &mut Console) {
    if !console.has_log_file() {
        return;
    }
    let failed = jobs.iter().filter_map(PlannedJob::to_delete);
    for job in failed.filter(|job| job.outcome() == Some(Outcome::Failed)) {
        let log = pods::log(all.cluster, job, pods::DEFAULT_LINES).await.unwrap_or_default();
        for ContainerLog { pod, container, lines } in log.containers {
            console.log(&format!("last lines of {job}, pod {pod}, container {container}"));
            lines.iter().for_each(|line| console.log(&format!("  {}", log_line(line))));
        }
    }
}

/// Sends the deletions. Returns a retryable error, if any.
async fn send_deletions(
    all: &Surroundings<'_>,
    jobs: &mut [PlannedJob],
    deletion: Deletion,
    console: &mut Console,
) -> Result<Option<Error>, Stop> {
    let is_real = deletion == Deletion::Real;
    let context = all.context.as_deref();
    let sent_before: Vec<_> = jobs.iter().map(|job| job.deletion_sent).collect();
    for job in jobs.iter_mut().filter(|job| job.to_delete().is_some()) {
        // Set this before sending, because a deadline or a signal can come before the response.
        job.deletion_sent |= is_real;
    }
    let deletions = jobs.iter().enumerate().filter_map(|(index, job)| {
        let live = job.to_delete()?;
        Some(async move {
            if is_real && !all.caller.still_lives() {
                return (index, None);
            }
            (index, Some(requests::delete(all.cluster, live, all.rules.force, !is_real).await))
        })
    });
    let results: Vec<_> = stream::iter(deletions).buffer_unordered(CONCURRENCY).collect().await;
    let mut retryable = None;
    let mut caller_is_gone = false;
    for (index, result) in results {
        let job = &mut jobs[index];
        let Some(result) = result else {
            caller_is_gone = true;
            job.deletion_sent = sent_before[index];
            continue;
        };
        let error = result.err();
        if is_real {
            let message = match &error {
                None => messages::deletion(job, "deleted", context),
                Some(error) if error.may_have_been_carried_out() => {
                    messages::deletion(job, "tried to delete", context)
                }
                Some(_) => {
                    job.deletion_sent = sent_before[index];
                    None
                }
            };
            message.iter().for_each(|message| console.info(&one_line(message)));
        }
        match error {
            None if is_real => job.finding = Finding::Unknown,
            None => {}
            Some(error) if is_retryable(&error) => {
                job.finding = Finding::Unknown;
                retryable = Some(error);
            }
            Some(error @ Error::Refused { .. }) => job.keep(Reason::DeletionRefused(error.to_string())),
            Some(error) => return Err(error.into()),
        }
    }
    if caller_is_gone {
        return Err(Stop::CallerGone);
    }
    check_all_may_go(jobs)?;
    Ok(retryable)
}

/// Whether to look again: the error is transient, or the Job was changed or deleted in the meantime.
fn is_retryable(error: &Error) -> bool {
    error.is_transient() || error.is_not_found() || error.is_conflict()
}

//! Looks up the Jobs in rounds until no Job is in the way. Stops with an error if a Job in the way must not be deleted.
//!
//! For each manifest that may still be blocked, each round looks up the Job in the cluster. It acts only on what it has just seen. So
//! a Job that is edited, recreated or deleted in the meantime needs no special case. If the response to a deletion is lost, the
//! message says "tried to delete" instead of "deleted". The next round shows whether the Job is gone.

use futures_util::stream::{self, StreamExt};

use super::decision::{Decision, Reason, ReplaceResult, decide};
use super::dry_run_manifest::{Live, dry_run_manifest};
use super::planned_job::{Finding, PlannedJob};
use super::retries::Retries;
use super::{Options, Stop, messages};
use crate::cluster::old::api::{Api, Failure, Refusal};
use crate::console::Console;
use crate::escape::{one_line, shortened};

/// How many requests are under way at once.
const CONCURRENCY: usize = 32;

/// Whether the API server carries out a deletion, or only checks it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deletion {
    Real,
    DryRun,
}

/// Deletes the Jobs that block these manifests. A dry run only reports them.
pub(super) async fn unblock(
    api: &Api,
    jobs: &mut [PlannedJob],
    options: &Options,
    console: &mut Console,
) -> Result<(), Stop> {
    let mut retries = Retries::new(options.timeout);
    let mut waited = false;
    let mut just_deleted = false;
    loop {
        let failure = look_up_blocked(api, jobs, options, console).await?;
        retries.has_responded |= jobs.iter().any(|job| job.finding != Finding::Unknown);
        // A dry run does not wait. It has reported that it would.
        let waits = !options.dry_run
            && has(jobs, |decision| matches!(decision, Decision::Wait(_) | Decision::BeingDeleted(_)));
        if let Some(failure) = failure {
            retries.back_off(failure, console).await?;
        } else if waits {
            waited = true;
            retries.wait().await?;
        } else if std::mem::take(&mut waited) {
            // Jobs that are not in the way are not looked up again. They may have changed during the wait, so look at all once more.
            jobs.iter_mut().for_each(PlannedJob::forget);
        } else if !has(jobs, |decision| matches!(decision, Decision::Delete(_))) {
            return Ok(());
        } else if std::mem::take(&mut just_deleted) {
            // The API server has accepted the deletions, but a Job that is read does not show it yet.
            retries.wait().await?;
        } else if let Some(failure) = delete_all_or_none(api, jobs, options.dry_run, console).await? {
            retries.back_off(failure, console).await?;
        } else if options.dry_run {
            return Ok(());
        } else {
            just_deleted = true;
        }
    }
}

fn has(jobs: &[PlannedJob], is: impl Fn(&Decision) -> bool) -> bool {
    jobs.iter().filter_map(PlannedJob::decision).any(is)
}

/// All or nothing: if one Job in the way must stay, no further request is sent.
fn check_none_must_stay(jobs: &[PlannedJob]) -> Result<(), Stop> {
    if has(jobs, |decision| matches!(decision, Decision::MustStay(_))) { Err(Stop::InTheWay) } else { Ok(()) }
}

/// Looks up the Job in the cluster for each manifest that may still be blocked, and reports changes. Returns a retryable failure, if any.
async fn look_up_blocked(
    api: &Api,
    jobs: &mut [PlannedJob],
    options: &Options,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    let open = jobs.iter().enumerate().filter(|(_, job)| !job.is_unblocked());
    let lookups = open.map(|(index, job)| async move { (index, look_up(api, job, options.once).await) });
    let results: Vec<_> = stream::iter(lookups).buffer_unordered(CONCURRENCY).collect().await;
    let mut retryable = None;
    for (index, result) in results {
        let job = &mut jobs[index];
        let message_before = messages::progress(job, options.dry_run);
        match result {
            Ok(finding) => job.finding = finding,
            Err(failure) if is_retryable(&failure) => {
                job.finding = Finding::Unknown;
                retryable = Some(failure);
                continue;
            }
            Err(failure) => return Err(failure.into()),
        }
        let Some(message) = messages::progress(job, options.dry_run) else { continue };
        if message_before.as_ref() == Some(&message) {
            continue;
        }
        match job.decision() {
            Some(Decision::InvalidManifest(_)) => console.warn(&one_line(&message)),
            _ => console.info(&one_line(&message)),
        }
    }
    check_none_must_stay(jobs)?;
    Ok(retryable)
}

async fn look_up(api: &Api, job: &PlannedJob, once: bool) -> Result<Finding, Failure> {
    let (namespace, name) = (&job.namespace, &job.manifest.name);
    let Some(json) = api.job_json(namespace, name).await? else { return Ok(Finding::Absent) };
    let live = match Live::decode(&json) {
        Ok(live) => live,
        Err(why) => {
            let decision = Decision::MustStay(Reason::Unreadable(why));
            return Ok(Finding::Found { job: None, immutable: Vec::new(), decision });
        }
    };
    let live_id = &live.job.id;
    if (&*live_id.namespace, &*live_id.name) != (namespace.as_str(), name.as_str()) {
        return Err(Failure::UnreadableResponse(format!(
            "asked for {job}, got {}",
            shortened(&live_id.to_string())
        )));
    }
    // The same Job in the same version: the last decision still holds.
    if let Finding::Found { job: Some(found), .. } = &job.finding
        && (&found.id, &found.version) == (live_id, &live.job.version)
    {
        return Ok(job.finding.clone());
    }
    let manifest = dry_run_manifest(&job.manifest, namespace, &live);
    let result = match api.dry_run_replace(namespace, name, manifest).await {
        Ok(()) => ReplaceResult::Possible,
        Err(Failure::Refused(refusal)) if is_about_the_manifest(&refusal) => {
            ReplaceResult::of_refusal(refusal)
        }
        Err(failure) => return Err(failure),
    };
    let decision = decide(&live.job, &result, &job.manifest, once);
    let immutable = if let ReplaceResult::Immutable(fields) = result { fields } else { Vec::new() };
    Ok(Finding::Found { job: Some(live.job), immutable, decision })
}

/// Whether the API server refuses the manifest itself, and not just the dry run. 403 comes from admission or a quota; a missing
/// permission is [`Failure::Forbidden`]. A refusal by a proxy in between has an empty `reason`.
fn is_about_the_manifest(refusal: &Refusal) -> bool {
    matches!(refusal.code, 400 | 403 | 413 | 422)
        && !refusal.reason.is_empty()
        && !refusal.message.contains("does not support dry run")
}

/// Deletes every Job in the way, if a dry run of all deletions is accepted. Returns a retryable failure, if any.
async fn delete_all_or_none(
    api: &Api,
    jobs: &mut [PlannedJob],
    dry_run: bool,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    // First a dry run of all deletions, so that a missing permission or an admission webhook stops all of them.
    if let Some(failure) = send_deletions(api, jobs, Deletion::DryRun, console).await? {
        return Ok(Some(failure));
    }
    if dry_run {
        let messages = jobs.iter().filter_map(|job| messages::deletion(job, "would delete"));
        messages.for_each(|message| console.info(&one_line(&message)));
        return Ok(None);
    }
    send_deletions(api, jobs, Deletion::Real, console).await
}

/// Sends the deletions. Returns a retryable failure, if any.
async fn send_deletions(
    api: &Api,
    jobs: &mut [PlannedJob],
    deletion: Deletion,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    let is_real = deletion == Deletion::Real;
    let sent_before: Vec<_> = jobs.iter().map(|job| job.deletion_sent).collect();
    for job in jobs.iter_mut().filter(|job| matches!(job.decision(), Some(Decision::Delete(_)))) {
        // Set this before sending, because a deadline or a signal can come before the response.
        job.deletion_sent |= is_real;
    }
    let deletions = jobs.iter().enumerate().filter_map(|(index, job)| match &job.finding {
        Finding::Found { job: Some(job), decision: Decision::Delete(_), .. } => {
            Some(async move { (index, api.delete(&job.id, &job.version, !is_real).await) })
        }
        _ => None,
    });
    let results: Vec<_> = stream::iter(deletions).buffer_unordered(CONCURRENCY).collect().await;
    let mut retryable = None;
    for (index, result) in results {
        let job = &mut jobs[index];
        let failure = result.err();
        if is_real {
            let message = match &failure {
                None => messages::deletion(job, "deleted"),
                Some(failure) if failure.may_have_been_carried_out() => {
                    messages::deletion(job, "tried to delete")
                }
                Some(_) => {
                    job.deletion_sent = sent_before[index];
                    None
                }
            };
            message.iter().for_each(|message| console.info(&one_line(message)));
        }
        match failure {
            None if is_real => job.finding = Finding::Unknown,
            None => {}
            Some(failure) if is_retryable(&failure) => {
                job.finding = Finding::Unknown;
                retryable = Some(failure);
            }
            Some(failure) => {
                let (Failure::Refused(refusal), Finding::Found { decision, .. }) =
                    (&failure, &mut job.finding)
                else {
                    return Err(failure.into());
                };
                *decision = Decision::MustStay(Reason::DeletionRefused(refusal.to_string()));
            }
        }
    }
    check_none_must_stay(jobs)?;
    Ok(retryable)
}

/// Whether to look again: the failure is transient, or the Job was changed or deleted in the meantime.
fn is_retryable(failure: &Failure) -> bool {
    failure.is_transient() || failure.is_not_found() || failure.status_code() == Some(409)
}

//! Looks up the Jobs in rounds until no Job is in the way. Stops with an error if a Job in the way must not be deleted.
//!
//! For each manifest that may still be blocked, each round looks up the Job in the cluster. It acts only on what it has just seen. So
//! a Job that is edited, recreated or deleted in the meantime needs no special case. If the response to a deletion is lost, the
//! message says "tried to delete" instead of "deleted". The next round shows whether the Job is gone.

use futures_util::stream::{self, StreamExt};

use super::decision::{Answer, Decision, Obstacle, Reason, Rules, Successor, decide};
use super::dry_run_manifest::{Live, applied, replacement, successor};
use super::hooks::Role;
use super::planned_job::{Finding, PlannedJob};
use super::retries::Retries;
use super::writer::{Host, Method, Writer};
use super::{Options, Stop, messages};
use crate::cluster::api::{Api, Failure, Refusal, Write};
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

/// What the rounds need and do not change.
pub(super) struct Surroundings<'s> {
    pub api: &'s Api,
    pub options: &'s Options,
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
    loop {
        let failure = look_up_blocked(all, jobs, console).await?;
        retries.has_responded |= jobs.iter().any(|job| job.finding != Finding::Unknown);
        // A dry run does not wait. It has reported that it would.
        let waits = !dry_run
            && has(jobs, |decision| matches!(decision, Decision::Wait(..) | Decision::BeingDeleted(_)));
        if let Some(failure) = failure {
            retries.back_off(failure, console).await?;
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
        } else if let Some(failure) = delete_all_or_none(all, jobs, console).await? {
            retries.back_off(failure, console).await?;
        } else if dry_run {
            return Ok(());
        } else {
            just_deleted = true;
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

/// Looks up the Job in the cluster for each manifest that may still be blocked, and reports changes. Returns a retryable failure, if any.
async fn look_up_blocked(
    all: &Surroundings<'_>,
    jobs: &mut [PlannedJob],
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    let open = jobs.iter().enumerate().filter(|(_, job)| !job.is_unblocked());
    let lookups = open.map(|(index, job)| async move { (index, look_up(all, job).await) });
    let results: Vec<_> = stream::iter(lookups).buffer_unordered(CONCURRENCY).collect().await;
    let mut retryable = None;
    for (index, result) in results {
        let job = &mut jobs[index];
        let message_before = messages::progress(job, all.options.dry_run);
        match result {
            Ok((finding, warning)) => {
                job.finding = finding;
                warning.iter().for_each(|warning| console.warn(&one_line(warning)));
            }
            Err(failure) if is_retryable(&failure) => {
                job.finding = Finding::Unknown;
                retryable = Some(failure);
                continue;
            }
            Err(failure) => return Err(failure.into()),
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

/// Looks up the Job in the cluster, and asks the API server what the manifest would do. Returns a warning too, if there is one.
async fn look_up(all: &Surroundings<'_>, job: &PlannedJob) -> Result<(Finding, Option<String>), Failure> {
    let (namespace, name) = (&job.namespace, &job.manifest.name);
    let Some(json) = all.api.job_json(namespace, name).await? else { return Ok((Finding::Absent, None)) };
    let live = match Live::decode(&json) {
        Ok(live) => live,
        Err(why) => {
            let decision = Decision::MustStay(Obstacle::Immutable(Vec::new()), Reason::Unreadable(why));
            return Ok((Finding::Found { job: None, decision }, None));
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
        return Ok((job.finding.clone(), None));
    }
    let writer = Writer::of(all.host, &live.metadata);
    let answer = if job.role == Role::Hook {
        // Helm does not update a hook.
        Answer::Possible
    } else {
        answer_about_update(all.api, job, &live, &writer.update).await?
    };
    let decision = decide(&live, &answer, &job.manifest, job.role, &all.rules);
    let successor = match decision {
        Decision::Wait(..) | Decision::Delete(..) => {
            answer_about_successor(all.api, job, &live, &writer.create).await?
        }
        _ => Successor::Accepted,
    };
    let (decision, warning) = match successor {
        Successor::Accepted => (decision, None),
        Successor::OverQuota(why) => (decision, Some(messages::over_quota(job, &why))),
        Successor::Refused(why) => (decision.keep(Reason::SuccessorRefused(why)), None),
    };
    Ok((Finding::Found { job: Some(live.job), decision }, warning))
}

/// Asks whether the Job in the cluster could take the manifest.
async fn answer_about_update(
    api: &Api,
    job: &PlannedJob,
    live: &Live,
    method: &Method,
) -> Result<Answer, Failure> {
    let name = job.manifest.name.clone();
    let (write, manifest) = match method {
        Method::Apply { manager } => {
            (Write::Apply { name, manager: manager.clone() }, applied(&job.manifest, &job.namespace, live))
        }
        Method::Write { .. } => (Write::Replace { name }, replacement(&job.manifest, &job.namespace, live)),
    };
    match api.dry_run(&job.namespace, &write, manifest).await {
        Ok(()) => Ok(Answer::Possible),
        Err(Failure::Refused(refusal)) if is_about_the_manifest(&refusal) => Ok(Answer::of_refusal(refusal)),
        Err(failure) => Err(failure),
    }
}

/// Asks whether the new Job would be accepted.
async fn answer_about_successor(
    api: &Api,
    job: &PlannedJob,
    live: &Live,
    method: &Method,
) -> Result<Successor, Failure> {
    let (name, manifest) = successor(&job.manifest, &job.namespace, &live.job.id.uid.to_string());
    let write = match method {
        Method::Apply { manager } => Write::Apply { name, manager: manager.clone() },
        Method::Write { strict } => Write::Create { strict: *strict },
    };
    Ok(match api.dry_run(&job.namespace, &write, manifest).await {
        Ok(()) => Successor::Accepted,
        // Another Job has this name, which the API server sees last.
        Err(failure) if failure.status_code() == Some(409) => Successor::Accepted,
        Err(Failure::Refused(refusal)) if is_about_the_manifest(&refusal) => Successor::of_refusal(&refusal),
        Err(failure) => return Err(failure),
    })
}

/// Whether the API server refuses the manifest itself, and not just the dry run. 403 comes from admission or a quota; a missing
/// permission is [`Failure::Forbidden`]. A refusal by a proxy in between has an empty `reason`.
fn is_about_the_manifest(refusal: &Refusal) -> bool {
    let is_refused = matches!(refusal.code, 400 | 403 | 413 | 422)
        && !refusal.reason.is_empty()
        && !refusal.message.contains("does not support dry run");
    // Server-side apply answers so to a manifest that does not fit the schema, such as one with two variables of one name.
    is_refused || refusal.code == 500 && refusal.message.starts_with("failed to create typed patch object")
}

/// Deletes every Job in the way, if a dry run of all deletions is accepted. Returns a retryable failure, if any.
async fn delete_all_or_none(
    all: &Surroundings<'_>,
    jobs: &mut [PlannedJob],
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    // First a dry run of all deletions, so that a missing permission or an admission webhook stops all of them.
    if let Some(failure) = send_deletions(all, jobs, Deletion::DryRun, console).await? {
        return Ok(Some(failure));
    }
    if all.options.dry_run {
        let context = all.context.as_deref();
        let messages = jobs.iter().filter_map(|job| messages::deletion(job, "would delete", context));
        messages.for_each(|message| console.info(&one_line(&message)));
        return Ok(None);
    }
    send_deletions(all, jobs, Deletion::Real, console).await
}

/// Sends the deletions. Returns a retryable failure, if any.
async fn send_deletions(
    all: &Surroundings<'_>,
    jobs: &mut [PlannedJob],
    deletion: Deletion,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    let is_real = deletion == Deletion::Real;
    let context = all.context.as_deref();
    let sent_before: Vec<_> = jobs.iter().map(|job| job.deletion_sent).collect();
    for job in jobs.iter_mut().filter(|job| matches!(job.decision(), Some(Decision::Delete(..)))) {
        // Set this before sending, because a deadline or a signal can come before the response.
        job.deletion_sent |= is_real;
    }
    let deletions = jobs.iter().enumerate().filter_map(|(index, job)| match &job.finding {
        Finding::Found { job: Some(job), decision: Decision::Delete(..), .. } => {
            Some(async move { (index, all.api.delete(&job.id, &job.version, !is_real).await) })
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
                None => messages::deletion(job, "deleted", context),
                Some(failure) if failure.may_have_been_carried_out() => {
                    messages::deletion(job, "tried to delete", context)
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
            Some(Failure::Refused(refusal)) => job.keep(Reason::DeletionRefused(refusal.to_string())),
            Some(failure) => return Err(failure.into()),
        }
    }
    check_all_may_go(jobs)?;
    Ok(retryable)
}

/// Whether to look again: the failure is transient, or the Job was changed or deleted in the meantime.
fn is_retryable(failure: &Failure) -> bool {
    failure.is_transient() || failure.is_not_found() || failure.status_code() == Some(409)
}

//! Looks at the Jobs in rounds until no Job is in the way. Stops with an error if a Job in the way must not be deleted.
//!
//! For each manifest that may still be blocked, each round looks up the Job in the cluster. It acts only on what it has just seen. So
//! a Job that is edited, recreated or deleted in the meantime needs no special case. If the response to a deletion is lost, the
//! message says "tried to delete" instead of "deleted". The next round shows whether the Job is gone.

use futures_util::stream::{self, StreamExt};

use super::judgement::{Answer, Reason, Verdict, judge};
use super::patience::Patience;
use super::planned_job::{Finding, Judged, PlannedJob};
use super::replacement::{Live, replacement};
use super::{Options, Stop, messages};
use crate::cluster::api::{Api, Failure, Refusal};
use crate::console::Console;
use crate::escape::one_line;

/// How many requests are under way at once.
const CONCURRENCY: usize = 32;

/// The next step after a look at the Jobs.
enum Next {
    Clear,
    /// Everything in the way may be deleted now.
    Remove,
    /// Wait until a Job has finished or is gone.
    Wait,
    /// A request failed, and can be sent again.
    Retry(Failure),
}

/// Deletes the Jobs that block these manifests. A dry run only reports them.
pub(super) async fn clear(
    api: &Api,
    jobs: &mut [PlannedJob],
    options: &Options,
    console: &mut Console,
) -> Result<(), Stop> {
    let mut patience = Patience::new(options.timeout);
    let mut waited = false;
    let mut just_deleted = false;
    loop {
        let next = match look(api, jobs, options, console).await? {
            Some(failure) => Next::Retry(failure),
            None => next(jobs, options.dry_run),
        };
        if jobs.iter().any(|job| job.finding != Finding::Unknown) {
            patience.cluster_answers();
        }
        match next {
            // While one Job was waited for, the others may have changed.
            Next::Clear | Next::Remove if waited => {
                waited = false;
                jobs.iter_mut().for_each(PlannedJob::forget);
            }
            Next::Clear => return Ok(()),
            // The API server has accepted the deletions, but the Jobs do not show it yet.
            Next::Remove if std::mem::take(&mut just_deleted) => patience.wait().await?,
            Next::Remove => match remove(api, jobs, options.dry_run, console).await? {
                Some(failure) => patience.back_off(failure, console).await?,
                None if options.dry_run => return Ok(()),
                None => just_deleted = true,
            },
            Next::Wait => {
                waited = true;
                patience.wait().await?;
            }
            Next::Retry(failure) => patience.back_off(failure, console).await?,
        }
    }
}

fn next(jobs: &[PlannedJob], dry_run: bool) -> Next {
    let waits = has(jobs, |verdict| matches!(verdict, Verdict::Wait(_) | Verdict::BeingDeleted(_)));
    let removes = has(jobs, |verdict| matches!(verdict, Verdict::Remove(_)));
    match (waits && !dry_run, removes) {
        (true, _) => Next::Wait,
        (false, true) => Next::Remove,
        (false, false) => Next::Clear,
    }
}

/// Deletes every Job in the way. Returns a retryable failure, if any.
async fn remove(
    api: &Api,
    jobs: &mut [PlannedJob],
    dry_run: bool,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    // First a dry run of all deletions, so that a missing permission or an admission webhook stops all of them.
    if let Some(failure) = delete(api, jobs, true, console).await? {
        return Ok(Some(failure));
    }
    if dry_run {
        let removals = jobs.iter().filter_map(|job| messages::removal(job, "would delete"));
        removals.for_each(|message| console.note(&one_line(&message)));
        return Ok(None);
    }
    delete(api, jobs, false, console).await
}

fn has(jobs: &[PlannedJob], is: impl Fn(&Verdict) -> bool) -> bool {
    jobs.iter().filter_map(PlannedJob::verdict).any(is)
}

fn check_none_must_stay(jobs: &[PlannedJob]) -> Result<(), Stop> {
    if has(jobs, |verdict| matches!(verdict, Verdict::MustStay(_))) { Err(Stop::InTheWay) } else { Ok(()) }
}

/// Looks up the Job in the cluster for each manifest that may still be blocked, and reports changes. Returns a retryable failure, if any.
async fn look(
    api: &Api,
    jobs: &mut [PlannedJob],
    options: &Options,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    let open = jobs.iter().enumerate().filter(|(_, job)| !job.is_clear());
    let looks = open.map(|(index, job)| async move { (index, look_up(api, job, options.once).await) });
    let found: Vec<_> = stream::iter(looks).buffer_unordered(CONCURRENCY).collect().await;
    let mut retryable = None;
    for (index, finding) in found {
        let job = &mut jobs[index];
        let message_before = messages::progress(job, options.dry_run);
        match finding {
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
        match job.verdict() {
            Some(Verdict::InvalidManifest(_)) => console.warn(&one_line(&message)),
            _ => console.note(&one_line(&message)),
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
            let verdict = Verdict::MustStay(Reason::Unreadable(why));
            return Ok(Finding::Judged(Judged {
                id: None,
                version: "".into(),
                immutable: Vec::new(),
                verdict,
            }));
        }
    };
    let found = &live.job.id;
    if (&*found.namespace, &*found.name) != (namespace.as_str(), name.as_str()) {
        return Err(Failure::UnreadableResponse(format!("asked for {job}, got {found}")));
    }
    if let Finding::Judged(judged) = &job.finding
        && judged.id.as_ref() == Some(&live.job.id)
        && judged.version == live.job.version
    {
        return Ok(job.finding.clone());
    }
    let yaml = replacement(&job.manifest, namespace, &live);
    let answer = match api.dry_run_replace(namespace, name, yaml).await {
        Ok(()) => Answer::Possible,
        Err(Failure::Refused(refusal)) if is_about_the_manifest(&refusal) => Answer::refused(refusal),
        Err(failure) => return Err(failure),
    };
    let verdict = judge(&live.job, &answer, &job.manifest, once);
    let immutable = if let Answer::Immutable(fields) = answer { fields } else { Vec::new() };
    Ok(Finding::Judged(Judged { id: Some(live.job.id), version: live.job.version, immutable, verdict }))
}

/// Whether the API server refuses the manifest itself, and not just the dry run. A refusal by a proxy in between has an empty `reason`.
fn is_about_the_manifest(refusal: &Refusal) -> bool {
    let is_from_api_server = matches!(refusal.code, 400 | 403 | 413 | 422) && !refusal.reason.is_empty();
    is_from_api_server && !refusal.message.contains("does not support dry run")
}

/// Sends the deletions. Returns a retryable failure, if any.
async fn delete(
    api: &Api,
    jobs: &mut [PlannedJob],
    dry_run: bool,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    let sent_before: Vec<_> = jobs.iter().map(|job| job.deletion_sent).collect();
    for job in jobs.iter_mut().filter(|job| matches!(job.verdict(), Some(Verdict::Remove(_)))) {
        // Set this before sending, because a deadline or a signal can come before the response.
        job.deletion_sent |= !dry_run;
    }
    let deletions = jobs.iter().enumerate().filter_map(|(index, job)| match &job.finding {
        Finding::Judged(Judged { id: Some(id), version, verdict: Verdict::Remove(_), .. }) => {
            Some(async move { (index, api.delete(id, version, dry_run).await) })
        }
        _ => None,
    });
    let answers: Vec<_> = stream::iter(deletions).buffer_unordered(CONCURRENCY).collect().await;
    let mut retryable = None;
    for (index, answer) in answers {
        let job = &mut jobs[index];
        let failure = answer.err();
        if !dry_run {
            let said = match &failure {
                None => messages::removal(job, "deleted"),
                Some(failure) if failure.may_have_been_carried_out() => {
                    messages::removal(job, "tried to delete")
                }
                Some(_) => {
                    job.deletion_sent = sent_before[index];
                    None
                }
            };
            said.iter().for_each(|message| console.note(&one_line(message)));
        }
        match failure {
            None if dry_run => {}
            None => job.finding = Finding::Unknown,
            Some(failure) if is_retryable(&failure) => {
                job.finding = Finding::Unknown;
                retryable = Some(failure);
            }
            Some(failure) => {
                let (Failure::Refused(refusal), Finding::Judged(judged)) = (&failure, &mut job.finding)
                else {
                    return Err(failure.into());
                };
                judged.verdict = Verdict::MustStay(Reason::DeletionRefused(refusal.to_string()));
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

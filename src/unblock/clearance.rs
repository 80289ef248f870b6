//! Looks at the Jobs in rounds, until nothing is in the way or something may not go.
//!
//! Each round looks up every Job that is not clear yet, and acts only on what it has just seen. So a Job that is edited, recreated or
//! deleted in the meantime needs no special handling, nor does a lost response or a restart of the API server.

use futures_util::stream::{self, StreamExt};

use super::judgement::{Answer, Reason, Verdict, judge};
use super::patience::Patience;
use super::planned_job::{Finding, Judged, PlannedJob};
use super::replacement::{Live, replacement};
use super::{Options, Stop, messages};
use crate::cluster::api::{Api, Failure};
use crate::console::Console;
use crate::escape::one_line;

/// How many requests are under way at once.
const CONCURRENCY: usize = 32;

/// How a round ended.
enum Round {
    Clear,
    /// Jobs were deleted, and may be gone already.
    LookAgain,
    /// Something has to finish or to go first.
    Wait,
    /// A request failed, and may succeed later.
    Retry(Failure),
}

/// Makes way for these Jobs, or says what it would delete for that.
pub(super) async fn clear(
    api: &Api,
    jobs: &mut [PlannedJob],
    options: &Options,
    console: &mut Console,
) -> Result<(), Stop> {
    let mut patience = Patience::new(options.timeout);
    loop {
        let round = round(api, jobs, options, console).await?;
        if jobs.iter().any(|job| job.finding != Finding::Unknown) {
            patience.cluster_answers();
        }
        match round {
            Round::Clear => return Ok(()),
            Round::LookAgain => {}
            Round::Wait => patience.wait().await?,
            Round::Retry(failure) => patience.back_off(failure, console).await?,
        }
    }
}

async fn round(
    api: &Api,
    jobs: &mut [PlannedJob],
    options: &Options,
    console: &mut Console,
) -> Result<Round, Stop> {
    if let Some(failure) = look(api, jobs, options, console).await? {
        return Ok(Round::Retry(failure));
    }
    if !options.dry_run {
        if has(jobs, |verdict| matches!(verdict, Verdict::Wait(_))) {
            return Ok(Round::Wait);
        }
        if !has(jobs, |verdict| matches!(verdict, Verdict::Remove(_))) {
            let clear = jobs.iter().all(PlannedJob::is_clear);
            return Ok(if clear { Round::Clear } else { Round::Wait });
        }
    }
    // First a dry run of all deletions, so that a missing permission or an admission webhook stops all of them.
    if let Some(failure) = delete(api, jobs, true, console).await? {
        return Ok(Round::Retry(failure));
    }
    if options.dry_run {
        let removals = jobs.iter().filter_map(|job| messages::removal(job, "would delete"));
        removals.for_each(|message| console.note(&one_line(&message)));
        return Ok(Round::Clear);
    }
    Ok(delete(api, jobs, false, console).await?.map_or(Round::LookAgain, Round::Retry))
}

fn has(jobs: &[PlannedJob], is: impl Fn(&Verdict) -> bool) -> bool {
    jobs.iter().filter_map(PlannedJob::verdict).any(is)
}

fn check_all_may_go(jobs: &[PlannedJob]) -> Result<(), Stop> {
    if has(jobs, |verdict| matches!(verdict, Verdict::Forbidden(_))) { Err(Stop::InTheWay) } else { Ok(()) }
}

/// Looks up every Job that is not clear, and says what is new. Returns a failure that may pass.
async fn look(
    api: &Api,
    jobs: &mut [PlannedJob],
    options: &Options,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    let open = jobs.iter().enumerate().filter(|(_, job)| !job.is_clear());
    let looks = open.map(|(index, job)| async move { (index, look_up(api, job, options.once).await) });
    let found: Vec<_> = stream::iter(looks).buffer_unordered(CONCURRENCY).collect().await;
    let mut transient = None;
    for (index, finding) in found {
        let job = &mut jobs[index];
        let before = messages::progress(job, options.dry_run);
        match finding {
            Ok(finding) => job.finding = finding,
            Err(failure) if may_pass(&failure) => {
                job.finding = Finding::Unknown;
                transient = Some(failure);
                continue;
            }
            Err(failure) => return Err(failure.into()),
        }
        let Some(now) = messages::progress(job, options.dry_run) else { continue };
        if before.as_ref() == Some(&now) {
            continue;
        }
        match job.verdict() {
            Some(Verdict::InvalidManifest(_)) => console.warn(&one_line(&now)),
            _ => console.note(&one_line(&now)),
        }
    }
    check_all_may_go(jobs)?;
    Ok(transient)
}

async fn look_up(api: &Api, job: &PlannedJob, once: bool) -> Result<Finding, Failure> {
    let (namespace, name) = (&job.namespace, &job.manifest.name);
    let Some(json) = api.job(namespace, name).await? else { return Ok(Finding::Absent) };
    let live = match Live::decode(&json) {
        Ok(live) => live,
        Err(why) => {
            let verdict = Verdict::Forbidden(Reason::Unreadable(why));
            return Ok(Finding::Judged(Judged {
                id: None,
                version: String::new(),
                immutable: Vec::new(),
                verdict,
            }));
        }
    };
    if let Finding::Judged(judged) = &job.finding
        && judged.id.as_ref() == Some(&live.job.id)
        && judged.version == live.job.version
    {
        return Ok(job.finding.clone());
    }
    let yaml = replacement(&job.manifest, namespace, &live);
    let answer = match api.dry_run_replace(namespace, name, yaml).await {
        Ok(()) => Answer::Possible,
        Err(Failure::Refused(refusal)) if matches!(refusal.code, 400 | 403 | 413 | 422) => {
            Answer::refused(refusal)
        }
        Err(failure) => return Err(failure),
    };
    let verdict = judge(&live.job, &answer, &job.manifest, once);
    let immutable = if let Answer::Immutable(fields) = answer { fields } else { Vec::new() };
    Ok(Finding::Judged(Judged { id: Some(live.job.id), version: live.job.version, immutable, verdict }))
}

/// Deletes the Jobs that may go. Returns a failure that may pass.
async fn delete(
    api: &Api,
    jobs: &mut [PlannedJob],
    dry_run: bool,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    for job in jobs.iter_mut().filter(|job| matches!(job.verdict(), Some(Verdict::Remove(_)))) {
        // Before it is sent: a deadline or a signal may come before the answer.
        job.deletion_sent |= !dry_run;
    }
    let deletions = jobs.iter().enumerate().filter_map(|(index, job)| match &job.finding {
        Finding::Judged(Judged { id: Some(id), version, verdict: Verdict::Remove(_), .. }) => {
            Some(async move { (index, api.delete(id, version, dry_run).await) })
        }
        _ => None,
    });
    let answers: Vec<_> = stream::iter(deletions).buffer_unordered(CONCURRENCY).collect().await;
    let mut transient = None;
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
                    job.deletion_sent = false;
                    None
                }
            };
            said.iter().for_each(|message| console.note(&one_line(message)));
        }
        match failure {
            None if dry_run => {}
            None => job.finding = Finding::Unknown,
            Some(failure) if may_pass(&failure) => {
                job.finding = Finding::Unknown;
                transient = Some(failure);
            }
            Some(failure) => {
                let (Failure::Refused(refusal), Finding::Judged(judged)) = (&failure, &mut job.finding)
                else {
                    return Err(failure.into());
                };
                judged.verdict = Verdict::Forbidden(Reason::DeletionRefused(refusal.to_string()));
            }
        }
    }
    check_all_may_go(jobs)?;
    Ok(transient)
}

/// Whether to look again: the failure is transient, or the Job was changed or deleted in the meantime.
fn may_pass(failure: &Failure) -> bool {
    failure.is_transient() || matches!(failure.code(), Some(404 | 409))
}

//! Looks, and looks again, until nothing is in the way or something may not go.
//!
//! Each round looks up every Job that is not clear yet, and acts only on what it has just seen. So a Job that was edited, made anew or
//! deleted meanwhile, a lost answer and a restarted API server need no treatment of their own: the next round sees what is there.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, sleep};

use super::judgement::{Answer, Leave, Reason, Verdict, judge};
use super::planned_job::{Finding, Judged, PlannedJob};
use super::replacement::{Live, replacement};
use super::{Options, Stop, words};
use crate::cluster::Timeout;
use crate::cluster::api::{Api, Failure, Refusal};
use crate::cluster::backoff::Backoff;
use crate::console::Console;
use crate::escape::{block, one_line};

/// How many requests are under way at once.
const CONCURRENCY: usize = 32;
/// How long to wait before looking again at what has to finish or to go.
const ROUND: Duration = Duration::from_secs(1);
/// How long a cluster that has never answered is tried.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Makes way for these Jobs, or says what it would delete for that.
pub(super) async fn clear(
    api: &Api,
    jobs: &mut [PlannedJob],
    options: &Options,
    console: &mut Console,
) -> Result<(), Stop> {
    let mut patience = Patience::new(options.timeout);
    loop {
        let trouble = look(api, jobs, options, console).await?;
        patience.answered |= jobs.iter().any(|job| job.finding != Finding::Unknown);
        if let Some(trouble) = trouble {
            patience.bear(trouble, console).await?;
            continue;
        }
        patience.trouble_is_over();
        if !options.dry_run && has(jobs, |verdict| matches!(verdict, Verdict::Wait(_))) {
            patience.wait().await?;
            continue;
        }
        if has(jobs, |verdict| matches!(verdict, Verdict::Remove(_))) {
            // First without deleting anything, so that a missing permission or an admission webhook stops all of it.
            let mut trouble = delete(api, jobs, true).await?;
            if options.dry_run && trouble.is_none() {
                jobs.iter()
                    .filter_map(|job| words::removal(job, "would delete"))
                    .for_each(|said| console.note(&one_line(&said)));
                return Ok(());
            }
            if trouble.is_none() {
                let removals: Vec<_> = jobs.iter().map(|job| words::removal(job, "deleted")).collect();
                trouble = delete(api, jobs, false).await?;
                let sent = jobs.iter().zip(removals).filter(|(job, _)| job.deletion_sent);
                sent.filter_map(|(_, said)| said).for_each(|said| console.note(&one_line(&said)));
            }
            if let Some(trouble) = trouble {
                patience.bear(trouble, console).await?;
            }
            continue;
        }
        if options.dry_run || jobs.iter().all(PlannedJob::is_clear) {
            return Ok(());
        }
        patience.wait().await?;
    }
}

fn has(jobs: &[PlannedJob], is: impl Fn(&Verdict) -> bool) -> bool {
    jobs.iter().filter_map(PlannedJob::verdict).any(is)
}

/// Stops if a Job in the way may not go.
fn check_all_may_go(jobs: &[PlannedJob]) -> Result<(), Stop> {
    if has(jobs, |verdict| matches!(verdict, Verdict::Forbidden(_))) { Err(Stop::InTheWay) } else { Ok(()) }
}

/// Looks up every Job that is not clear, and says what is new. Gives a failure that may pass, if there was one.
async fn look(
    api: &Api,
    jobs: &mut [PlannedJob],
    options: &Options,
    console: &mut Console,
) -> Result<Option<Failure>, Stop> {
    let found: Vec<_> = {
        let open = jobs.iter().enumerate().filter(|(_, job)| !job.is_clear());
        let looks = open.map(|(index, job)| async move { (index, look_up(api, job, options.once).await) });
        stream::iter(looks).buffer_unordered(CONCURRENCY).collect().await
    };
    let mut trouble = None;
    for (index, finding) in found {
        let job = &mut jobs[index];
        let before = words::news(job, options.dry_run);
        match finding {
            Ok(finding) => job.finding = finding,
            Err(failure) if may_pass(&failure) => {
                job.finding = Finding::Unknown;
                trouble = Some(failure);
                continue;
            }
            Err(failure) => return Err(failure.into()),
        }
        match words::news(job, options.dry_run) {
            Some(news) if Some(&news) != before.as_ref() => match job.verdict() {
                Some(Verdict::NotOurs(_)) => console.warn(&one_line(&news)),
                _ => console.note(&one_line(&news)),
            },
            _ => {}
        }
    }
    check_all_may_go(jobs)?;
    Ok(trouble)
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
        Err(Failure::Refused(refusal)) if matches!(refusal.code, 400 | 403 | 413 | 422) => answer(refusal),
        Err(failure) => return Err(failure),
    };
    let leave = Leave { policy: job.manifest.policy.as_ref(), ignored: job.manifest.ignored };
    let verdict = judge(&live.job, &answer, &leave, once);
    let immutable = if let Answer::Immutable(fields) = answer { fields } else { Vec::new() };
    Ok(Finding::Judged(Judged { id: Some(live.job.id), version: live.job.version, immutable, verdict }))
}

/// What a refusal to replace a Job means. Only where nothing but immutable fields is at fault does a new Job help.
fn answer(refusal: Refusal) -> Answer {
    // The API server's validation of a Job words it so. Completions of an Indexed Job change with its parallelism only.
    let is_immutable = |message: &str| {
        message.ends_with("field is immutable")
            || message.contains("immutable after creation")
            || message.contains("can only be modified in tandem with")
    };
    if refusal.causes.is_empty() || !refusal.causes.iter().all(|cause| is_immutable(&cause.message)) {
        return Answer::Refused(refusal.to_string());
    }
    Answer::Immutable(refusal.causes.into_iter().map(|cause| cause.field).collect())
}

/// Sends the deletions of the Jobs that may go. Gives a failure that may pass, if there was one.
async fn delete(api: &Api, jobs: &mut [PlannedJob], dry_run: bool) -> Result<Option<Failure>, Stop> {
    let mut sent = Vec::new();
    for (index, job) in jobs.iter_mut().enumerate() {
        if let Finding::Judged(Judged { id: Some(id), version, verdict: Verdict::Remove(_), .. }) =
            &job.finding
        {
            job.deletion_sent |= !dry_run;
            sent.push((index, id.clone(), version.clone()));
        }
    }
    let deletions =
        sent.iter().map(|(index, id, version)| async { (*index, api.delete(id, version, dry_run).await) });
    let answers: Vec<_> = stream::iter(deletions).buffer_unordered(CONCURRENCY).collect().await;
    let mut trouble = None;
    for (index, answer) in answers {
        let job = &mut jobs[index];
        let Err(failure) = answer else {
            if !dry_run {
                job.finding = Finding::Unknown;
            }
            continue;
        };
        job.deletion_sent &= dry_run || failure.may_have_been_carried_out();
        if may_pass(&failure) {
            job.finding = Finding::Unknown;
            trouble = Some(failure);
        } else if let (Failure::Refused(refusal), Finding::Judged(judged)) = (&failure, &mut job.finding) {
            judged.verdict = Verdict::Forbidden(Reason::DeletionRefused(refusal.to_string()));
        } else {
            return Err(failure.into());
        }
    }
    check_all_may_go(jobs)?;
    Ok(trouble)
}

/// Whether another look may tell more: a Job that changed or vanished meanwhile counts too.
fn may_pass(failure: &Failure) -> bool {
    failure.is_transient() || matches!(failure.code(), Some(404 | 409))
}

/// How long to go on.
struct Patience {
    no_wait: bool,
    start: Instant,
    /// Whether the cluster has ever answered.
    answered: bool,
    /// Whether the user knows of the trouble that lasts.
    told: bool,
    backoff: Backoff,
}

impl Patience {
    fn new(timeout: Timeout) -> Self {
        Self {
            no_wait: timeout == Timeout::After(Duration::ZERO),
            start: Instant::now(),
            answered: false,
            told: false,
            backoff: Backoff::default(),
        }
    }

    fn trouble_is_over(&mut self) {
        (self.told, self.backoff) = (false, Backoff::default());
    }

    /// Until the next round, if there may be one. The deadline ends this from outside.
    async fn wait(&self) -> Result<(), Stop> {
        if self.no_wait {
            return Err(Stop::Deadline);
        }
        sleep(ROUND).await;
        Ok(())
    }

    /// Until what went wrong may have passed.
    async fn bear(&mut self, trouble: Failure, console: &mut Console) -> Result<(), Stop> {
        self.answered |= trouble.code().is_some();
        let never_answered = !self.answered && self.start.elapsed() > FIRST_ANSWER;
        if self.no_wait || never_answered {
            return Err(trouble.into());
        }
        if !std::mem::replace(&mut self.told, true) {
            console.note(&block(&format!("trying again until the deadline: {trouble}")));
        }
        sleep(self.backoff.next(trouble.retry_after())).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::Cause;

    #[test]
    fn only_immutable_fields_make_a_job_an_obstacle() {
        let cause =
            |field: &str, message: &str| Cause { field: field.to_owned(), message: message.to_owned() };
        let template = || cause("spec.template", "Invalid value: {}: field is immutable");
        let tandem = || {
            cause(
                "spec.completions",
                "Invalid value: 3: can only be modified in tandem with spec.parallelism",
            )
        };
        let unknown = || {
            cause(
                "spec.template.spec.restartPolicy",
                "Required value: valid values: \"OnFailure\", \"Never\"",
            )
        };
        for (causes, fields) in [
            (vec![template()], Some(vec!["spec.template"])),
            (vec![template(), tandem()], Some(vec!["spec.template", "spec.completions"])),
            (vec![template(), unknown()], None),
            (vec![], None),
        ] {
            let refusal = Refusal { code: 422, message: "no".to_owned(), retry_after: None, causes };
            let expected = match fields {
                Some(fields) => Answer::Immutable(fields.into_iter().map(str::to_owned).collect()),
                None => Answer::Refused(refusal.to_string()),
            };
            assert_eq!(answer(refusal), expected);
        }
    }
}

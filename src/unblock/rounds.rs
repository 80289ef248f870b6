//! Looks up the Jobs in rounds until no Job is in the way. Stops with an error if a Job in the way must not be deleted.
//!
//! For each manifest that may still be blocked, each round looks up the Job in the cluster. It acts only on what it has just seen. So
//! a Job that is edited, recreated or deleted in the meantime needs no special case. If the response to a deletion is lost, the
//! message says "tried to delete" instead of "deleted". The next round shows whether the Job is gone.

use std::mem::take;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use kube::api::DeleteParams;
use tokio::time::{Instant, sleep};

use super::decision::{Answer, Decision, Obstacle, Reason, decide, is_quota_of_old_job};
use super::dry_run_manifest::Live;
use super::hooks::Role;
use super::owner::Claimant;
use super::planned_job::PlannedJob;
use super::writer::Writer;
use super::{Blocked, Options, messages, requests};
use crate::cluster::caller::{Caller, ServerSide};
use crate::cluster::client::Cluster;
use crate::cluster::error::Error;
use crate::cluster::job::{Hint, Job};
use crate::cluster::pods;
use crate::cluster::{Timeout, retry, stop};
use crate::console::Console;
use crate::error::ExitCode;
use crate::escape::{block, log_line, one_line};
use crate::policy::Outcome;

/// How many requests are under way at once.
const CONCURRENCY: usize = 32;
/// The pause before the next round, for a Job that has to finish or to go.
const ROUND: Duration = Duration::from_secs(1);
/// How long to retry if the API server has never responded.
const FIRST_RESPONSE: Duration = Duration::from_secs(10);

/// What the rounds need and do not change.
pub(super) struct Rounds<'r> {
    pub cluster: &'r Cluster,
    pub options: &'r Options,
    pub caller: &'r Caller,
    pub claimant: Claimant,
    /// How the Helm that calls writes.
    pub helm_writes: Option<ServerSide>,
    /// The context of the kubeconfig.
    pub context: Option<&'r str>,
    pub console: &'r Console,
}

impl Rounds<'_> {
    /// Deletes the Jobs that block these manifests. A dry run only reports them.
    pub(super) async fn run(&self, jobs: &mut [PlannedJob]) -> Result<(), Blocked> {
        let dry_run = self.options.dry_run;
        let mut retries = Retries::new(self.options.timeout);
        let (mut waited, mut just_deleted) = (false, false);
        let mut warning = messages::about_rollback(self.caller);
        loop {
            let open = jobs.iter_mut().filter(|job| !job.is_unblocked());
            let error = at_once(open.map(|job| self.look_up(job))).await?;
            check_all_may_go(jobs)?;
            retries.has_responded |= jobs.iter().any(|job| job.decision.is_some());
            // A dry run does not wait. It has reported that it would.
            let waits = !dry_run
                && has(jobs, |decision| matches!(decision, Decision::Wait(..) | Decision::BeingDeleted(_)));
            if let Some(error) = error {
                retries.back_off(error, self.console).await?;
            } else if waits {
                waited = true;
                retries.wait().await?;
            } else if take(&mut waited) {
                // Jobs that are not in the way are not looked up again. They may have changed during the wait, so look at all once more.
                jobs.iter_mut().for_each(|job| job.decision = None);
            } else if !has(jobs, |decision| matches!(decision, Decision::Delete(..))) {
                return Ok(());
            } else if take(&mut just_deleted) {
                // The API server has accepted the deletions, but a Job that is read does not show it yet.
                retries.wait().await?;
            } else {
                warning.take().iter().for_each(|warning| self.console.warn(warning));
                if let Some(error) = self.delete_all_or_none(jobs).await? {
                    retries.back_off(error, self.console).await?;
                } else if dry_run {
                    return Ok(());
                } else {
                    just_deleted = true;
                }
            }
        }
    }

    /// Looks up the Job in the cluster, and reports a change. Returns a retryable error, if any.
    async fn look_up(&self, job: &mut PlannedJob) -> Result<Option<Error>, Blocked> {
        if let Err(error) = self.find_and_decide(job).await {
            job.decision = None;
            return retryable(error);
        }
        let message = messages::progress(job, self.options.dry_run);
        let Some(message) = message.filter(|message| job.said.as_ref() != Some(message)) else {
            return Ok(None);
        };
        match job.decision {
            Some(Decision::InvalidManifest(_)) => self.console.warn(&one_line(&message)),
            _ => self.console.info(&one_line(&message)),
        }
        job.said = Some(message);
        Ok(None)
    }

    async fn find_and_decide(&self, job: &mut PlannedJob) -> Result<(), Error> {
        let Some(json) = requests::live_job(self.cluster, job).await? else {
            (job.live, job.decision) = (None, Some(Decision::Absent));
            return Ok(());
        };
        let live = match Live::read(json) {
            Ok(live) => live,
            Err(why) => {
                let obstacle = Obstacle::Immutable(Vec::new());
                job.decision = Some(Decision::MustStay(obstacle, Reason::Unreadable(why)));
                return Ok(());
            }
        };
        // For the same version of the same Job, the last decision still holds.
        let is_same = |before: &Job| (&before.uid, &before.version) == (&live.job.uid, &live.job.version);
        if job.decision.is_none() || !job.live.as_ref().is_some_and(is_same) {
            job.decision = Some(self.decide(job, &live).await?);
        }
        job.pods_wait_for = match job.decision {
            Some(Decision::Wait(_, Hint::Active(_))) => pods::why_unfinished(self.cluster, &live.job).await,
            _ => None,
        };
        job.live = Some(live.job);
        Ok(())
    }

    /// Asks the API server what the manifest would do to the Job, and decides.
    async fn decide(&self, job: &PlannedJob, live: &Live) -> Result<Decision, Error> {
        let writer = Writer::of(self.helm_writes, &live.metadata);
        let answer = match job.role {
            // Helm does not update a hook.
            Role::Hook => Answer::Possible,
            _ => requests::update(self.cluster, job, live, &writer).await?,
        };
        let decision = decide(live, &answer, &job.manifest, job.role, &self.claimant, self.options.rules);
        if !matches!(decision, Decision::Wait(..) | Decision::Delete(..)) {
            return Ok(decision);
        }
        Ok(match requests::create(self.cluster, job, live, &writer).await? {
            Answer::Possible => decision,
            Answer::Refused { why, .. } if is_quota_of_old_job(&why) => {
                let warning =
                    format!("a quota has no room for the new Job {job} until the old one is gone: {why}");
                self.console.warn(&one_line(&warning));
                decision
            }
            Answer::Refused { why, .. } => decision.keep(Reason::SuccessorRefused(why)),
        })
    }

    /// Deletes every Job in the way, if a dry run of all deletions is accepted. Returns a retryable error, if any.
    async fn delete_all_or_none(&self, jobs: &mut [PlannedJob]) -> Result<Option<Error>, Blocked> {
        // First a dry run of all deletions, so that a missing permission or an admission webhook stops all of them.
        let refusal = self.delete_each(jobs, true).await?;
        if refusal.is_some() {
            return Ok(refusal);
        }
        if self.options.dry_run {
            jobs.iter().for_each(|job| self.announce(job, "would delete"));
            return Ok(None);
        }
        if self.options.rules.force {
            jobs.iter().for_each(|job| self.announce(job, "deleting"));
        }
        if self.console.has_log_file() {
            for job in jobs.iter().filter_map(PlannedJob::to_delete) {
                self.copy_log(job).await;
            }
        }
        self.delete_each(jobs, false).await
    }

    fn announce(&self, job: &PlannedJob, verb: &str) {
        let message = messages::deletion(job, verb, self.context);
        message.iter().for_each(|message| self.console.info(&one_line(message)));
    }

    /// Writes the end of the log of a failed Job to the log file, because its pods are deleted with it. Where this is not possible, the
    /// Job is deleted without it.
    async fn copy_log(&self, job: &Job) {
        if job.outcome() != Some(Outcome::Failed) {
            return;
        }
        let log = pods::log(self.cluster, job, pods::DEFAULT_LINES).await.unwrap_or_default();
        for container in log.containers {
            self.console.log(&container.heading(job));
            container.lines.iter().for_each(|line| self.console.log(&format!("  {}", log_line(line))));
        }
    }

    /// Sends a deletion for each Job that is to be deleted. Returns a retryable error, if any.
    async fn delete_each(&self, jobs: &mut [PlannedJob], dry_run: bool) -> Result<Option<Error>, Blocked> {
        let error = at_once(jobs.iter_mut().map(|job| self.delete(job, dry_run))).await?;
        check_all_may_go(jobs)?;
        Ok(error)
    }

    async fn delete(&self, job: &mut PlannedJob, dry_run: bool) -> Result<Option<Error>, Blocked> {
        let Some(live) = job.to_delete().cloned() else { return Ok(None) };
        if !dry_run && !self.caller.still_lives() {
            let gone = "the program that waits for the manifests has ended, so nothing more is deleted";
            return Err(Blocked::new(ExitCode::Failure, gone));
        }
        let sent_before = job.deletion_sent;
        // Set this before sending, because a deadline or a signal can come before the response.
        job.deletion_sent |= !dry_run;
        // With --force, its pods may still run. They are gone before the Job is.
        let force = self.options.rules.force;
        let params = if force { DeleteParams::foreground() } else { DeleteParams::background() };
        let result = self.cluster.delete(&live, DeleteParams { dry_run, ..params }).await;
        match &result {
            _ if dry_run => {}
            Ok(_) => self.announce(job, "deleted"),
            Err(error) if error.may_have_been_carried_out() => self.announce(job, "tried to delete"),
            Err(_) => job.deletion_sent = sent_before,
        }
        match result {
            Ok(_) => {
                job.decision.take_if(|_| !dry_run);
                Ok(None)
            }
            Err(error @ Error::Refused { .. }) if !is_retryable(&error) => {
                let reason = Reason::DeletionRefused(error.to_string());
                job.decision = job.decision.take().map(|decision| decision.keep(reason));
                Ok(None)
            }
            Err(error) => {
                job.decision = None;
                retryable(error)
            }
        }
    }
}

fn has(jobs: &[PlannedJob], is: impl Fn(&Decision) -> bool) -> bool {
    jobs.iter().filter_map(|job| job.decision.as_ref()).any(is)
}

/// All or nothing: if one Job in the way must stay, or the API server refuses a manifest, nothing is deleted.
fn check_all_may_go(jobs: &[PlannedJob]) -> Result<(), Blocked> {
    let goes = has(jobs, |decision| matches!(decision, Decision::Wait(..) | Decision::Delete(..)));
    if has(jobs, |decision| matches!(decision, Decision::MustStay(..))) {
        Err(Blocked { exit_code: ExitCode::InTheWay, messages: Vec::new() })
    } else if goes && has(jobs, |decision| matches!(decision, Decision::InvalidManifest(_))) {
        // A Job that makes way for another one would be lost.
        let why = "the API server does not accept all manifests, so no Job makes way for them; correct the manifests";
        Err(Blocked::new(ExitCode::InTheWay, why))
    } else {
        Ok(())
    }
}

/// Several requests at once. Returns a retryable error, if any, once all have ended.
async fn at_once<R>(requests: impl Iterator<Item = R>) -> Result<Option<Error>, Blocked>
where
    R: Future<Output = Result<Option<Error>, Blocked>>,
{
    let results: Vec<_> = stream::iter(requests).buffer_unordered(CONCURRENCY).collect().await;
    let errors = results.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(errors.into_iter().flatten().last())
}

fn retryable(error: Error) -> Result<Option<Error>, Blocked> {
    if is_retryable(&error) { Ok(Some(error)) } else { Err(error.into()) }
}

/// Whether to look again: the error is transient, or the Job was changed or deleted in the meantime.
fn is_retryable(error: &Error) -> bool {
    error.is_transient() || error.is_not_found() || error.is_conflict()
}

/// Waits between the rounds, and before a failed request is sent again.
struct Retries {
    no_wait: bool,
    start: Instant,
    /// Whether the API server has ever responded.
    has_responded: bool,
    /// How many requests have failed since the last pause between rounds. A message reports the first.
    failures: u32,
}

impl Retries {
    fn new(timeout: Timeout) -> Self {
        Self { no_wait: timeout.is_zero(), start: Instant::now(), has_responded: false, failures: 0 }
    }

    /// Waits until the next round. The caller enforces the deadline.
    ///
    /// # Errors
    /// The timeout is 0, so there is no next round.
    async fn wait(&mut self) -> Result<(), Blocked> {
        if self.no_wait {
            return Err(stop::Stop::Deadline.into());
        }
        self.failures = 0;
        sleep(ROUND).await;
        Ok(())
    }

    /// Waits until a failed request may succeed. The pauses grow.
    ///
    /// # Errors
    /// Returns the error if the request must not be sent again.
    async fn back_off(&mut self, error: Error, console: &Console) -> Result<(), Blocked> {
        self.has_responded |= error.status().is_some();
        let is_unreachable = !self.has_responded && self.start.elapsed() > FIRST_RESPONSE;
        if self.no_wait || is_unreachable {
            return Err(error.into());
        }
        if self.failures == 0 {
            console.info(&block(&format!("trying again until the deadline: {error}")));
        }
        sleep(retry::delay(self.failures, &error)).await;
        self.failures += 1;
        Ok(())
    }
}

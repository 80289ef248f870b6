//! One deletion: the logs if they are wanted, then exactly one request, and what its answer means for the sweep.

use std::cell::Cell;

use crate::cleanup::run::logs::Logs;
use crate::cleanup::sweep::{Answer, JobLog, Order};
use crate::cluster::api::{Api, Failure};
use crate::cluster::backoff::Backoff;

/// What came of a deletion, and the logs, if they were read for it.
pub(crate) type Result = std::result::Result<(Answer, Option<JobLog>), Failure>;

/// Deletes one Job and says what came of it. An error is one that ends the sweep.
///
/// Once `stopping` is set, nothing is deleted any more whose logs are still being read.
pub(crate) async fn delete(
    api: &Api,
    logs: &Logs<'_>,
    order: &Order,
    dry_run: bool,
    stopping: &Cell<bool>,
) -> Result {
    let again = |failures, failure: &Failure| {
        (Backoff::after(failures).next(failure.retry_after()), failure.to_string())
    };
    let logs = match logs.of(api, order).await {
        Ok(logs) => logs,
        Err(failure) => {
            let (after, why) = again(order.log_failures, &failure);
            return Ok((Answer::NoLogs(after, why), None));
        }
    };
    if stopping.get() {
        return Ok((Answer::Unsent, logs));
    }
    let sent = match &order.version {
        Some(version) => api.delete(&order.id, version, dry_run).await,
        None => api.is_gone(&order.id).await,
    };
    let answer = match sent {
        Ok(true) => Answer::Gone,
        Ok(false) => Answer::Accepted,
        Err(failure) => match failure.code() {
            Some(404) => Answer::NotFound,
            Some(409) => Answer::Conflict,
            _ if failure.is_transient() => {
                let (after, why) = again(order.failures, &failure);
                if failure.may_have_been_carried_out() {
                    Answer::Lost(after, why)
                } else {
                    Answer::TurnedAway(after, why)
                }
            }
            Some(_) => Answer::Refused(failure.to_string()),
            None => return Err(failure),
        },
    };
    Ok((answer, logs))
}

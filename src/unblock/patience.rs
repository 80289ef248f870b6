//! How long and how often to try.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Stop;
use crate::cluster::Timeout;
use crate::cluster::api::Failure;
use crate::cluster::backoff;
use crate::console::Console;
use crate::escape::block;

/// How long to wait before looking again at what has to finish or to go.
const ROUND: Duration = Duration::from_secs(1);
/// How long a cluster that has never answered is tried.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

pub(super) struct Patience {
    no_wait: bool,
    start: Instant,
    answered: bool,
    /// Whether the user knows that requests fail.
    told: bool,
    failures: u32,
}

impl Patience {
    pub(super) fn new(timeout: Timeout) -> Self {
        Self {
            no_wait: timeout == Timeout::After(Duration::ZERO),
            start: Instant::now(),
            answered: false,
            told: false,
            failures: 0,
        }
    }

    pub(super) fn cluster_answers(&mut self) {
        self.answered = true;
    }

    /// Until the next round, if there may be one. The deadline ends this from outside.
    pub(super) async fn wait(&mut self) -> Result<(), Stop> {
        if self.no_wait {
            return Err(Stop::Deadline);
        }
        (self.told, self.failures) = (false, 0);
        sleep(ROUND).await;
        Ok(())
    }

    /// Until a failed request may succeed.
    pub(super) async fn back_off(&mut self, failure: Failure, console: &mut Console) -> Result<(), Stop> {
        self.answered |= failure.status_code().is_some();
        let never_answered = !self.answered && self.start.elapsed() > FIRST_ANSWER;
        if self.no_wait || never_answered {
            return Err(failure.into());
        }
        if !std::mem::replace(&mut self.told, true) {
            console.note(&block(&format!("trying again until the deadline: {failure}")));
        }
        sleep(backoff::delay(self.failures, failure.retry_after())).await;
        self.failures += 1;
        Ok(())
    }
}

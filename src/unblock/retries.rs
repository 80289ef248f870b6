//! Waits between the rounds, and before a failed request is sent again.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Stop;
use crate::cluster::Timeout;
use crate::cluster::api::Failure;
use crate::cluster::backoff;
use crate::console::Console;
use crate::escape::block;

/// The pause before the next round, for a Job that has to finish or to go.
const ROUND: Duration = Duration::from_secs(1);
/// How long to retry if the API server has never responded.
const FIRST_RESPONSE: Duration = Duration::from_secs(10);

pub(super) struct Retries {
    no_wait: bool,
    start: Instant,
    has_responded: bool,
    /// Whether a message says that requests fail.
    is_reported: bool,
    failures: u32,
}

impl Retries {
    pub(super) fn new(timeout: Timeout) -> Self {
        Self {
            no_wait: timeout == Timeout::After(Duration::ZERO),
            start: Instant::now(),
            has_responded: false,
            is_reported: false,
            failures: 0,
        }
    }

    /// Notes that the API server has responded to a request.
    pub(super) fn note_response(&mut self) {
        self.has_responded = true;
    }

    /// Waits until the next round. The caller enforces the deadline.
    ///
    /// # Errors
    /// The timeout is 0, so there is no next round.
    pub(super) async fn wait(&mut self) -> Result<(), Stop> {
        if self.no_wait {
            return Err(Stop::Deadline);
        }
        (self.is_reported, self.failures) = (false, 0);
        sleep(ROUND).await;
        Ok(())
    }

    /// Waits until a failed request may succeed. The pauses grow.
    ///
    /// # Errors
    /// Returns the failure if the request must not be sent again.
    pub(super) async fn back_off(&mut self, failure: Failure, console: &mut Console) -> Result<(), Stop> {
        self.has_responded |= failure.status_code().is_some();
        let is_unreachable = !self.has_responded && self.start.elapsed() > FIRST_RESPONSE;
        if self.no_wait || is_unreachable {
            return Err(failure.into());
        }
        if !std::mem::replace(&mut self.is_reported, true) {
            console.info(&block(&format!("trying again until the deadline: {failure}")));
        }
        sleep(backoff::delay(self.failures, failure.retry_after())).await;
        self.failures += 1;
        Ok(())
    }
}

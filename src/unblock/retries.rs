//! Waits between the rounds, and before a failed request is sent again.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Blocked;
use crate::cluster::error::Error;
use crate::cluster::{Timeout, retry, stop};
use crate::console::Console;
use crate::escape::block;

/// The pause before the next round, for a Job that has to finish or to go.
const ROUND: Duration = Duration::from_secs(1);
/// How long to retry if the API server has never responded.
const FIRST_RESPONSE: Duration = Duration::from_secs(10);

pub(super) struct Retries {
    no_wait: bool,
    start: Instant,
    /// Whether the API server has ever responded.
    pub has_responded: bool,
    /// How many requests have failed since the last pause between rounds. A message reports the first.
    failures: u32,
}

impl Retries {
    pub(super) fn new(timeout: Timeout) -> Self {
        Self { no_wait: timeout.is_zero(), start: Instant::now(), has_responded: false, failures: 0 }
    }

    /// Waits until the next round. The caller enforces the deadline.
    ///
    /// # Errors
    /// The timeout is 0, so there is no next round.
    pub(super) async fn wait(&mut self) -> Result<(), Blocked> {
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
    pub(super) async fn back_off(&mut self, error: Error, console: &Console) -> Result<(), Blocked> {
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

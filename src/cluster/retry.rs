//! When a failed request is sent again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::error::Error;

const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(10);

/// The delay after an error that followed this many others, or the server's `Retry-After`. Jitter makes it up to a
/// quarter longer, so that clients that were refused together do not return together.
pub(crate) fn delay(failures_before: u32, error: &Error) -> Duration {
    let delay = match error.retry_after() {
        Some(retry_after) => retry_after.max(FIRST),
        None => LAST.min(FIRST.saturating_mul(1 << failures_before.min(16))),
    };
    // The standard library seeds its hasher at random.
    let random = RandomState::new().hash_one(()) as u16;
    delay + delay * u32::from(random) / (4 << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(retry_after: Option<u64>) -> Error {
        let retry_after = retry_after.map(Duration::from_secs);
        Error::Refused { status: Box::default(), retry_after }
    }

    #[test]
    fn delays_grow_to_a_limit() {
        let delays: Vec<_> = (0..40).map(|failures| delay(failures, &error(None))).collect();
        assert!(delays[0] < Duration::from_millis(313) && delays[1] >= Duration::from_millis(500));
        assert!(delays.iter().all(|delay| *delay >= FIRST && *delay <= LAST.mul_f64(1.25)));
    }

    #[test]
    fn retry_after_is_the_shortest_delay() {
        let delay = delay(0, &error(Some(7)));
        assert!(delay >= Duration::from_secs(7) && delay < Duration::from_secs(9));
    }

    #[test]
    fn a_retry_after_of_zero_is_a_short_delay() {
        assert!(delay(0, &error(Some(0))) >= FIRST);
    }
}

//! How long to wait before a request is sent again.
//!
//! `backon` and `tokio-retry` send a request again by themselves. Here the caller decides when, and `Retry-After` counts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(10);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The delay after a failure that followed this many others, or the server's `Retry-After`. Jitter makes it up to a
/// quarter longer, so that clients that were refused together do not return together.
pub(crate) fn delay(failures_before: u32, retry_after: Option<Duration>) -> Duration {
    let delay = match retry_after {
        Some(retry_after) => retry_after.clamp(FIRST, LONGEST_RETRY_AFTER),
        None => LAST.min(FIRST.saturating_mul(1 << failures_before.min(16))),
    };
    // The standard library seeds its hasher at random.
    let random = RandomState::new().hash_one(()) as u16;
    delay + delay * u32::from(random) / (4 << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit() {
        let delays: Vec<_> = (0..40).map(|failures| delay(failures, None)).collect();
        assert!(delays[0] < Duration::from_millis(313) && delays[1] >= Duration::from_millis(500));
        assert!(delays.iter().all(|delay| *delay >= FIRST && *delay <= LAST.mul_f64(1.25)));
    }

    #[test]
    fn retry_after_is_the_shortest_delay() {
        let delay = delay(0, Some(Duration::from_secs(7)));
        assert!(delay >= Duration::from_secs(7) && delay < Duration::from_secs(9));
    }

    #[test]
    fn a_retry_after_is_kept_within_bounds() {
        let longest = delay(0, Some(Duration::from_secs(u64::MAX)));
        assert!(longest >= LONGEST_RETRY_AFTER && longest < LONGEST_RETRY_AFTER * 2);
        assert!(delay(0, Some(Duration::ZERO)) >= FIRST);
    }
}

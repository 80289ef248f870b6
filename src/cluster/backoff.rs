//! How long to leave the API server alone.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LAST: Duration = Duration::from_secs(10);
/// No wish of the server's counts for more.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Ever longer delays.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The delays that follow when it did not work so many times before.
    pub(crate) fn after(attempts: u32) -> Self {
        Self { attempts }
    }

    /// The next delay: at least as long as the server wishes, and never the same for two of us, so that those who
    /// were turned away together do not come back together.
    pub(crate) fn next(&mut self, wish: Option<Duration>) -> Duration {
        let wish = wish.map(|wish| wish.min(LONGEST));
        let delay = wish.unwrap_or_else(|| LAST.min(FIRST.saturating_mul(1 << self.attempts.min(16))));
        self.attempts = self.attempts.saturating_add(1);
        delay + delay.mul_f64(jitter())
    }
}

/// Something between 0 and 1/4 that nobody can foresee; the standard library's hasher is seeded for that.
fn jitter() -> f64 {
    f64::from(u16::try_from(RandomState::new().hash_one(()) & 0xFFFF).unwrap_or(0)) / f64::from(1 << 18)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..40).map(|_| backoff.next(None)).collect();
        assert!(delays[0] < Duration::from_millis(313) && delays[1] >= Duration::from_millis(500));
        assert!(delays.iter().all(|delay| *delay >= FIRST && *delay <= LAST.mul_f64(1.25)));
    }

    #[test]
    fn the_servers_wish_is_a_least() {
        let delay = Backoff::default().next(Some(Duration::from_secs(7)));
        assert!(delay >= Duration::from_secs(7) && delay < Duration::from_secs(9));
    }

    #[test]
    fn a_wish_without_bounds_has_some() {
        let delay = Backoff::default().next(Some(Duration::from_secs(u64::MAX)));
        assert!(delay >= LONGEST && delay < LONGEST * 2);
    }
}

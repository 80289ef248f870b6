//! How many requests may be under way: fewer when the API server turns some away, slowly more when it does not.
//!
//! Congestion control as in TCP, in 40 lines; rate limiters such as `governor` work with rates, not with what is under way.

use std::time::Duration;

/// For each request under way, this many must succeed before one more is allowed.
const SUCCESSES_PER_STEP: usize = 10;

#[derive(Default)]
pub(super) struct Throttle {
    most: usize,
    allowed: usize,
    successes: usize,
    pub(super) paused_until: Duration,
}

impl Throttle {
    pub(super) fn new(most: usize) -> Self {
        Self { most, allowed: most, ..Self::default() }
    }

    pub(super) fn allows(&self, in_flight: usize, now: Duration) -> bool {
        now >= self.paused_until && in_flight < self.allowed
    }

    pub(super) fn went_well(&mut self) {
        self.successes += 1;
        if self.successes >= SUCCESSES_PER_STEP * self.allowed {
            self.successes = 0;
            self.allowed = self.most.min(self.allowed + 1);
        }
    }

    /// A request was turned away and may be sent again after a while. Others that were sent with it will probably be
    /// turned away too; they do not slow down the sweep any further.
    pub(super) fn turned_away(&mut self, after: Duration, now: Duration) {
        if now >= self.paused_until {
            self.allowed = 1.max(self.allowed / 2);
            self.successes = 0;
        }
        self.paused_until = self.paused_until.max(now.saturating_add(after));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_refusals_halves_the_requests_once() {
        let mut throttle = Throttle::new(16);
        for _ in 0..16 {
            throttle.turned_away(Duration::from_secs(1), Duration::ZERO);
        }
        assert!(!throttle.allows(0, Duration::ZERO));
        assert!(throttle.allows(7, Duration::from_secs(1)) && !throttle.allows(8, Duration::from_secs(1)));
    }

    #[test]
    fn it_never_stops_and_recovers_slowly() {
        let mut throttle = Throttle::new(4);
        for second in 0..10 {
            throttle.turned_away(Duration::from_secs(1), Duration::from_secs(second));
        }
        let now = Duration::from_secs(60);
        assert!(throttle.allows(0, now) && !throttle.allows(1, now));
        (0..SUCCESSES_PER_STEP).for_each(|_| throttle.went_well());
        assert!(throttle.allows(1, now) && !throttle.allows(2, now));
        (0..1000).for_each(|_| throttle.went_well());
        assert!(throttle.allows(3, now) && !throttle.allows(4, now));
    }
}

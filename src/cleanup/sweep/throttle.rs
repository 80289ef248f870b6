//! How many deletions may be under way: fewer when the API server turns some away, slowly more when it does not.

use std::time::Duration;

/// So many deletions for each one under way must go well before there is one more.
const PROOF: usize = 10;

/// The pace that the API server bears.
#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    width: usize,
    went_well: usize,
    paused_until: Duration,
}

impl Pace {
    /// Begins with the most.
    pub(super) fn new(most: usize) -> Self {
        Self { most, width: most, went_well: 0, paused_until: Duration::ZERO }
    }

    /// Whether one more may be sent now.
    pub(super) fn allows(&self, in_flight: usize, now: Duration) -> bool {
        now >= self.paused_until && in_flight < self.width
    }

    /// Until when none is to be sent.
    pub(super) fn paused_until(&self) -> Duration {
        self.paused_until
    }

    /// One was carried out.
    pub(super) fn went_well(&mut self) {
        self.went_well += 1;
        if self.went_well >= PROOF * self.width {
            self.went_well = 0;
            self.width = self.most.min(self.width + 1);
        }
    }

    /// One was turned away, and may come back after a while. Those sent together with it are likely to be turned away
    /// too, which is no further reason to slow down.
    pub(super) fn turned_away(&mut self, after: Duration, now: Duration) {
        if now >= self.paused_until {
            self.width = 1.max(self.width / 2);
            self.went_well = 0;
        }
        self.paused_until = self.paused_until.max(now.saturating_add(after));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_refusals_halves_the_pace_once() {
        let mut pace = Pace::new(16);
        for _ in 0..16 {
            pace.turned_away(Duration::from_secs(1), Duration::ZERO);
        }
        assert!(!pace.allows(0, Duration::ZERO));
        assert!(pace.allows(7, Duration::from_secs(1)) && !pace.allows(8, Duration::from_secs(1)));
    }

    #[test]
    fn it_never_stops_and_recovers_slowly() {
        let mut pace = Pace::new(4);
        for second in 0..10 {
            pace.turned_away(Duration::from_secs(1), Duration::from_secs(second));
        }
        let now = Duration::from_secs(60);
        assert!(pace.allows(0, now) && !pace.allows(1, now));
        (0..PROOF).for_each(|_| pace.went_well());
        assert!(pace.allows(1, now) && !pace.allows(2, now));
        (0..1000).for_each(|_| pace.went_well());
        assert!(pace.allows(3, now) && !pace.allows(4, now));
    }
}

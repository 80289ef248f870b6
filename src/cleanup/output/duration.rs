//! Durations as people write them.
//!
//! `jiff` and `humantime` print every unit down to the nanosecond; here a longer duration is rounded to two units.

use std::time::Duration;

/// `0.4s`, `12s`, `1m30s`, `2h05m`.
pub(crate) fn brief(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 if duration.subsec_millis() >= 50 => format!("{:.1}s", duration.as_secs_f64()),
        0..60 => format!("{seconds}s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_short_as_they_can_be() {
        for (millis, text) in [
            (0, "0s"),
            (420, "0.4s"),
            (2_000, "2s"),
            (42_900, "42s"),
            (90_000, "1m30s"),
            (300_000, "5m"),
            (7_500_000, "2h05m"),
        ] {
            assert_eq!(brief(Duration::from_millis(millis)), text);
        }
    }
}

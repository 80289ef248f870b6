//! The API server's clock. The clock of this machine may be wrong by hours.

use std::cell::Cell;

use http::HeaderMap;
use http::header::DATE;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::time::Instant;

/// The `Date` of the last response, and when it came.
#[derive(Default)]
pub(super) struct Clock(Cell<Option<(i64, Instant)>>);

impl Clock {
    /// Reads the time of a response. Without one, the last one still counts.
    pub(super) fn read(&self, headers: &HeaderMap) {
        if let Some(seconds) = date(headers) {
            self.0.set(Some((seconds, Instant::now())));
        }
    }

    /// The time in whole seconds since 1970, and never later than the API server's own.
    pub(super) fn now(&self) -> Option<i64> {
        let (seconds, since) = self.0.get()?;
        Some(seconds.saturating_add_unsigned(since.elapsed().as_secs()))
    }
}

fn date(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get(DATE)?.to_str().ok()?;
    // Every date of HTTP is also one of RFC 2822.
    Some(DateTimeParser::new().parse_timestamp(date).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn headers(date: &str) -> HeaderMap {
        HeaderMap::from_iter([(DATE, date.parse().expect("a value"))])
    }

    #[test]
    fn a_date_is_read_as_http_writes_it() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:07 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sun, 06 Nov 1994 08:49:37 +0100", Some(784_111_777 - 3600)),
            ("1994-11-06T08:49:37Z", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(date(&headers(text)), expected, "{text:?}");
        }
        assert_eq!(date(&HeaderMap::new()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn between_answers_it_goes_on_and_every_answer_sets_it() {
        let clock = Clock::default();
        assert_eq!(clock.now(), None);
        clock.read(&headers("Thu, 01 Jan 1970 01:00:00 GMT"));
        tokio::time::advance(Duration::from_millis(2_900)).await;
        assert_eq!(clock.now(), Some(3602));
        clock.read(&HeaderMap::new());
        assert_eq!(clock.now(), Some(3602));
        clock.read(&headers("Thu, 01 Jan 1970 00:00:09 GMT"));
        assert_eq!(clock.now(), Some(9));
    }
}

//! Whether a 401 or 403 is to be believed.
//!
//! It is, at once. Except from an API server that has just been restarted: for some seconds it does not know its Roles
//! and answers 403 to everybody. So what is not allowed right after an outage is asked again for a while.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::{Call, Failure};

/// How long a no may be an echo of an outage, counted from the first answer after it; and how long the same no is
/// doubted at most, however many outages there are.
const ECHO: Duration = Duration::from_secs(15);

/// How the API server is, and since when which no is doubted.
#[derive(Default)]
pub(super) struct Trust {
    server: Server,
    doubted: HashMap<Call, Instant>,
}

#[derive(Default)]
enum Server {
    /// It has always answered.
    #[default]
    Steady,
    /// It does not answer.
    Out,
    /// It answers again.
    BackSince(Instant),
}

impl Trust {
    /// Takes note of a failure that came after, or instead of, an answer.
    pub(super) fn heed(&mut self, failure: &Failure) {
        if failure.is_outage() {
            self.server = Server::Out;
        }
    }

    /// Takes note of an answer, and doubts it if it may be an echo.
    pub(super) fn judge<T>(&mut self, call: &Call, answer: Result<T, Failure>) -> Result<T, Failure> {
        if matches!(self.server, Server::Out) {
            self.server = Server::BackSince(Instant::now());
        }
        if let Err(failure) = &answer {
            self.heed(failure);
        }
        match answer {
            Ok(answer) => {
                self.doubted.remove(call);
                Ok(answer)
            }
            Err(no @ (Failure::Unauthorized(_) | Failure::Forbidden(..))) if self.may_be_an_echo(call) => {
                Err(Failure::Doubtful(Box::new(no)))
            }
            Err(failure) => Err(failure),
        }
    }

    fn may_be_an_echo(&mut self, call: &Call) -> bool {
        let Server::BackSince(back) = self.server else { return false };
        let doubted = *self.doubted.entry(call.clone()).or_insert_with(Instant::now);
        back.elapsed() < ECHO && doubted.elapsed() < ECHO
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::Refusal;
    use super::*;

    const CALL: Call = Call { verb: "list", group: "batch", resource: "jobs", namespace: None };

    fn no() -> Result<(), Failure> {
        Err(Failure::Forbidden(Box::new(CALL), String::new()))
    }

    fn lost() -> Result<(), Failure> {
        Err(Failure::Broken(String::new()))
    }

    fn is_believed(trust: &mut Trust) -> bool {
        matches!(trust.judge(&CALL, no()), Err(Failure::Forbidden(..)))
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_no_right_after_an_outage_is_doubted() {
        let mut trust = Trust::default();
        assert!(is_believed(&mut trust), "there was no outage");
        assert!(trust.judge(&CALL, lost()).is_err());
        assert!(!is_believed(&mut trust));
        assert!(trust.judge(&CALL, Ok(())).is_ok());
        assert!(!is_believed(&mut trust), "not all Roles are known at the same time");
        tokio::time::advance(ECHO).await;
        assert!(is_believed(&mut trust), "the outage was long ago");

        assert!(trust.judge(&CALL, Ok(())).is_ok());
        trust.heed(&Failure::Broken(String::new()));
        tokio::time::advance(4 * ECHO).await;
        assert!(!is_believed(&mut trust), "it has just come back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_no_is_not_doubted_for_ever_though_outages_go_on() {
        let mut trust = Trust::default();
        let doubts = (0..60).take_while(|_| {
            assert!(trust.judge(&CALL, lost()).is_err());
            !is_believed(&mut trust)
        });
        assert_eq!(doubts.count(), 60);
        tokio::time::advance(ECHO).await;
        assert!(trust.judge(&CALL, lost()).is_err());
        assert!(is_believed(&mut trust));
    }

    #[test]
    fn a_server_that_is_busy_or_says_no_is_not_out() {
        for (code, out) in [(429, false), (500, false), (410, false), (502, true), (503, true), (504, true)] {
            let failure = Failure::Refused(Refusal {
                code,
                message: String::new(),
                retry_after: None,
                causes: Vec::new(),
            });
            assert_eq!(failure.is_outage(), out, "{code}");
        }
    }
}

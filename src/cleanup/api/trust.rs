//! Whether a 401 or 403 is to be believed.
//!
//! It is, at once. Except from an API server that has just been restarted: for some seconds it does not know its Roles
//! and answers 403 to everybody. So what was allowed before, and right after trouble is not any more, is asked again
//! for a while.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::{Call, Failure};

/// How long after trouble a no may be an echo of it.
const ECHO: Duration = Duration::from_secs(15);

/// What the API server has granted, and when it was last in trouble.
#[derive(Default)]
pub(super) struct Trust {
    granted: HashSet<(&'static str, &'static str)>,
    trouble: Option<Instant>,
}

impl Trust {
    /// Takes note of an answer, and doubts it if it may be an echo.
    pub(super) fn judge<T>(&mut self, call: &Call, answer: Result<T, Failure>) -> Result<T, Failure> {
        let key = (call.verb, call.resource);
        match answer {
            Ok(answer) => {
                self.granted.insert(key);
                Ok(answer)
            }
            Err(no @ (Failure::Unauthorized(_) | Failure::Forbidden(..))) => {
                let echo = self.trouble.is_some_and(|since| since.elapsed() < ECHO);
                Err(if echo && self.granted.contains(&key) { Failure::Doubtful(Box::new(no)) } else { no })
            }
            Err(failure) => {
                if failure.is_passing() {
                    self.trouble = Some(Instant::now());
                }
                Err(failure)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(verb: &'static str) -> Call {
        Call { verb, group: "batch", resource: "jobs", namespace: None }
    }

    fn no() -> Result<(), Failure> {
        Err(Failure::Forbidden(Box::new(call("list")), String::new()))
    }

    fn lost() -> Result<(), Failure> {
        Err(Failure::Broken(String::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_no_to_what_was_allowed_right_after_trouble_is_doubted() {
        let mut trust = Trust::default();
        let believed = |answer| matches!(answer, Err(Failure::Forbidden(..)));
        assert!(believed(trust.judge(&call("list"), no())));
        assert!(trust.judge(&call("list"), Ok(())).is_ok());
        assert!(believed(trust.judge(&call("list"), no())), "there was no trouble");
        assert!(trust.judge(&call("list"), lost()).is_err());
        assert!(matches!(trust.judge(&call("list"), no()), Err(Failure::Doubtful(_))));
        assert!(believed(trust.judge(&call("delete"), no())), "that was never allowed");
        tokio::time::advance(ECHO).await;
        assert!(believed(trust.judge(&call("list"), no())), "the trouble was long ago");
    }
}

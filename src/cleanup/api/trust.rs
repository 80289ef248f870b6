//! Whether a 401 or 403 is to be believed.
//!
//! It is, at once. Except from an API server that has just been restarted: for some seconds it does not know its Roles
//! and answers 403 to everybody. So what was allowed before, and right after trouble is not any more, is asked again
//! for a while.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::{Call, Failure};

/// How long a no may be an echo of trouble, counted from the first answer after it.
const ECHO: Duration = Duration::from_secs(15);

/// What the API server has granted, and how it is after trouble.
#[derive(Default)]
pub(super) struct Trust {
    granted: HashSet<Call>,
    troubled: bool,
    answers_since: Option<Instant>,
}

impl Trust {
    /// Takes note of an answer, and doubts it if it may be an echo.
    pub(super) fn judge<T>(&mut self, call: &Call, answer: Result<T, Failure>) -> Result<T, Failure> {
        match &answer {
            Err(failure) if failure.is_passing() => (self.troubled, self.answers_since) = (true, None),
            _ if self.troubled && self.answers_since.is_none() => self.answers_since = Some(Instant::now()),
            _ => {}
        }
        match answer {
            Ok(answer) => {
                if !self.granted.contains(call) {
                    self.granted.insert(call.clone());
                }
                Ok(answer)
            }
            Err(no @ (Failure::Unauthorized(_) | Failure::Forbidden(..))) => {
                let echo = self.answers_since.is_some_and(|since| since.elapsed() < ECHO);
                Err(if echo && self.was_granted(call) { Failure::Doubtful(Box::new(no)) } else { no })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Whether it was allowed before. What a sweep of all namespaces may do in one, it may do in each.
    fn was_granted(&self, call: &Call) -> bool {
        let everywhere = self.granted.iter().any(|granted| granted.namespace.is_none());
        let same = |granted: &Call| granted.verb == call.verb && granted.resource == call.resource;
        self.granted.contains(call) || (everywhere && self.granted.iter().any(same))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(verb: &'static str) -> Call {
        Call { verb, group: "batch", resource: "jobs", namespace: None }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_allowed_in_one_namespace_was_not_in_another() {
        let within = |name: &str| Call { namespace: Some(name.to_owned()), ..call("list") };
        let mut trust = Trust::default();
        assert!(
            trust.judge(&within("shop"), Ok(())).is_ok() && trust.judge(&within("shop"), lost()).is_err()
        );
        assert!(matches!(trust.judge(&within("shop"), no()), Err(Failure::Doubtful(_))));
        assert!(matches!(trust.judge(&within("other"), no()), Err(Failure::Forbidden(..))));
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
        let elsewhere = Call { namespace: Some("shop".to_owned()), ..call("list") };
        assert!(matches!(trust.judge(&elsewhere, no()), Err(Failure::Doubtful(_))), "all were allowed");
        tokio::time::advance(ECHO).await;
        assert!(believed(trust.judge(&call("list"), no())), "the trouble was long ago");
        assert!(trust.judge(&call("list"), lost()).is_err());
        tokio::time::advance(4 * ECHO).await;
        assert!(
            matches!(trust.judge(&call("list"), no()), Err(Failure::Doubtful(_))),
            "it has just come back"
        );
    }
}

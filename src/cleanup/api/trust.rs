//! Whether a 401 or 403 is to be believed.
//!
//! It is, at once. Except from an API server that has just been restarted: for some seconds it does not know its Roles
//! and answers 403 to everybody. So what is not allowed right after trouble is asked again for a while.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;

/// How long a no may be an echo of trouble, counted from the first answer after it.
const ECHO: Duration = Duration::from_secs(15);

/// How the API server is after trouble.
#[derive(Default)]
pub(super) struct Trust {
    troubled: bool,
    answers_since: Option<Instant>,
}

impl Trust {
    /// Takes note of trouble.
    pub(super) fn trouble(&mut self) {
        *self = Self { troubled: true, answers_since: None };
    }

    /// Takes note of an answer, and doubts it if it may be an echo.
    pub(super) fn judge<T>(&mut self, answer: Result<T, Failure>) -> Result<T, Failure> {
        match &answer {
            Err(failure) if failure.is_passing() => self.trouble(),
            _ if self.troubled && self.answers_since.is_none() => self.answers_since = Some(Instant::now()),
            _ => {}
        }
        let echo = self.answers_since.is_some_and(|since| since.elapsed() < ECHO);
        answer.map_err(|failure| match failure {
            no @ (Failure::Unauthorized(_) | Failure::Forbidden(..)) if echo => {
                Failure::Doubtful(Box::new(no))
            }
            failure => failure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::Call;
    use super::*;

    fn no() -> Result<(), Failure> {
        let call = Call { verb: "list", group: "batch", resource: "jobs", namespace: None };
        Err(Failure::Forbidden(Box::new(call), String::new()))
    }

    fn lost() -> Result<(), Failure> {
        Err(Failure::Broken(String::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_no_right_after_trouble_is_doubted() {
        let mut trust = Trust::default();
        let believed = |answer| matches!(answer, Err(Failure::Forbidden(..)));
        let doubted = |answer| matches!(answer, Err(Failure::Doubtful(_)));
        assert!(believed(trust.judge(no())), "there was no trouble");
        assert!(trust.judge(lost()).is_err());
        assert!(doubted(trust.judge(no())));
        assert!(trust.judge(Ok(())).is_ok());
        assert!(doubted(trust.judge(no())), "not all Roles are known at the same time");
        tokio::time::advance(ECHO).await;
        assert!(believed(trust.judge(no())), "the trouble was long ago");
        trust.trouble();
        tokio::time::advance(4 * ECHO).await;
        assert!(doubted(trust.judge(no())), "it has just come back");
    }
}

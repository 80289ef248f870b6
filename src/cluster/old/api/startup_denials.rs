//! Distinguishes a real permission error from one that a restarting API server sends before it has loaded its RBAC rules.
//!
//! For some seconds after its start, an API server may respond with 401 or 403 to valid requests. So such a response right after an
//! outage may be temporary, and the request is sent again for a while. At any other time the error is final.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;
use super::permission::Permission;

/// After an outage, an API server may lack its RBAC rules for this long, counted from its first response. Requests that need the
/// same permission are retried for at most this long, even if more outages follow.
const RECOVERY: Duration = Duration::from_secs(15);

/// The last outage of the API server, and the permission errors after it.
#[derive(Default)]
pub(super) struct StartupDenials {
    /// Whether the last request met an outage.
    unavailable: bool,
    /// When the API server first responded after the last outage.
    available_again: Option<Instant>,
    denied_since: HashMap<Permission, Instant>,
}

impl StartupDenials {
    /// Records a failure that `check` does not see, such as a connection that breaks while a watch is read.
    pub(super) fn record(&mut self, failure: &Failure) {
        self.unavailable |= failure.is_outage();
    }

    /// Records the result of a request, and marks a permission error that may recover.
    pub(super) fn check<T>(
        &mut self,
        permission: &Permission,
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        // Assumes that this is a response. Otherwise `record` corrects it below.
        if std::mem::take(&mut self.unavailable) {
            self.available_again = Some(Instant::now());
        }
        match result {
            Ok(response) => {
                self.denied_since.remove(permission);
                Ok(response)
            }
            Err(denied @ (Failure::Unauthorized(_) | Failure::Forbidden(..)))
                if self.may_recover(permission) =>
            {
                Err(Failure::MayRecover(Box::new(denied)))
            }
            Err(failure) => {
                self.record(&failure);
                Err(failure)
            }
        }
    }

    fn may_recover(&mut self, permission: &Permission) -> bool {
        let Some(since) = self.available_again else { return false };
        let denied_since = *self.denied_since.entry(permission.clone()).or_insert_with(Instant::now);
        since.elapsed() < RECOVERY && denied_since.elapsed() < RECOVERY
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::Refusal;
    use super::*;

    const LIST: Permission = Permission { verb: "list", group: "batch", resource: "jobs", namespace: None };

    fn denied() -> Result<(), Failure> {
        Err(Failure::Forbidden(Box::new(LIST), String::new()))
    }

    fn lost() -> Result<(), Failure> {
        Err(Failure::ConnectionLost(String::new()))
    }

    fn is_final(denials: &mut StartupDenials) -> bool {
        matches!(denials.check(&LIST, denied()), Err(Failure::Forbidden(..)))
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_permission_error_right_after_an_outage_may_recover() {
        let mut denials = StartupDenials::default();
        assert!(is_final(&mut denials), "there was no outage");
        assert!(denials.check(&LIST, lost()).is_err());
        assert!(!is_final(&mut denials));
        assert!(denials.check(&LIST, Ok(())).is_ok());
        assert!(!is_final(&mut denials), "the API server does not load all Roles at once");
        tokio::time::advance(RECOVERY).await;
        assert!(is_final(&mut denials), "the outage was long ago");

        assert!(denials.check(&LIST, Ok(())).is_ok());
        denials.record(&Failure::ConnectionLost(String::new()));
        tokio::time::advance(4 * RECOVERY).await;
        assert!(!is_final(&mut denials), "the API server has just come back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_permission_error_is_final_in_the_end_though_outages_go_on() {
        let mut denials = StartupDenials::default();
        let recoverable = (0..60).take_while(|_| {
            assert!(denials.check(&LIST, lost()).is_err());
            !is_final(&mut denials)
        });
        assert_eq!(recoverable.count(), 60);
        tokio::time::advance(RECOVERY).await;
        assert!(denials.check(&LIST, lost()).is_err());
        assert!(is_final(&mut denials));
    }

    #[test]
    fn only_gateway_errors_count_as_an_outage() {
        for (code, out) in [(429, false), (500, false), (410, false), (502, true), (503, true), (504, true)] {
            let failure = Failure::Refused(Refusal { code, ..Refusal::default() });
            assert_eq!(failure.is_outage(), out, "{code}");
        }
    }
}

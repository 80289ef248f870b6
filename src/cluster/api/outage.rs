//! Tells a real permission error from one that a restarting API server sends before it has loaded its RBAC rules.
//!
//! For some seconds after its start, an API server answers 403 to everybody. So a 401 or 403 right after an outage may
//! recover, and the request is sent again for a while. At any other time the error is final.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::failure::Failure;
use super::permission::Permission;

/// How long after its first response an API server may lack its RBAC rules. This also limits how long one permission
/// error is retried, however many outages follow each other.
const RECOVERY: Duration = Duration::from_secs(15);

/// The last outage of the API server, and the permission errors after it.
#[derive(Default)]
pub(super) struct Outage {
    server: Server,
    denied_since: HashMap<Permission, Instant>,
}

#[derive(Default)]
enum Server {
    #[default]
    Available,
    Unavailable,
    AvailableAgain(Instant),
}

impl Outage {
    /// Records a failure without a response, or after one.
    pub(super) fn record(&mut self, failure: &Failure) {
        if failure.is_outage() {
            self.server = Server::Unavailable;
        }
    }

    /// Records the result of a request, and marks a permission error that may recover.
    pub(super) fn check<T>(
        &mut self,
        permission: &Permission,
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        if matches!(self.server, Server::Unavailable) {
            self.server = Server::AvailableAgain(Instant::now());
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
        let Server::AvailableAgain(since) = self.server else { return false };
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

    fn is_final(outage: &mut Outage) -> bool {
        matches!(outage.check(&LIST, denied()), Err(Failure::Forbidden(..)))
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_permission_error_right_after_an_outage_may_recover() {
        let mut outage = Outage::default();
        assert!(is_final(&mut outage), "there was no outage");
        assert!(outage.check(&LIST, lost()).is_err());
        assert!(!is_final(&mut outage));
        assert!(outage.check(&LIST, Ok(())).is_ok());
        assert!(!is_final(&mut outage), "the API server does not load all Roles at once");
        tokio::time::advance(RECOVERY).await;
        assert!(is_final(&mut outage), "the outage was long ago");

        assert!(outage.check(&LIST, Ok(())).is_ok());
        outage.record(&Failure::ConnectionLost(String::new()));
        tokio::time::advance(4 * RECOVERY).await;
        assert!(!is_final(&mut outage), "the API server has just come back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_permission_error_is_final_in_the_end_though_outages_go_on() {
        let mut outage = Outage::default();
        let recoverable = (0..60).take_while(|_| {
            assert!(outage.check(&LIST, lost()).is_err());
            !is_final(&mut outage)
        });
        assert_eq!(recoverable.count(), 60);
        tokio::time::advance(RECOVERY).await;
        assert!(outage.check(&LIST, lost()).is_err());
        assert!(is_final(&mut outage));
    }

    #[test]
    fn a_server_that_is_busy_or_says_no_is_not_out() {
        for (code, out) in [(429, false), (500, false), (410, false), (502, true), (503, true), (504, true)] {
            let failure = Failure::Refused(Refusal { code, ..Refusal::default() });
            assert_eq!(failure.is_outage(), out, "{code}");
        }
    }
}

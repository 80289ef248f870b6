//! The last words of a Job's pods, read before the Job and its pods are deleted.

use std::cell::RefCell;
use std::collections::HashSet;

use super::api::{Api, Failure};
use super::say::Say;
use super::sweep::{Level, Order, PodLog};

/// How many lines a Job gets that asks for its logs, when the user has not said.
const LINES: u32 = 20;
/// How often a deletion is put off because the pods could not be listed.
const ATTEMPTS: u32 = 4;

/// Reads logs, as long as that is allowed.
pub(crate) struct Logs<'a> {
    tail: Option<u32>,
    say: &'a Say,
    level: Level,
    /// The namespaces whose logs we may not read.
    forbidden: RefCell<HashSet<String>>,
}

impl<'a> Logs<'a> {
    /// What the user wants to see, and how loud.
    pub(crate) fn new(tail: Option<u32>, level: Level, say: &'a Say) -> Self {
        Self { tail, say, level, forbidden: RefCell::default() }
    }

    /// Reads and says what is wanted of a Job's logs; `None` if nothing is. Trouble that may pass is an error, a few
    /// times, since there is no other chance to read them; any other trouble is said, and stops nothing.
    pub(crate) async fn of(&self, api: &Api, order: &Order) -> Result<Option<Vec<PodLog>>, Failure> {
        let lines = wanted(self.tail, order);
        if lines == 0 || order.logs_read || self.is_forbidden(order) {
            return Ok(None);
        }
        let mut logs = Vec::new();
        match self.read(api, order, lines, &mut logs).await {
            Ok(()) => {}
            Err(failure) if failure.is_passing() && order.log_failures + 1 < ATTEMPTS => return Err(failure),
            Err(failure) => {
                // One warning for a namespace is enough, however many are under way.
                if !self.is_forbidden(order) {
                    self.say.warning(format_args!("no logs of {}: {failure}", order.id));
                }
                if matches!(failure, Failure::Forbidden(..)) {
                    self.forbidden.borrow_mut().insert(order.id.namespace.clone());
                }
            }
        }
        for PodLog { pod, container, lines } in &logs {
            let heading = format_args!("last lines of {}, pod {pod}, container {container}", order.id);
            self.say.log(self.level, heading, lines);
        }
        Ok(Some(logs))
    }

    fn is_forbidden(&self, order: &Order) -> bool {
        self.forbidden.borrow().contains(&order.id.namespace)
    }

    async fn read(
        &self,
        api: &Api,
        order: &Order,
        lines: u32,
        logs: &mut Vec<PodLog>,
    ) -> Result<(), Failure> {
        for (pod, containers) in api.pods(&order.id).await? {
            for container in containers {
                match api.log(&order.id.namespace, &pod, &container, lines).await {
                    Ok(text) if text.is_empty() => {}
                    Ok(text) => {
                        let lines = text.lines().map(str::to_owned).collect();
                        logs.push(PodLog { pod: pod.clone(), container, lines });
                    }
                    // A container that never started has nothing to say.
                    Err(Failure::Refused(refusal)) if !Failure::Refused(refusal.clone()).is_passing() => {
                        self.say
                            .detail(format_args!("no log of pod {pod}, container {container}: {refusal}"));
                    }
                    // What one cannot be asked for, another may still tell, if this is the last time we ask.
                    Err(failure) if failure.is_passing() && order.log_failures + 1 >= ATTEMPTS => {
                        self.say
                            .warning(format_args!("no log of pod {pod}, container {container}: {failure}"));
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(())
    }
}

/// How many lines of a Job's logs are wanted.
fn wanted(tail: Option<u32>, order: &Order) -> u32 {
    match tail {
        Some(lines) if order.failed || order.logs_by_policy => lines,
        None if order.logs_by_policy => LINES,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::job::JobId;

    #[test]
    fn logs_are_read_when_the_user_or_the_job_asks() {
        let order = |failed, logs_by_policy| Order {
            id: JobId { namespace: "shop".to_owned(), name: "migrate".to_owned(), uid: "u1".to_owned() },
            version: Some("1".to_owned()),
            failed,
            logs_by_policy,
            logs_read: false,
            failures: 0,
            log_failures: 0,
        };
        for (tail, failed, by_policy, lines) in [
            (None, true, false, 0),
            (None, true, true, 20),
            (None, false, true, 20),
            (Some(5), true, false, 5),
            (Some(5), false, false, 0),
            (Some(5), false, true, 5),
            (Some(0), true, true, 0),
        ] {
            assert_eq!(wanted(tail, &order(failed, by_policy)), lines, "{tail:?} {failed} {by_policy}");
        }
    }
}

//! The cleanup on a real control plane: every test runs the built binary as a ServiceAccount that has only the
//! shipped Role, and looks at the whole namespace afterwards.

#![allow(missing_docs, reason = "a test's name is its documentation")]

mod between;
mod policy;
mod stage;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run(trials![
        policy::a_job_that_succeeded_or_failed_is_deleted_if_its_policy_names_that,
        policy::a_policy_is_read_by_whole_words,
        policy::a_job_whose_policy_names_no_outcome_is_not_waited_for_but_reported,
        policy::before_hook_creation_deletes_however_a_job_ended_when_asked_for,
        policy::a_running_job_is_not_deleted_before_its_end_even_then,
    ])
}

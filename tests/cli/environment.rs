//! The default policy as an argument and as an environment variable.

use crate::{PLAIN, jobsweep, refuses, run, writes};

const VARIABLE: &str = "JOBSWEEP_DEFAULT_POLICY";

fn with(policy: &str) -> String {
    format!("{PLAIN}  annotations:\n    kots.io/hook-delete-policy: {policy}\n")
}

#[test]
fn a_variable_is_an_argument_that_was_not_given() {
    writes(jobsweep(&[]).env(VARIABLE, "hook-failed").stdin(PLAIN), &with("hook-failed"));
    let both = jobsweep(&["--default-policy=hook-succeeded"]).env(VARIABLE, "hook-failed");
    writes(both.stdin(PLAIN), &with("hook-succeeded"));
}

#[test]
fn an_empty_policy_is_none() {
    writes(jobsweep(&["--default-policy="]).stdin(PLAIN), PLAIN);
    writes(jobsweep(&[]).env(VARIABLE, "").stdin(PLAIN), PLAIN);
    writes(jobsweep(&["--default-policy="]).env(VARIABLE, "hook-failed").stdin(PLAIN), PLAIN);
}

#[test]
fn a_policy_by_which_nothing_is_swept_is_wrong_usage() {
    for (policy, why) in [
        ("hook-succeded", "\"hook-succeded\" is none of hook-succeeded, hook-failed, before-hook-creation"),
        (
            "before-hook-creation",
            "it names neither hook-succeeded nor hook-failed, so no Job would ever be swept",
        ),
    ] {
        let variable = jobsweep(&[]).env(VARIABLE, policy).stdin(PLAIN);
        refuses(variable, 2, &format!("jobsweep: {VARIABLE}: {why}\n"));
        let argument = run(jobsweep(&["--default-policy", policy]).stdin(PLAIN));
        let said = argument.stderr();
        assert!(said.starts_with("jobsweep: invalid value '") && said.contains(why), "{said}");
        assert_eq!((&*argument.stdout(), argument.code()), ("", Some(2)));
    }
}

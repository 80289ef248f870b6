//! The filter as a KRM function: where its options come from.

use crate::{jobsweep, refuses, run, writes};

const VARIABLE: &str = "JOBSWEEP_DEFAULT_POLICY";

/// A list with a Job that has this policy, and with these options.
fn list(policy: &str, options: &str) -> String {
    let annotations = format!("    annotations:\n      {policy}\n");
    format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n- apiVersion: batch/v1\n  kind: Job\n  metadata:\n    \
         name: migrate\n{}functionConfig:\n  apiVersion: v1\n  kind: ConfigMap\n  data: {{{options}}}\n",
        if policy.is_empty() { "" } else { &annotations }
    )
}

#[test]
fn the_function_config_is_weaker_than_arguments_and_stronger_than_the_environment() {
    let options = "default-policy: hook-failed";
    let with = |policy: &str| list(&format!("kots.io/hook-delete-policy: {policy}"), options);
    let function = |args: &[&str]| jobsweep(args).stdin(list("", options));
    writes(function(&[]), &with("hook-failed"));
    writes(function(&[]).env(VARIABLE, "hook-succeeded"), &with("hook-failed"));
    writes(function(&["--default-policy=hook-succeeded"]), &with("hook-succeeded"));
    writes(function(&["--default-policy="]), &list("", options));
    let none = list("", "default-policy: ''");
    writes(jobsweep(&[]).env(VARIABLE, "hook-failed").stdin(none.as_str()), &none);
}

#[test]
fn strict_is_an_argument_or_an_option() {
    let job = "kots.io/hook-delete-policy: later";
    for (args, options, code) in
        [(&[][..], "strict: 'false'", 0), (&[], "strict: 'true'", 65), (&["--strict"], "strict: 'false'", 65)]
    {
        let finished = run(jobsweep(args).stdin(list(job, options)));
        assert_eq!(finished.code(), Some(code), "{args:?} {options}");
        let severity = if code == 0 { "\"severity\": \"warning\"" } else { "\"severity\": \"error\"" };
        assert!(finished.stdout().starts_with(&list(job, options)), "{}", finished.stdout());
        assert!(finished.stdout().contains(severity), "{}", finished.stdout());
        assert!(finished.stderr().contains("the unknown word \"later\""), "{}", finished.stderr());
    }
}

#[test]
fn no_cleanup_is_injected_into_a_list() {
    let said = "jobsweep: --inject-cleanup appends manifests, but kustomize and kpt expect one ResourceList; use \
                examples/cleanup-job.yaml as one of the resources instead\n";
    let injected = jobsweep(&["--inject-cleanup=sweep"]).stdin(list("", ""));
    refuses(injected, 2, said);
}

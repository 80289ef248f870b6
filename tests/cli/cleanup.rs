//! The cleanup without a cluster: arguments and environment.

use crate::{PLAIN, folder, jobsweep, refuses, run};

const NOWHERE: [&str; 3] = ["--cleanup", "--kubeconfig", "/no/such/kubeconfig"];

#[test]
fn it_takes_no_argument_of_the_filter() {
    for (argument, name) in [
        ("--strict", "--strict"),
        ("--default-policy=hook-failed", "--default-policy <POLICY>"),
        ("--log-file=x", "--log-file <FILE>"),
        ("--inject-cleanup", "--inject-cleanup[=<NAME>]"),
    ] {
        let refused = run(jobsweep(&["--cleanup", argument])).expect_code(2).unwrap();
        let said = refused.stderr();
        let what = format!("jobsweep: the argument '{name}' cannot be used with '--cleanup'\n");
        let turned = format!("jobsweep: the argument '--cleanup' cannot be used with '{name}'\n");
        assert!(said.starts_with(&what) || said.starts_with(&turned), "{said}");
    }
}

#[test]
fn the_variables_of_the_filter_mean_nothing_to_it() {
    let log = folder("cleanup").join("log");
    let plain = run(jobsweep(&NOWHERE));
    let program = jobsweep(&NOWHERE).env("JOBSWEEP_DEFAULT_POLICY", "nonsense");
    let finished = run(program.env("JOBSWEEP_LOG_FILE", &log));
    assert_eq!(finished.stderr(), plain.stderr());
    assert!(!log.exists());
}

#[test]
fn what_cannot_start_says_why_and_reports_nothing() {
    let first = run(jobsweep(&NOWHERE));
    let said = first.stderr();
    assert!(
        said.starts_with("jobsweep: cannot find a cluster: ") && said.contains("/no/such/kubeconfig"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    for more in [&[][..], &["-v"], &["-q"], &["-oname"]] {
        refuses(jobsweep(&[&NOWHERE, more].concat()), 1, &said);
    }
    let json = run(jobsweep(&[&NOWHERE[..], &["-ojson"]].concat())).expect_code(1).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&report["end"], &report["jobs"]), (&"error".into(), &serde_json::json!([])));
    assert!(said.contains(report["error"].as_str().unwrap()), "{report}");
}

/// The injected Role allows one namespace: that of `--cleanup-namespace`, or else the one that everything is applied to.
#[test]
fn an_injected_cleanup_sweeps_its_own_namespace_only() {
    let inject = |args: &[&str]| run(jobsweep(&[&["--inject-cleanup"], args].concat()).stdin(PLAIN));
    for args in [
        &["--cleanup-arg=--all-namespaces"][..],
        &["--cleanup-arg=-A"],
        &["--cleanup-arg=-vA"],
        &["--cleanup-arg=-n", "--cleanup-arg=shop"],
        &["--cleanup-arg=-nshop"],
        &["--cleanup-arg=--namespace=shop"],
        &["--cleanup-namespace=shop", "--cleanup-arg=--namespace=other"],
        &["--cleanup-namespace=shop", "--cleanup-arg=--namespace=shop", "--cleanup-arg=-nother"],
        &["--cleanup-namespace=shop", "--cleanup-arg=-A"],
    ] {
        let refused = inject(args).expect_code(2).unwrap();
        let said = refused.stderr();
        let everywhere = args.iter().any(|arg| arg.ends_with('A') || arg.ends_with("--all-namespaces"));
        let instead = if everywhere { "charts/jobsweep with scope: cluster" } else { "--cleanup-namespace" };
        assert!(said.starts_with("jobsweep: --cleanup-arg: ") && said.contains(instead), "{args:?}: {said}");
        assert_eq!(refused.stdout(), "");
    }
    let own = inject(&["--cleanup-namespace=shop", "--cleanup-arg=--namespace=shop", "--cleanup-arg=-nshop"]);
    assert_eq!((&*own.stderr(), own.code()), ("", Some(0)));
}

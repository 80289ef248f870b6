//! The cleanup without a cluster: arguments and environment.

use jobsweep_harness::process::Program;

use crate::{PLAIN, folder, jobsweep, refuses, run};

const NOWHERE: [&str; 3] = ["--cleanup", "--kubeconfig", "/no/such/kubeconfig"];

#[test]
fn an_option_of_another_mode_is_an_error_that_says_which_mode_has_it() {
    for (args, error) in [
        (
            &["--cleanup", "--strict"][..],
            "--strict is an option of the filter and --unblock, not of --cleanup",
        ),
        (
            &["--cleanup", "--log-file", "x"],
            "--log-file is an option of the filter and --unblock, not of --cleanup",
        ),
        (
            &["--cleanup", "--inject-cleanup"],
            "--inject-cleanup is an option of the filter and --unblock, not of --cleanup",
        ),
        (&["--man", "--cleanup"], "--man is an option of the filter, not of --cleanup"),
        (&["--unblock", "--settle=1s"], "--settle is an option of --cleanup, not of --unblock"),
        (&["unblock", "--settle=1s"], "--settle is an option of --cleanup, not of --unblock"),
        (&["cleanup", "--strict"], "--strict is an option of the filter and --unblock, not of --cleanup"),
        (
            &["--cleanup", "--default-policy=hook-failed"],
            "--default-policy needs --release or --namespace, and no --all-namespaces",
        ),
        (
            &["--cleanup", "--default-policy=hook-failed", "-A", "--release=shop"],
            "--default-policy needs --release or --namespace, and no --all-namespaces",
        ),
        (&["-l", "a=b"], "-l is an option of --cleanup, not of the filter"),
        (&["-n", "shop"], "-n is an option of --unblock and --cleanup, not of the filter"),
        (&["--unblock", "--cleanup"], "--unblock and --cleanup are different modes; give one of them"),
    ] {
        let refused = run(jobsweep(args).stdin(PLAIN)).expect_code(2).unwrap();
        let said = refused.stderr();
        assert!(said.starts_with(&format!("jobsweep: {error}\n")), "{args:?}: {said}");
        assert_eq!(refused.stdout(), "");
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
fn how_long_ago_a_job_must_have_finished_is_read_from_its_variable_too() {
    let plain = run(jobsweep(&NOWHERE));
    for value in ["", "0", "15m"] {
        let finished = run(jobsweep(&NOWHERE).env("JOBSWEEP_FINISHED_FOR", value));
        assert_eq!((finished.code(), finished.stderr()), (plain.code(), plain.stderr()), "{value:?}");
    }
    let wrong = "expected a duration like 90s, 5m or 1h30m";
    let by_variable = jobsweep(&NOWHERE).env("JOBSWEEP_FINISHED_FOR", "15 minuets");
    refuses(by_variable, 2, &format!("jobsweep: JOBSWEEP_FINISHED_FOR is \"15 minuets\": {wrong}\n"));
    let overruled = jobsweep(&[&NOWHERE[..], &["--finished-for=15m"]].concat());
    assert_eq!(run(overruled.env("JOBSWEEP_FINISHED_FOR", "nonsense")).code(), plain.code());
    let by_argument = run(jobsweep(&[&NOWHERE[..], &["--finished-for=soon"]].concat()));
    assert_eq!(by_argument.code(), Some(2));
    // It is the cleanup's alone.
    let filter = jobsweep(&[]).env("JOBSWEEP_FINISHED_FOR", "nonsense").stdin(PLAIN);
    assert_eq!(run(filter).code(), Some(0));
    assert_eq!(run(jobsweep(&["--finished-for=15m"]).stdin(PLAIN)).code(), Some(2));
}

#[test]
fn what_cannot_start_says_why_and_reports_nothing() {
    let first = run(jobsweep(&NOWHERE));
    let said = first.stderr();
    assert_eq!(
        said,
        "jobsweep: cannot find a cluster: /no/such/kubeconfig: No such file or directory (os error 2)\n"
    );
    for more in [&[][..], &["-v"], &["-q"], &["-oname"]] {
        refuses(jobsweep(&[&NOWHERE, more].concat()), 1, &said);
    }
    let json = run(jobsweep(&[&NOWHERE[..], &["-ojson"]].concat())).expect_code(1).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&report["end"], &report["jobs"]), (&"error".into(), &serde_json::json!([])));
    assert!(said.contains(report["error"].as_str().unwrap()), "{report}");
}

/// The injected Role allows one namespace: the one that everything is applied to.
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
    ] {
        let refused = inject(args).expect_code(2).unwrap();
        let said = refused.stderr();
        let instead = "charts/jobsweep with scope: cluster";
        assert!(said.starts_with("jobsweep: --cleanup-arg: ") && said.contains(instead), "{args:?}: {said}");
        assert_eq!(refused.stdout(), "");
    }
    let own = inject(&["--cleanup-arg=--release=shop", "--cleanup-arg=--default-policy=hook-failed"]);
    assert_eq!((&*own.stderr(), own.code()), ("", Some(0)));
    let refused = inject(&["--cleanup-arg=--default-policy=hook-failed"]).expect_code(2).unwrap();
    assert!(refused.stderr().starts_with("jobsweep: --cleanup-arg: --default-policy needs --release"));
}

fn kubeconfig(server: &str, user: &str) -> String {
    format!(
        "{{clusters: [{{name: a, cluster: {{server: '{server}'}}}}], users: [{{name: a, user: {user}}}],
            contexts: [{{name: a, context: {{cluster: a, user: a}}}}], current-context: a}}"
    )
}

/// What the cleanup says with a kubeconfig of this server and this user, in a folder of this name. `env` puts its path into the
/// environment.
fn with_kubeconfig(name: &str, server: &str, user: &str, env: impl Fn(Program, &str) -> Program) -> String {
    let path = folder(name).join("kubeconfig");
    std::fs::write(&path, kubeconfig(server, user)).unwrap();
    let sweep = env(jobsweep(&["--cleanup", "--timeout=0"]), path.to_str().unwrap());
    run(sweep).expect_code(1).unwrap().stderr().into_owned()
}

fn in_environment(sweep: Program, path: &str) -> Program {
    sweep.env("KUBECONFIG", path)
}

#[cfg(unix)]
#[test]
fn a_kubeconfig_that_would_make_the_client_panic_is_an_error() {
    let said = with_kubeconfig("kubeconfig-scheme", "127.0.0.1:1", "{}", in_environment);
    assert!(
        said.ends_with("kubeconfig: the server address 127.0.0.1:1 must begin with https://\n"),
        "{said}"
    );
    let plugin = r#"{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: printf, args:
        ['{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"a\\nb"}}']}}"#;
    let said = with_kubeconfig("kubeconfig-plugin", "https://127.0.0.1:1", plugin, in_environment);
    let wrong = "kubeconfig: the token has a character that no HTTP header can have\n";
    assert!(
        said.starts_with("jobsweep: no credentials for the API server: ") && said.ends_with(wrong),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn files_of_kubeconfig_that_do_not_exist_are_skipped_as_by_kubectl() {
    for list in [|path: &str| format!("/no/such/file:{path}"), |path: &str| format!("{path}:/no/such/file")] {
        let said = with_kubeconfig("kubeconfig-list", "http://127.0.0.1:1", "{}", |sweep, path| {
            sweep.env("KUBECONFIG", list(path))
        });
        assert!(said.starts_with("jobsweep: no connection to the API server: "), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_context_that_does_not_exist_is_an_error_that_names_the_others() {
    let path = folder("kubeconfig-nope").join("kubeconfig");
    std::fs::write(
        &path,
        "{contexts: [{name: dev, context: {cluster: a}}, {name: prod, context: {cluster: a}}]}",
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let expected = format!("jobsweep: cannot find a cluster: no context nope in {path}; it has: dev, prod\n");
    refuses(jobsweep(&["--cleanup", "--context=nope", "--kubeconfig", path]), 1, &expected);
}

/// Otherwise the current context would count, which may be that of another cluster.
#[cfg(unix)]
#[test]
fn a_context_of_helm_that_is_not_utf_8_is_not_ignored() {
    use std::os::unix::ffi::OsStrExt;
    let said = with_kubeconfig("kubeconfig-context", "http://127.0.0.1:1", "{}", |sweep, path| {
        let sweep = in_environment(sweep, path).env("HELM_PLUGIN_NAME", "sweep");
        sweep.env("HELM_KUBECONTEXT", std::ffi::OsStr::from_bytes(b"a\xff"))
    });
    assert!(said.starts_with("jobsweep: cannot find a cluster: "), "{said}");
}

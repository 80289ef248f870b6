//! The program under the name that kubectl gives its plugins.

use std::os::unix::fs::symlink;

use jobsweep_harness::process::Program;

use crate::{folder, jobsweep, refuses, run};

/// The link that krew makes.
fn plugin(test: &str) -> Program {
    let link = folder(test).join("kubectl-sweep_jobs");
    symlink(env!("CARGO_BIN_EXE_jobsweep"), &link).unwrap();
    Program::new(link)
}

#[test]
fn it_is_the_cleanup() {
    let nowhere = "--kubeconfig=/no/such/kubeconfig";
    let cleanup = run(jobsweep(&["--cleanup", nowhere]));
    let plugin = plugin("kubectl-cleanup");
    for args in [&[nowhere][..], &[nowhere, "--cleanup"]] {
        refuses(plugin.clone().args(args), 1, &cleanup.stderr());
    }
}

#[test]
fn its_help_has_kubectls_name_and_only_the_options_of_the_cleanup() {
    let plugin = plugin("kubectl-help");
    for help in ["-h", "--help"] {
        let help = run(plugin.clone().arg(help)).expect_success().unwrap().stdout().into_owned();
        assert!(help.contains("Usage: kubectl sweep-jobs [OPTIONS]\n"), "{help}");
        assert!(help.contains("--before-hook-creation") && help.contains("--namespace"), "{help}");
        for other in ["--strict", "--inject-cleanup", "--unblock", "--completions", "--cleanup"] {
            let is_listed = help.lines().any(|line| line.trim().split(' ').next() == Some(other));
            assert!(!is_listed, "{other}: {help}");
        }
    }
}

#[test]
fn what_it_refuses_is_explained_by_kubectls_name() {
    let plugin = plugin("kubectl-usage");
    for arg in ["--no-such", "--unblock", "--strict", "--man", "--completions=bash"] {
        let refused = run(plugin.clone().arg(arg)).expect_code(2).unwrap();
        let said = refused.stderr();
        assert!(said.starts_with("jobsweep: "), "{said}");
        assert!(said.contains("\nUsage: kubectl sweep-jobs [OPTIONS]\n"), "{said}");
    }
}

//! Help, manual page and completions.

use crate::{jobsweep, run};

fn said(args: &[&str]) -> String {
    let finished = run(jobsweep(args)).expect_success().unwrap();
    assert_eq!(finished.stderr(), "");
    finished.stdout().into_owned()
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = said(&["--completions", shell]);
        assert!(script.contains("default-policy") && script.contains("jobsweep"), "{shell}: {script}");
    }
}

const FILTER: &[&str] = &[
    "--default-policy",
    "--strict",
    "--name-suffix-hash",
    "--keep-name",
    "--rename",
    "--log-file",
    "--inject-cleanup",
    "--cleanup-when",
    "--cleanup-image",
    "--cleanup-arg",
];

/// The options that only the long help has.
const LONG_HELP_ONLY: &[&str] =
    &["--keep-name", "--rename", "--cleanup-when", "--cleanup-image", "--cleanup-arg"];

#[cfg(feature = "cleanup")]
const CLUSTER: &[&str] = &["--kubeconfig", "--context", "--once", "--timeout", "--dry-run"];

/// What selects each mode, and its options in the order of its help.
const MODES: &[(&[&str], &[&[&str]])] = &[
    #[cfg(feature = "cleanup")]
    (&[], &[&["--unblock", "--cleanup"], FILTER, &["--completions", "--man"]]),
    #[cfg(not(feature = "cleanup"))]
    (&[], &[FILTER, &["--completions", "--man"]]),
    #[cfg(feature = "cleanup")]
    (
        &["--unblock"],
        &[
            &["--namespace", "--release", "--retry-failed", "--force", "--no-caller", "--verbose"],
            CLUSTER,
            FILTER,
        ],
    ),
    #[cfg(feature = "cleanup")]
    (
        &["--cleanup"],
        &[
            &["--namespace", "--all-namespaces", "--selector", "--release", "--default-policy"],
            CLUSTER,
            &["--before-hook-creation", "--finished-for", "--settle", "--concurrency"],
            &["--log-tail", "--fail-on-failed", "--output", "--verbose", "--quiet"],
        ],
    ),
];

/// The options that a help describes.
fn described(help: &str) -> Vec<&str> {
    let lines = help.lines().filter_map(|line| line.strip_prefix("      ").or(line.strip_prefix("  ")));
    // A mode has a word too: `unblock, --unblock`.
    let lines = lines.filter(|line| line.starts_with('-') || line.contains(", --"));
    let options = lines.filter_map(|line| line[line.find("--")?..].split(['[', ' ', '=']).next());
    options.filter(|option| !["--help", "--version"].contains(option)).collect()
}

#[test]
fn the_help_of_a_mode_has_the_options_of_that_mode() {
    for (mode, options) in MODES {
        for help in ["-h", "--help"] {
            let is_short = help == "-h";
            let help = said(&[mode, &[help][..]].concat());
            let mut options = options.concat();
            options.retain(|option| !is_short || !LONG_HELP_ONLY.contains(option));
            assert_eq!(described(&help), options, "{mode:?}: {help}");
        }
    }
}

#[test]
fn help_fits_the_screen() {
    for (mode, _) in MODES {
        let (summary, all) = (said(&[mode, &["-h"][..]].concat()), said(&[mode, &["--help"][..]].concat()));
        assert!(summary.lines().count() <= 40, "{mode:?}: {summary}");
        for line in summary.lines().chain(all.lines()) {
            assert!(line.chars().count() <= 100, "{mode:?}: {line}");
        }
    }
}

#[test]
fn help_and_the_manual_page_have_every_option_variable_and_exit_code() {
    let (help, man) = (said(&["--help"]), said(&["--man"]));
    let options = MODES.iter().flat_map(|(_, options)| options.concat());
    let script = said(&["--completions", "bash"]);
    let page = man.replace(r"\*(Aq", "'").replace('\\', "");
    for option in options {
        assert!(page.contains(option), "{option} is not in the manual page");
        assert!(script.contains(option), "{option} has no completion");
    }
    for variable in ["JOBSWEEP_DEFAULT_POLICY", "JOBSWEEP_LOG_FILE"] {
        let words: Vec<&str> = help.split_whitespace().collect();
        assert!(words.join(" ").contains(&format!("[env: {variable}]")), "{help}");
        assert!(page.contains(&format!("fB{variable}fR")), "{page}");
    }
    for heading in [".SH ENVIRONMENT\n", ".SH \"EXIT STATUS\"\n"] {
        assert!(man.contains(heading), "{man}");
    }
    for (code, meaning) in exit_codes() {
        assert!(page.contains(&format!("fB{code}fR\n{meaning}\n")), "{code}: {page}");
    }
}

#[test]
fn every_help_has_two_examples_and_says_what_a_duration_is() {
    for (mode, _) in MODES {
        for help in ["-h", "--help"] {
            let help = said(&[mode, &[help][..]].concat());
            let (_, examples) = help.split_once("\nExamples:\n").unwrap();
            let examples = examples.split("\n\n").next().unwrap().replace("\\\n", "");
            assert_eq!(examples.lines().filter(|line| line.starts_with("  ")).count(), 2, "{help}");
            assert_eq!(help.contains("<DURATION>"), help.contains("\nA DURATION is "), "{help}");
            assert_eq!(help.contains("--context"), help.contains("$HELM_KUBECONTEXT"), "{help}");
            assert!(!help.contains("TRANSLATED"), "{help}");
        }
    }
}

#[test]
fn the_examples_of_the_manual_page_are_not_filled() {
    let man = said(&["--man"]);
    let (_, examples) = man.split_once(".SH EXAMPLES\n.nf\n").unwrap();
    let (examples, _) = examples.split_once(".fi\n").unwrap();
    for line in examples.lines() {
        assert!(line.starts_with("  "), "{line}");
    }
    assert!(!man.contains("Examples:"), "{man}");
}

#[cfg(feature = "cleanup")]
#[test]
fn the_word_of_a_mode_and_help_do_what_the_flags_do() {
    for mode in ["unblock", "cleanup"] {
        let help = said(&[&format!("--{mode}"), "--help"]);
        for args in [&[mode, "--help"][..], &["help", mode]] {
            assert_eq!(said(args), help, "{args:?}");
        }
    }
    assert_eq!(said(&["help"]), said(&["--help"]));
}

/// The table of exit codes in the help.
pub(crate) fn exit_codes() -> Vec<(String, String)> {
    let help = said(&["--help"]);
    let (_, table) = help.split_once("\nExit codes:\n").unwrap();
    let rows = table.lines().filter_map(|line| line.trim().split_once("  "));
    rows.map(|(code, meaning)| (code.to_owned(), meaning.trim().to_owned())).collect()
}

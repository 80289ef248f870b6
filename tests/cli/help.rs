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

#[test]
fn help_and_the_manual_page_have_every_option_variable_and_exit_code() {
    let (help, man) = (said(&["--help"]), said(&["--man"]));
    let options: Vec<&str> = help
        .split_whitespace()
        .filter(|word| word.starts_with("--"))
        .map(|word| word.trim_end_matches(|c: char| !c.is_ascii_lowercase()))
        .filter(|option| option[2..].bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
        .collect();
    assert!(options.len() > 6, "{options:?}");
    let page = man.replace(r"\*(Aq", "'").replace('\\', "");
    for option in options {
        assert!(page.contains(option), "{option} is not in the manual page");
    }
    for variable in ["JOBSWEEP_DEFAULT_POLICY", "JOBSWEEP_LOG_FILE"] {
        assert!(help.contains(&format!("[env: {variable}]")), "{help}");
        assert!(page.contains(&format!("fB{variable}fR")), "{page}");
    }
    for heading in [".SH ENVIRONMENT\n", ".SH \"EXIT STATUS\"\n"] {
        assert!(man.contains(heading), "{man}");
    }
    for (code, meaning) in exit_codes() {
        assert!(page.contains(&format!("fB{code}fR\n{meaning}\n")), "{code}: {page}");
    }
}

/// The table of exit codes in the help.
pub(crate) fn exit_codes() -> Vec<(String, String)> {
    let help = said(&["--help"]);
    let (_, table) = help.split_once("\nExit codes:\n").unwrap();
    let rows = table.lines().filter_map(|line| line.trim().split_once("  "));
    rows.map(|(code, meaning)| (code.to_owned(), meaning.trim().to_owned())).collect()
}

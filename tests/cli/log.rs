//! The log file.

use std::fs;
use std::path::Path;

use crate::{PLAIN, WARNS, folder, jobsweep, refuses, run, writes};

const VARIABLE: &str = "JOBSWEEP_LOG_FILE";

/// The lines that begin with a time, without that time.
fn entries(log: &Path) -> Vec<String> {
    let text = fs::read_to_string(log).unwrap();
    let said = text.lines().filter_map(|line| {
        let (time, said) = line.split_once(' ')?;
        (time.len() == "2026-01-31T12:34:56Z".len() && time.ends_with('Z')).then(|| said.to_owned())
    });
    said.collect()
}

#[test]
fn warnings_errors_and_wrong_usage_are_appended_with_the_time() {
    let log = folder("appended").join("log");
    let path = log.to_str().unwrap();
    run(jobsweep(&["--log-file", path]).stdin(WARNS)).expect_success().unwrap();
    run(jobsweep(&[])
        .env(VARIABLE, path)
        .stdin("kind: Job\nkind: Job\napiVersion: batch/v1\n# hook-delete-policy"))
    .expect_code(65)
    .unwrap();
    run(jobsweep(&["--wrong"]).env(VARIABLE, path)).expect_code(2).unwrap();
    let entries = entries(&log);
    assert_eq!(entries.len(), 3, "{entries:?}");
    for (entry, begins) in entries.iter().zip([
        "jobsweep: warning: document 1, Job \"migrate\", line 6:33: the delete policy has the unknown word",
        "jobsweep: document 1, line 2:1: duplicate key kind",
        "jobsweep: unexpected argument '--wrong' found",
    ]) {
        assert!(entry.starts_with(begins), "{entry}");
    }
}

#[test]
fn the_argument_wins_over_the_variable_and_an_empty_name_is_none() {
    let folder = folder("which");
    let (named, other) = (folder.join("named"), folder.join("other"));
    let run_with = |argument: &str, variable: &str| {
        let program = jobsweep(&["--log-file", argument]).env(VARIABLE, variable);
        run(program.stdin(WARNS)).expect_success().unwrap();
    };
    run_with(named.to_str().unwrap(), other.to_str().unwrap());
    assert!(named.exists() && !other.exists());
    run_with("", other.to_str().unwrap());
    assert!(!other.exists());
    writes(jobsweep(&[]).env(VARIABLE, "").stdin(PLAIN), PLAIN);
}

#[cfg(unix)]
#[test]
fn a_log_file_that_cannot_be_opened_is_an_error_that_names_it() {
    let log = folder("missing").join("no-such-folder/log");
    let log = log.to_str().unwrap();
    let said = format!(
        "jobsweep: cannot append to the log file {log}: No such file or directory (os error 2); let --log-file or \
         JOBSWEEP_LOG_FILE name a file that can be written to, or neither\n"
    );
    refuses(jobsweep(&["--log-file", log]).stdin(PLAIN), 1, &said);
    refuses(jobsweep(&[]).env(VARIABLE, log).stdin(PLAIN), 1, &said);
    // The error in the arguments is more important.
    let wrong = run(jobsweep(&["--wrong"]).env(VARIABLE, log)).expect_code(2).unwrap();
    assert!(wrong.stderr().starts_with("jobsweep: unexpected argument"), "{}", wrong.stderr());
}

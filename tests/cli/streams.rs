//! A terminal, a folder or a closed pipe as a standard stream.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use crate::{PLAIN, WARNS, jobsweep, refuses, run, sh};

const FULL: &str = "jobsweep: cannot write stdout: No space left on device (os error 28)\n";
const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations:\n    \
                   helm.sh/hook-delete-policy: hook-failed\n";

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_as_input_gets_a_hint_that_fits_the_mode() {
    for (program, example) in [
        ("jobsweep", "| jobsweep | kubectl apply"),
        #[cfg(feature = "cleanup")]
        ("jobsweep --unblock", "| jobsweep --unblock -n shop | kubectl apply"),
    ] {
        // `script` of util-linux gives a program a terminal.
        let line = format!("script --quiet --return --command '{program}' /dev/null");
        let finished = run(sh(&line).env("SHELL", "/bin/sh"));
        let screen = finished.stdout().replace("\r\n", "\n");
        assert!(
            screen.starts_with("jobsweep: no input: manifests are read from stdin. For example:\n  helm "),
            "{screen}"
        );
        for text in [example, &format!("  {program} < manifests.yaml\nSee {program} --help.\n")] {
            assert!(screen.contains(text), "{screen}");
        }
        assert_eq!(finished.code(), Some(2));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    for args in ["", "--inject-cleanup", "--help", "-h", "--version", "--man", "--completions bash"] {
        refuses(sh(&format!("jobsweep {args} > /dev/full")).stdin(PLAIN), 1, FULL);
    }
}

#[cfg(unix)]
#[test]
fn output_that_nobody_reads_is_an_error() {
    let (long, _) = long_stream(5 << 20);
    for (stream, read) in [(PLAIN, 0), (&long, 0), (&long, 3)] {
        let mut child = started();
        let mut stdout = child.stdout.take().filter(|_| read > 0);
        child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        if let Some(stdout) = &mut stdout {
            stdout.read_exact(&mut vec![0; read]).unwrap();
        }
        drop(stdout);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "jobsweep: cannot write stdout: Broken pipe (os error 32)\n");
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn long_output_is_whole() {
    for bytes in [150 << 10, 400 << 10, 5 << 20] {
        let (stream, translated) = long_stream(bytes);
        let mut child = started();
        let mut stdout = child.stdout.take().unwrap();
        child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        let mut output = String::new();
        stdout.read_to_string(&mut output).unwrap();
        assert!(output == translated, "{} bytes instead of {}", output.len(), translated.len());
        assert!(child.wait().unwrap().success());
    }
}

/// Two long documents with a Job after each, and their translation.
fn long_stream(bytes: usize) -> (String, String) {
    let lines: String = (0..bytes / 32).map(|line| format!("    the line {line:020}\n")).collect();
    let document = format!("---\nkind: ConfigMap\ndata:\n  text: |\n{lines}---\n{JOB}");
    let translated = format!("{document}    kots.io/hook-delete-policy: hook-failed\n");
    (document.repeat(2), translated.repeat(2))
}

/// The program, with pipes.
fn started() -> Child {
    Command::new(env!("CARGO_BIN_EXE_jobsweep"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[cfg(unix)]
#[test]
fn a_folder_as_input_is_an_error_that_says_what_to_do() {
    refuses(
        sh("jobsweep < examples"),
        1,
        "jobsweep: cannot read stdin: Is a directory (os error 21); give it manifests from a file or a pipe: \
         jobsweep < manifests.yaml\n",
    );
}

#[test]
fn a_file_as_an_argument_is_wrong_usage_that_shows_where_it_belongs() {
    let finished = run(jobsweep(&["manifests.yaml"]));
    let said = finished.stderr();
    let expected = "jobsweep: unexpected argument 'manifests.yaml'; manifests are read from stdin: jobsweep < manifests.yaml\n";
    assert!(said.starts_with(expected), "{said}");
    assert!(said.contains("\nUsage: jobsweep [OPTIONS] < MANIFESTS > OUTPUT\n"), "{said}");
    assert_eq!((&*finished.stdout(), finished.code()), ("", Some(2)));
}

#[test]
fn a_policy_of_any_length_makes_a_short_warning() {
    for policy in ["x", ",", "\u{1f980}"] {
        let finished =
            run(jobsweep(&[]).stdin(WARNS.replace("never", &format!("'{}'", policy.repeat(100_000)))));
        assert_eq!(finished.code(), Some(0));
        let said = finished.stderr();
        assert!(said.contains("the unknown word") && said.contains('…'), "{said}");
        assert!(said.chars().count() < 1000, "{} characters", said.chars().count());
    }
}

#[test]
fn annotations_that_the_api_server_rejects_for_their_size_are_not_repeated() {
    let stream = |length: usize| {
        let policy = ",".repeat(length);
        format!(
            "{PLAIN}---\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: a\n  annotations:\n    helm.sh/hook-delete-policy: '{policy}'\n"
        )
    };
    for (length, is_repeated) in [(256 << 10, false), (255 << 10, true)] {
        let finished = run(jobsweep(&[]).stdin(stream(length)));
        assert_eq!(finished.stdout().contains("kots.io/hook-delete-policy"), is_repeated);
        assert_eq!(
            finished.stderr().contains("metadata.annotations is not at most 256 KiB long, so"),
            !is_repeated
        );
    }
}

#[test]
fn arguments_that_the_cleanup_would_refuse_are_refused_before_they_get_into_a_manifest() {
    let finished = run(jobsweep(&["--inject-cleanup", "--cleanup-arg=--timeout=soon"]).stdin(PLAIN));
    #[cfg(feature = "cleanup")]
    assert!(finished.stderr().starts_with("jobsweep: --cleanup-arg: invalid value 'soon' for '--timeout"));
    assert_eq!(finished.code(), Some(if cfg!(feature = "cleanup") { 2 } else { 0 }));
}

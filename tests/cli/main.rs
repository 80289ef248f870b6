//! The program as a command: arguments, environment, streams, exit codes, and the examples in README.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail that way")]
#![cfg_attr(not(unix), allow(dead_code, unused_imports, reason = "some tests need a Unix"))]

#[cfg(feature = "cleanup")]
mod cleanup;
mod environment;
mod function;
mod help;
#[cfg(all(unix, feature = "cleanup"))]
mod kubectl;
mod log;
mod readme;
mod streams;

use std::fs;
use std::path::{Path, PathBuf};

use jobsweep_harness::block_on;
use jobsweep_harness::process::{Finished, Program};

/// A Job whose policy has an unknown word, which causes a warning.
const WARNS: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations:\n    helm.sh/hook-delete-policy: never\n";
const PLAIN: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: plain\n";

fn jobsweep(args: &[&str]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_jobsweep")).args(args)
}

/// A line of shell, run in the repository with the program under test on `PATH`.
fn sh(line: &str) -> Program {
    let folder = Path::new(env!("CARGO_BIN_EXE_jobsweep")).parent().unwrap();
    let path = std::env::join_paths([folder, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    Program::new("/bin/sh").args(["-c", line]).env("PATH", path).current_dir(env!("CARGO_MANIFEST_DIR"))
}

fn run(program: Program) -> Finished {
    block_on(program.run()).unwrap()
}

/// Checks that the program wrote nothing on stdout, and exited with this code and message.
fn refuses(program: Program, code: i32, said: &str) {
    let finished = run(program);
    assert_eq!(finished.stderr(), said);
    assert_eq!(finished.stdout(), "");
    assert_eq!(finished.code(), Some(code));
}

/// Checks that the program succeeded with this output and nothing on stderr.
fn writes(program: Program, expected: &str) {
    let finished = run(program);
    assert_eq!(finished.stderr(), "");
    assert_eq!(finished.stdout(), expected);
    assert_eq!(finished.code(), Some(0));
}

/// Creates an empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

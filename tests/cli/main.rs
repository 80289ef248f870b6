//! The program as a command: its arguments, its environment, its streams, its exit codes, and what README says of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail that way")]

#[cfg(feature = "cleanup")]
mod cleanup;
mod environment;
mod help;
mod log;
mod readme;
mod streams;

use std::fs;
use std::path::{Path, PathBuf};

use jobsweep_harness::block_on;
use jobsweep_harness::process::{Finished, Program};

/// A Job whose policy has a word that nobody knows: it makes a warning.
const WARNS: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations:\n    helm.sh/hook-delete-policy: never\n";
/// A Job without a policy.
const PLAIN: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: plain\n";

/// The program under test.
fn jobsweep(args: &[&str]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_jobsweep")).args(args)
}

/// A line of shell in the repository, where `jobsweep` is the program under test.
fn sh(line: &str) -> Program {
    let folder = Path::new(env!("CARGO_BIN_EXE_jobsweep")).parent().unwrap();
    let path = std::env::join_paths([folder, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    Program::new("/bin/sh").args(["-c", line]).env("PATH", path).current_dir(env!("CARGO_MANIFEST_DIR"))
}

fn run(program: Program) -> Finished {
    block_on(program.run()).unwrap()
}

/// It wrote nothing, exited with this code, and said exactly this.
fn refuses(program: Program, code: i32, said: &str) {
    let finished = run(program);
    assert_eq!(finished.stderr(), said);
    assert_eq!(finished.stdout(), "");
    assert_eq!(finished.code(), Some(code));
}

/// It succeeded in silence and wrote this.
fn writes(program: Program, expected: &str) {
    let finished = run(program);
    assert_eq!(finished.stderr(), "");
    assert_eq!(finished.stdout(), expected);
    assert_eq!(finished.code(), Some(0));
}

/// An empty folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

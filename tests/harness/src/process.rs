//! Runs a program and keeps exactly what it wrote.
//!
//! A [`Program`] starts with an empty environment. The test passes its path, because Cargo sets
//! `env!("CARGO_BIN_EXE_jobsweep")` for test targets only.

mod running;

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Result, ensure};

use crate::wait::PATIENCE;

pub use running::{Running, Signal};

/// A program to be run.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    stdin: Vec<u8>,
}

impl Program {
    /// A program without arguments, environment and input.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), args: Vec::new(), env: Vec::new(), folder: None, stdin: Vec::new() }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }

    /// More arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// One more environment variable. The last value of a name counts.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// The working directory; by default that of the test.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().into());
        self
    }

    /// The standard input; empty by default.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Runs the program to its end, at most for [`PATIENCE`].
    pub async fn run(self) -> Result<Finished> {
        self.spawn()?.finish(PATIENCE).await
    }

    /// Starts the program, for a test that acts while it runs.
    pub fn spawn(self) -> Result<Running> {
        Running::start(self)
    }
}

/// A program that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Every byte of its standard output.
    pub stdout: Vec<u8>,
    /// Every byte of its standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// The exit code; `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The standard output as text.
    pub fn stdout(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// The standard error as text.
    pub fn stderr(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// Returns an error with the whole output unless the program exited with this code.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        ensure!(
            self.code() == Some(code),
            "expected exit code {code}, got {}\nstdout:\n{}\nstderr:\n{}",
            self.status,
            self.stdout(),
            self.stderr(),
        );
        Ok(self)
    }

    /// Returns an error with the whole output unless the program succeeded.
    pub fn expect_success(self) -> Result<Self> {
        self.expect_code(0)
    }
}

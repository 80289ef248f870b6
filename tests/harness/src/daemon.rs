//! Programs in the background that never outlive the process that started them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Waits for two things at once: the program's own end, and the end of the input, which comes when the process
/// that holds the other side of the pipe drops it, exits, or is killed. Either ends the other.
/// (A shell gives background commands an empty input, hence descriptor 3.)
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- & program=$!
{ read -r _ <&3; kill -9 $program; } 2>/dev/null & guard=$!
wait $program; status=$?
kill $guard 2>/dev/null
exit $status
"#;

/// A running program with its log.
pub(crate) struct Daemon {
    guard: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a program; its output is appended to `<folder>/<name>.log`.
    pub(crate) fn start(name: &str, program: &Path, args: Vec<OsString>, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        // A process group of its own: Ctrl-C reaches the tests only, and their end reaches the guard.
        let guard = Command::new("sh")
            .args(["-c", GUARD, name])
            .arg(program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { guard, log })
    }

    /// An error with the end of the log if the program has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.guard.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                anyhow::bail!("ended by itself ({status}):\n{}", tail(&said, 20))
            }
        }
    }
}

impl Drop for Daemon {
    /// As hard as a power cut (SIGKILL), and complete: the program is gone when this returns.
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // An error would mean that the guard is gone already, and then so is its program.
        let _ = self.guard.wait();
    }
}

/// The last lines of a program's output: where it says what went wrong.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

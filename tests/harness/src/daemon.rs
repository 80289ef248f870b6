//! Background programs that never outlive the process that started them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};

/// Waits for the end of the program and for the end of the input. The input ends when the process at the other side of
/// the pipe closes it, exits or is killed; the guard then kills the program. Descriptor 3 is a copy of the input,
/// because a shell gives background commands an empty one.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- & program=$!
{ read -r _ <&3; kill -9 $program; } 2>/dev/null & guard=$!
wait $program; status=$?
kill $guard 2>/dev/null
exit $status
"#;

pub(crate) struct Daemon {
    guard: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a program whose output is appended to `<folder>/<name>.log`.
    pub(crate) fn start(name: &str, program: &Path, args: Vec<OsString>, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        // In its own process group the guard does not receive the Ctrl-C that ends the tests.
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

    /// Sends a signal, such as `STOP`, to the program and its guard.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill")
            .args([format!("-{name}"), "--".into(), format!("-{}", self.guard.id())])
            .status()?;
        ensure!(status.success(), "`kill -{name}` failed ({status})");
        Ok(())
    }

    /// Returns an error with the end of the log if the program has ended.
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
    /// Kills the program (SIGKILL) and waits until it is gone.
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // An error means that the guard has already ended, and its program with it.
        let _ = self.guard.wait();
    }
}

/// Programs that serve together, each with an environment of its own.
#[derive(Default)]
pub(crate) struct Daemons(Mutex<Vec<(&'static str, Daemon)>>);

impl Daemons {
    /// Starts a program with these variables, such as `HOME=/tmp`, and no others.
    pub(crate) fn start(
        &self,
        name: &'static str,
        program: PathBuf,
        variables: impl IntoIterator<Item = String>,
        args: impl IntoIterator<Item = OsString>,
        folder: &Path,
    ) -> Result<()> {
        let mut command = vec!["--ignore-environment".into()];
        command.extend(variables.into_iter().map(OsString::from));
        command.push(program.into());
        command.extend(args);
        let daemon = Daemon::start(name, Path::new("/usr/bin/env"), command, folder)?;
        self.lock().push((name, daemon));
        Ok(())
    }

    /// An error with the end of a log if a program has ended.
    pub(crate) fn check(&self) -> Result<()> {
        let check = |(name, daemon): &mut (&str, Daemon)| {
            daemon.check().with_context(|| format!("{name} does not run"))
        };
        self.lock().iter_mut().try_for_each(check)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(&'static str, Daemon)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

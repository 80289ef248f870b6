//! A running program.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Finished, Program};
use crate::wait::PATIENCE;

/// A running program. It is killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: JoinHandle<std::io::Result<Vec<u8>>>,
    stderr: JoinHandle<std::io::Result<Vec<u8>>>,
    lines: UnboundedReceiver<String>,
}

/// The signals that ask a program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, which a kubelet or a service manager sends.
    Term,
    /// SIGINT, which Ctrl-C sends.
    Int,
}

impl Running {
    pub(super) fn start(program: Program) -> Result<Self> {
        let mut command = Command::new(&program.path);
        command
            .args(&program.args)
            .env_clear()
            .envs(program.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Without it no program can use the network.
        #[cfg(windows)]
        command.envs(std::env::vars_os().filter(|(name, _)| name == "SystemRoot"));
        if let Some(folder) = &program.folder {
            command.current_dir(folder);
        }
        let _runtime = crate::RUNTIME.enter();
        let mut child = command.spawn().with_context(|| format!("cannot run {}", program.path.display()))?;

        let mut stdin = child.stdin.take().context("piped")?;
        // A program may exit without reading its input.
        tokio::spawn(async move { stdin.write_all(&program.stdin).await });

        let mut output = child.stdout.take().context("piped")?;
        let stdout = tokio::spawn(async move {
            let mut bytes = Vec::new();
            output.read_to_end(&mut bytes).await?;
            Ok(bytes)
        });

        let mut messages = BufReader::new(child.stderr.take().context("piped")?);
        let (sender, lines) = unbounded_channel();
        let stderr = tokio::spawn(async move {
            let mut bytes = Vec::new();
            loop {
                let start = bytes.len();
                if messages.read_until(b'\n', &mut bytes).await? == 0 {
                    return Ok(bytes);
                }
                let line = String::from_utf8_lossy(&bytes[start..]);
                let _ = sender.send(line.trim_end_matches('\n').to_owned());
            }
        });
        Ok(Self { child, stdout, stderr, lines })
    }

    /// The next line of the standard error, or `None` after the last one.
    pub async fn next_line(&mut self) -> Result<Option<String>> {
        timeout(PATIENCE, self.lines.recv()).await.context("waited in vain for a line on standard error")
    }

    /// Reads the standard error up to the first line that contains this text.
    pub async fn line_with(&mut self, text: &str) -> Result<String> {
        let mut seen = Vec::new();
        while let Some(line) = self.next_line().await.with_context(|| format!("no {text:?} in {seen:#?}"))? {
            if line.contains(text) {
                return Ok(line);
            }
            seen.push(line);
        }
        bail!("the program ended without {text:?}: {seen:#?}")
    }

    /// The process id, or `None` once the program has been waited for.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a signal with the command `kill`, because the system call would be unsafe code.
    pub async fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().context("the program has ended")?;
        let name = match signal {
            Signal::Term => "-TERM",
            Signal::Int => "-INT",
        };
        let sent = Command::new("kill").args([name, &pid.to_string()]).status().await?;
        anyhow::ensure!(sent.success(), "cannot send a signal to {pid}");
        Ok(())
    }

    /// Kills the program, as the kernel does when memory is short, and waits for its end.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Waits for the end. After the deadline the program is killed, and the error has its output.
    pub async fn finish(mut self, deadline: Duration) -> Result<Finished> {
        let ended = timeout(deadline, self.child.wait()).await;
        if ended.is_err() {
            self.child.kill().await?;
        }
        let (stdout, stderr) = (self.stdout.await??, self.stderr.await??);
        match ended {
            Ok(status) => Ok(Finished { status: status?, stdout, stderr }),
            Err(_) => bail!(
                "still running after {deadline:?}\nstdout:\n{}\nstderr:\n{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr),
            ),
        }
    }
}

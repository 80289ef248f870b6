//! Measures time and memory of processes with pipes.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::inputs::Input;

pub(crate) struct Program {
    pub(crate) name: &'static str,
    path: PathBuf,
    args: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) time: Duration,
    /// The peak resident size, if the process was still running when it was read.
    pub(crate) peak_memory: Option<u64>,
}

impl Program {
    pub(crate) fn new(name: &'static str, path: impl Into<PathBuf>, args: &'static [&'static str]) -> Self {
        Self { name, path: path.into(), args }
    }

    /// Runs `cat input | program` and reads the output. A small input comes from its file, because starting `cat` would take
    /// most of the time.
    pub(crate) fn run(&self, input: &Input) -> Result<Run> {
        if input.size < 64 * 1024 {
            return self.timed(Instant::now(), File::open(&input.path)?.into(), input);
        }
        let start = Instant::now();
        let mut cat = Command::new("cat").arg(&input.path).stdout(Stdio::piped()).spawn()?;
        let run = self.timed(start, cat.stdout.take().context("a pipe")?.into(), input)?;
        cat.wait()?;
        Ok(run)
    }

    fn timed(&self, start: Instant, stdin: Stdio, input: &Input) -> Result<Run> {
        let mut program = Command::new(&self.path)
            .args(self.args)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", self.path.display()))?;
        let peak_memory = drain(&mut program, input.size)?;
        let status = program.wait()?;
        let time = start.elapsed();
        ensure!(status.success(), "{} failed: {status}", self.name);
        Ok(Run { time, peak_memory })
    }
}

/// Reads all output, and the peak memory after the first half, when the program still runs.
fn drain(program: &mut Child, size: u64) -> Result<Option<u64>> {
    let mut output = program.stdout.take().context("a pipe")?;
    let mut buffer = vec![0; 256 * 1024];
    let (mut read, mut peak) = (0, None);
    loop {
        let count = output.read(&mut buffer)?;
        if count == 0 {
            return Ok(peak);
        }
        read += count as u64;
        if peak.is_none() && read > size / 2 && size > 1_000_000 {
            peak = peak_memory(program.id());
        }
    }
}

fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

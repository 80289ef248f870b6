//! The speed of the filter as a process with pipes, beside `cat` and mikefarah's yq.
//!
//! `cargo bench --bench filter` prints a Markdown table. `BASELINE=/path/to/jobsweep` lets an older jobsweep take its turns
//! too. `benches/README.md` has the results.

mod inputs;
mod pipeline;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use inputs::Input;
use jobsweep_harness::tools;
use pipeline::{Program, Run};

const JOBSWEEP: &str = "`jobsweep`";
/// The filter in yq's language.
const YQ: &str = r#"with(select(.kind == "Job" and (.apiVersion | test("^batch/"))
    and (.metadata.annotations | has("helm.sh/hook-delete-policy"))
    and (.metadata.annotations | has("kots.io/hook-delete-policy") | not));
  .metadata.annotations["kots.io/hook-delete-policy"] = .metadata.annotations["helm.sh/hook-delete-policy"])"#;

fn main() -> Result<()> {
    let folder = tools::target_dir().join("bench");
    let cat = Program::new("`cat`", "cat", &[]);
    let jobsweep = Program::new(JOBSWEEP, tools::released_program()?, &[]);
    let yq = Program::new("`yq`", tools::yq()?, &[YQ]);
    let empty = Program::new("an empty Rust program", empty_program(&folder)?, &[]);
    let baseline = env::var("BASELINE").ok().map(|path| Program::new("the baseline", path, &[]));
    let mut table = Table::new(baseline)?;

    let mixed = inputs::mixed(&folder, 75_000_000)?;
    let [by_cat, ours, by_yq] =
        table.rows("a mixed stream", &mixed, [(&cat, 15), (&jobsweep, 15), (&yq, 1)])?;
    let memory = ours.memory.context("no peak memory on this system")? - 5e6;
    table.target("time, by that of `cat`", "at most", 2.0, ours.seconds / by_cat.seconds)?;
    table.target("times faster than `yq`", "at least", 50.0, by_yq.seconds / ours.seconds)?;
    table.target("peak memory less 5 MB, by input", "at most", 1.5, memory / mixed.size as f64)?;

    let scripts = inputs::scripts(&folder, 70_000_000)?;
    let [by_cat, ours] = table.rows("scripts with backslashes", &scripts, [(&cat, 15), (&jobsweep, 15)])?;
    table.target("time, by that of `cat`", "at most", 1.3, ours.seconds / by_cat.seconds)?;

    let jobs = inputs::jobs(&folder, 10_000_000)?;
    let [_, ours, by_yq] = table.rows("only hook Jobs", &jobs, [(&cat, 15), (&jobsweep, 15), (&yq, 3)])?;
    table.target("MB/s", "at least", 100.0, ours.speed(&jobs))?;
    table.target("times faster than `yq`", "at least", 20.0, by_yq.seconds / ours.seconds)?;

    let chart = inputs::chart(&folder)?;
    let [_, ours, by_yq] = table.rows("a chart", &chart, [(&cat, 100), (&jobsweep, 100), (&yq, 30)])?;
    table.target("times faster than `yq`", "at least", 10.0, by_yq.seconds / ours.seconds)?;

    let nothing = inputs::nothing(&folder)?;
    let [by_empty, ours] = table.rows("nothing", &nothing, [(&empty, 300), (&jobsweep, 300)])?;
    table.target(
        "ms longer than an empty program",
        "at most",
        1.0,
        (ours.seconds - by_empty.seconds) * 1e3,
    )?;

    for (size, rounds) in [(10_000_000, 20), (100_000_000, 10), (1_000_000_000, 3)] {
        let input = inputs::mixed(&folder, size)?;
        table.rows("growing", &input, [(&cat, rounds), (&jobsweep, rounds)])?;
    }
    Ok(())
}

/// Prints rows of results, and below each group the goals.
struct Table {
    out: io::Stdout,
    baseline: Option<Program>,
}

/// The medians of several runs.
#[derive(Clone, Copy)]
struct Medians {
    seconds: f64,
    memory: Option<f64>,
}

impl Medians {
    fn of(mut runs: Vec<Run>) -> Self {
        let middle = runs.len() / 2;
        runs.sort_by_key(|run| run.time);
        let seconds = runs[middle].time.as_secs_f64();
        runs.sort_by_key(|run| run.peak_memory);
        Self { seconds, memory: runs[middle].peak_memory.map(|bytes| bytes as f64) }
    }

    /// In megabytes a second.
    fn speed(&self, input: &Input) -> f64 {
        input.size as f64 / 1e6 / self.seconds
    }
}

impl Table {
    fn new(baseline: Option<Program>) -> Result<Self> {
        let mut out = io::stdout();
        writeln!(
            out,
            "| input | MB | program | runs | ms | MB/s | peak MB |\n|---|--:|---|--:|--:|--:|--:|"
        )?;
        Ok(Self { out, baseline })
    }

    /// Runs the programs in turns, so that other work on the machine affects all of them.
    fn rows<const N: usize>(
        &mut self,
        name: &str,
        input: &Input,
        programs: [(&Program, usize); N],
    ) -> Result<[Medians; N]> {
        let jobsweep = programs.iter().find(|(program, _)| program.name == JOBSWEEP);
        let baseline = self.baseline.as_ref().zip(jobsweep.map(|&(_, rounds)| rounds));
        let (mut runs, mut baseline_runs) = ([const { Vec::new() }; N], Vec::new());
        let rounds = programs.iter().map(|&(_, rounds)| rounds).max().unwrap_or_default();
        for round in 0..rounds {
            for ((program, rounds), runs) in programs.iter().zip(&mut runs) {
                if round < *rounds {
                    runs.push(program.run(input)?);
                }
            }
            if let Some((program, rounds)) = baseline
                && round < rounds
            {
                baseline_runs.push(program.run(input)?);
            }
        }
        let medians = runs.map(Medians::of);
        for ((program, rounds), medians) in programs.iter().zip(&medians) {
            row(&mut self.out, name, input, (program.name, *rounds), medians)?;
        }
        if let Some((program, rounds)) = baseline {
            row(&mut self.out, name, input, (program.name, rounds), &Medians::of(baseline_runs))?;
        }
        Ok(medians)
    }

    fn target(&mut self, what: &str, bound: &str, wanted: f64, found: f64) -> Result<()> {
        let met = if bound == "at most" { found <= wanted } else { found >= wanted };
        let met = if met { "met" } else { "**missed**" };
        writeln!(self.out, "| | | **{found:.2}** {what} | | {bound} {wanted} | {met} | |")?;
        Ok(())
    }
}

fn row(
    out: &mut impl Write,
    name: &str,
    input: &Input,
    (program, rounds): (&str, usize),
    medians: &Medians,
) -> Result<()> {
    let size = input.size as f64 / 1e6;
    let milliseconds = medians.seconds * 1e3;
    let speed = medians.speed(input);
    let memory = medians.memory.map_or_else(String::new, |memory| format!("{:.0}", memory / 1e6));
    writeln!(
        out,
        "| {name} | {size:.2} | {program} | {rounds} | {milliseconds:.2} | {speed:.0} | {memory} |"
    )?;
    Ok(())
}

/// A program that does nothing, which shows the cost of starting a process.
fn empty_program(folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("empty");
    let mut rustc = Command::new("rustc")
        .args(["-", "--edition=2024", "-Copt-level=3", "-Clto=fat", "-Cstrip=symbols", "-o"])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()?;
    rustc.stdin.take().context("a pipe")?.write_all(b"fn main() {}")?;
    anyhow::ensure!(rustc.wait()?.success(), "rustc cannot build the empty program");
    Ok(path)
}

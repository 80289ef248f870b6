//! The speed of the filter as a process with pipes, beside `cat` and mikefarah's yq.
//!
//! `cargo bench --bench filter` prints a Markdown table. `BASELINE=/path/to/jobsweep` lets an older jobsweep take its turns
//! too. `benches/README.md` has the results.

mod inputs;
mod pipeline;

use std::env;
use std::io::{self, Write};

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
    let released = tools::released_program()?;
    let jobsweep = Program::new(JOBSWEEP, &released, &[]);
    let whole_jobs = Program::new("`jobsweep --name-suffix-hash`", &released, &["--name-suffix-hash"]);
    let yq = Program::new("`yq`", tools::yq()?, &[YQ]);
    let baseline = env::var("BASELINE").ok().map(|path| Program::new("the baseline", path, &[]));
    let mut table = Table::new(baseline)?;

    let mixed = inputs::mixed(&folder, 75_000_000)?;
    let [by_cat, ours] = table.rows("a mixed stream", &mixed, [(&cat, 15), (&jobsweep, 15)])?;
    table.target("time, by that of `cat`", "at most", 3.0, ours.seconds / by_cat.seconds)?;
    table.memory_target(&mixed, &ours)?;

    let jobs = inputs::jobs(&folder, 10_000_000)?;
    let [ours, by_yq] = table.rows("only hook Jobs", &jobs, [(&jobsweep, 15), (&yq, 3)])?;
    table.target("MB/s", "at least", 30.0, ours.speed(&jobs))?;
    table.target("times faster than `yq`", "at least", 10.0, by_yq.seconds / ours.seconds)?;
    table.memory_target(&jobs, &ours)?;

    let one_job = inputs::one_job(&folder, 4 << 20)?;
    let [ours] = table.rows("one Job", &one_job, [(&whole_jobs, 5)])?;
    let memory = ours.memory.context("no peak memory on this system")?;
    table.target("MB of memory", "at most", 100.0, memory / 1e6)?;

    let chart = inputs::chart(&folder)?;
    table.rows("a chart", &chart, [(&cat, 100), (&jobsweep, 100), (&yq, 30)])?;
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

    fn memory_target(&mut self, input: &Input, found: &Medians) -> Result<()> {
        let memory = found.memory.context("no peak memory on this system")? - 10e6;
        self.target("peak memory less 10 MB, by input", "at most", 1.5, memory / input.size as f64)
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

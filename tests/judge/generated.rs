//! The judge's word on generated streams: those of tests/generated, which shares nothing with the judge.

#[path = "../generated/grammar/mod.rs"]
mod grammar;
#[path = "../generated/random.rs"]
#[expect(dead_code, reason = "the judge does not look for the smallest stream")]
mod random;

use anyhow::{Context, Result, ensure};
use jobsweep::translate::translate;

use crate::go_judge::{Run, judge};
use grammar::{Generated, generate};
use jobsweep_harness::{trials, trials::Trial};

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_judge_agrees_with_every_generated_stream,]
}

/// How many streams a run judges, unless `JOBSWEEP_STREAMS` says so.
const STREAMS: usize = 3_000;

pub(crate) async fn the_judge_agrees_with_every_generated_stream() -> Result<()> {
    let seed = number("JOBSWEEP_SEED")?.unwrap_or_else(random::seed);
    let streams = number("JOBSWEEP_STREAMS")?.map_or(Ok(STREAMS), usize::try_from)?;
    // Refused streams have no output to judge.
    let runs: Vec<Run> = random::byte_strings(seed)
        .take(streams)
        .enumerate()
        .filter_map(|(number, bytes)| translated(format!("generated/{number}"), generate(&bytes)))
        .collect();
    let verdict = judge(&runs).await.with_context(|| format!("JOBSWEEP_SEED={seed}"))?;

    // Agreement by judges that could read next to nothing would be worth nothing.
    ensure!(runs.len() * 10 > streams * 9, "{} of {streams} streams were translated", runs.len());
    for judge in ["bytes", "kyaml", "sigs"] {
        ensure!(verdict.judged(judge) * 2 > verdict.documents, "{judge}: {verdict:?}");
        ensure!(verdict.changed(judge) * 5 > verdict.documents, "{judge}: {verdict:?}");
        // Most of what jobsweep changes is read, not only compared byte by byte.
        ensure!(verdict.changed(judge) * 4 > verdict.changed("bytes") * 3, "{judge}: {verdict:?}");
    }
    Ok(())
}

fn translated(name: String, generated: Generated) -> Option<Run> {
    let Generated { input, options } = generated;
    let mut output = Vec::new();
    translate(input.as_bytes(), &options).ok()?.write_to(&mut output).ok()?;
    let output = String::from_utf8(output).ok()?;
    let default_policy = options.default_policy.map(|policy| policy.to_string()).unwrap_or_default();
    // The grammar writes YAML 1.2 in ways that no library of Go knows; tests/generated has serde_yaml read them.
    Some(Run { name, default_policy, input, output, vouched: true })
}

fn number(variable: &str) -> Result<Option<u64>> {
    let number = std::env::var(variable).ok().map(|text| text.parse());
    number.transpose().with_context(|| format!("{variable} is not a number"))
}

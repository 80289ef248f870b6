//! The judge checks the random streams of `tests/generated`.

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

/// The number of streams, which `JOBSWEEP_STREAMS` overrides.
const STREAMS: usize = 3_000;

pub(crate) async fn the_judge_agrees_with_every_generated_stream() -> Result<()> {
    let seed = number("JOBSWEEP_SEED")?.unwrap_or_else(random::seed);
    let streams = number("JOBSWEEP_STREAMS")?.map_or(Ok(STREAMS), usize::try_from)?;
    // A refused stream has no output.
    let runs: Vec<Run> = random::byte_strings(seed)
        .take(streams)
        .enumerate()
        .filter_map(|(number, bytes)| translated(format!("generated/{number}"), generate(&bytes)))
        .collect();
    let verdict = judge(&runs).await.with_context(|| format!("JOBSWEEP_SEED={seed}"))?;

    // The judges must be able to read most of the documents.
    ensure!(runs.len() * 10 > streams * 9, "{} of {streams} streams were translated", runs.len());
    for judge in ["bytes", "kyaml", "sigs"] {
        ensure!(verdict.judged(judge) * 2 > verdict.documents, "{judge}: {verdict:?}");
        ensure!(verdict.changed(judge) * 5 > verdict.documents, "{judge}: {verdict:?}");
        // The judges read most of the changed documents.
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
    // The Go libraries cannot read some YAML 1.2 of the grammar. `tests/generated` reads it with serde_yaml.
    Some(Run { name, default_policy, input, output, vouched: true })
}

fn number(variable: &str) -> Result<Option<u64>> {
    let number = std::env::var(variable).ok().map(|text| text.parse());
    number.transpose().with_context(|| format!("{variable} is not a number"))
}

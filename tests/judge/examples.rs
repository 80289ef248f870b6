//! The judge checks the examples.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use jobsweep_harness::process::Program;
use jobsweep_harness::{trials, trials::Trial};

use crate::go_judge::{Run, judge};

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_judge_agrees_with_the_examples,]
}

pub(crate) async fn the_judge_agrees_with_the_examples() -> Result<()> {
    let mut runs = Vec::new();
    for example in ["pi.yaml", "rendered.yaml"] {
        for default_policy in ["", "hook-succeeded"] {
            runs.push(translate(example, default_policy).await?);
        }
    }
    let verdict = judge(&runs).await?;
    for judge in ["bytes", "kyaml", "sigs"] {
        ensure!(verdict.judged(judge) == 2 * (1 + 13), "{judge}: {verdict:?}");
        // Without a default policy jobsweep does not change the Job `seed`.
        ensure!(verdict.changed(judge) == (1 + 3) + (1 + 4), "{judge}: {verdict:?}");
    }
    ensure!(verdict.judged("helm4") == 4, "{verdict:?}");
    Ok(())
}

async fn translate(example: &str, default_policy: &str) -> Result<Run> {
    let input = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example))?;
    let jobsweep = Program::new(env!("CARGO_BIN_EXE_jobsweep")).stdin(input.as_str());
    let jobsweep = match default_policy {
        "" => jobsweep,
        policy => jobsweep.args(["--default-policy", policy]),
    };
    let output = String::from_utf8(jobsweep.run().await?.expect_success()?.stdout)?;
    Ok(Run { name: example.into(), default_policy: default_policy.into(), input, output, vouched: false })
}

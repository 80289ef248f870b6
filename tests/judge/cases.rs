//! The judge checks all cases of `tests/cases` that jobsweep accepts.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::go_judge::{Run, judge};
use jobsweep_harness::{trials, trials::Trial};

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_judge_agrees_with_every_case,]
}

pub(crate) async fn the_judge_agrees_with_every_case() -> Result<()> {
    let mut runs = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"), &mut runs)?;
    let verdict = judge(&runs).await?;

    // The judges must be able to read most of the documents.
    let runs = u64::try_from(runs.len())?;
    ensure!(runs > 400 && verdict.documents >= runs, "{runs} cases: {verdict:?}");
    for judge in ["bytes", "kyaml", "sigs"] {
        ensure!(verdict.judged(judge) * 100 > verdict.documents * 95, "{judge}: {verdict:?}");
        ensure!(verdict.changed(judge) * 2 > verdict.documents, "{judge}: {verdict:?}");
    }
    ensure!(verdict.judged("helm4") * 100 > runs * 90, "helm4: {verdict:?}");
    ensure!(verdict.changed("json") > 10, "json: {verdict:?}");
    Ok(())
}

fn collect(folder: &Path, runs: &mut Vec<Run>) -> Result<()> {
    let args = fs::read_to_string(folder.join("args")).unwrap_or_default();
    let default_policy =
        args.lines().find_map(|arg| arg.strip_prefix("--default-policy=")).unwrap_or_default();
    for entry in fs::read_dir(folder)? {
        let input = entry?.path();
        if input.is_dir() {
            collect(&input, runs)?;
            continue;
        }
        let name = input.to_string_lossy();
        let output = PathBuf::from(name.replace(".in.yaml", ".out.yaml"));
        let messages = fs::read_to_string(name.replace(".in.yaml", ".err")).unwrap_or_default();
        // A KRM function has output after an error too.
        let failed = messages.starts_with("jobsweep: document");
        // The judge knows of annotations only.
        let has_hashes = name.contains("name-suffix-hash");
        if name.ends_with(".in.yaml") && output.exists() && !failed && !has_hashes {
            let read = |path| fs::read_to_string(path).with_context(|| format!("cannot read {name}"));
            runs.push(Run {
                name: name.clone().into_owned(),
                default_policy: default_policy.to_owned(),
                input: read(&input)?,
                output: read(&output)?,
                vouched: false,
            });
        }
    }
    Ok(())
}

//! Builds and runs the Go program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use jobsweep_harness::process::Program;
use jobsweep_harness::tools::target_dir;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_judge_passes_its_own_tests, the_judge_objects_to_a_wrong_output,]
}

/// An input and output of jobsweep.
#[derive(Debug)]
pub(crate) struct Run {
    /// The name in objections.
    pub(crate) name: String,
    /// The value of `--default-policy`, or empty.
    pub(crate) default_policy: String,
    pub(crate) input: String,
    pub(crate) output: String,
    /// Whether the input is valid YAML even if no Go library can read it.
    pub(crate) vouched: bool,
}

/// The counts of a run in which no judge objected.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) documents: u64,
    judges: BTreeMap<String, Value>,
}

impl Verdict {
    /// The number of documents (for `helm4`: streams) that a judge could read.
    pub(crate) fn judged(&self, judge: &str) -> u64 {
        self.count(judge, "judged")
    }

    /// The number of these documents that need an annotation.
    pub(crate) fn changed(&self, judge: &str) -> u64 {
        self.count(judge, "changed")
    }

    fn count(&self, judge: &str, what: &str) -> u64 {
        self.judges.get(judge).and_then(|work| work[what].as_u64()).unwrap_or_default()
    }
}

/// Runs all judges. Their objections are the error.
pub(crate) async fn judge(runs: &[Run]) -> Result<Verdict> {
    let request = |run: &Run| {
        let Run { name, default_policy, input, output, vouched } = run;
        format!(
            "{}\n",
            json!({ "name": name, "defaultPolicy": default_policy, "input": input, "output": output,
                "vouched": vouched })
        )
    };
    let judge = Program::new(build()?).stdin(runs.iter().map(request).collect::<String>());
    let answered = judge.run().await?;
    let answers = answered.stdout();
    if !answered.status.success() {
        // The error has the first stream in full, because a random stream is stored nowhere.
        let first = answers.lines().next().and_then(|line| serde_json::from_str::<Value>(line).ok());
        let run = runs.iter().find(|run| first.as_ref().is_some_and(|first| first["name"] == *run.name));
        bail!("the judges object:\n{answers}{}the first is about {run:#?}", answered.stderr());
    }

    let summary: Value = serde_json::from_str(answers.trim()).context("the summary alone")?;
    let summary = &summary["summary"];
    ensure!(
        summary["requests"].as_u64() == Some(runs.len().try_into()?),
        "not every run was judged: {summary}"
    );
    Ok(Verdict {
        documents: summary["documents"].as_u64().context("no count of documents")?,
        judges: serde_json::from_value(summary["judges"].clone())?,
    })
}

fn build() -> Result<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let program = target_dir().join("judge");
    go(&["build", "-trimpath", "-o", &program.to_string_lossy(), "."])?;
    Ok(program)
}

fn go(args: &[&str]) -> Result<()> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge");
    let mut go = Command::new("go");
    go.args(args).current_dir(module).env("GOFLAGS", "-mod=readonly").env("GOWORK", "off");
    let ran = go.env("CGO_ENABLED", "0").output().context("cannot run go")?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(ran.status.success(), "go {}:\n{}{}", args.join(" "), said(&ran.stdout), said(&ran.stderr));
    Ok(())
}

pub(crate) async fn the_judge_passes_its_own_tests() -> Result<()> {
    go(&["vet", "./..."])?;
    go(&["test", "./..."])
}

/// An objection reaches this test. `judge_test.go` tests which faults the judges find.
pub(crate) async fn the_judge_objects_to_a_wrong_output() -> Result<()> {
    let input =
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations:\n    helm.sh/hook-delete-policy: a\n";
    let run = |copied: &str| Run {
        name: "by hand".into(),
        default_policy: String::new(),
        input: input.into(),
        output: format!("{input}    kots.io/hook-delete-policy: {copied}\n"),
        vouched: false,
    };
    judge(&[run("a")]).await?;
    let objection = judge(&[run("b")]).await.err().context("it agreed to another value")?;
    ensure!(
        format!("{objection:#}").contains(r#"{"name":"by hand","judge":"sigs","document":1,"#),
        "{objection:#}"
    );
    Ok(())
}

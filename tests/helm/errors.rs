//! What Helm shows when jobsweep fails or warns.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::helm::{Helm, write_chart};
use jobsweep_harness::process::Finished;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{JOBSWEEP, helm_with_jobsweep, same, shop, template};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        an_error_fails_helm_and_can_be_read,
        a_wrong_argument_fails_helm_and_can_be_read,
        strict_refuses_an_unknown_word,
        a_warning_lets_helm_go_on_and_is_in_the_log_file_only,
        an_error_that_helm_drops_reaches_the_terminal,
    ]
}

const JOB_WITH_TWO_POLICIES: &str = "\
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    helm.sh/hook-delete-policy: hook-succeeded
    helm.sh/hook-delete-policy: hook-failed
";

/// The message. Line numbers differ, because only Helm 3 passes comments to the post-renderer.
fn two_policies(version: HelmVersion) -> String {
    let line = if version.is_4() { 7 } else { 9 };
    format!(
        "jobsweep: document 1 (twice/templates/job.yaml), Job \"migrate\", line {line}:5: duplicate key \
         helm.sh/hook-delete-policy; remove one\n \
         {line} |     helm.sh/hook-delete-policy: hook-failed\n   |     ^\n"
    )
}

pub(crate) async fn an_error_fails_helm_and_can_be_read(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let log = helm.home().join("jobsweep.log");
    let chart = chart_with_two_policies(&helm)?;
    let run = template(&helm, &chart).args(["--post-renderer", "jobsweep"]);
    let failed = run.env("JOBSWEEP_LOG_FILE", &log).run().await?;
    failed_with(&failed, version, &two_policies(version), 65)?;
    logged(&log, &two_policies(version))
}

pub(crate) async fn a_wrong_argument_fails_helm_and_can_be_read(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let log = helm.home().join("jobsweep.log");
    let run =
        template(&helm, &shop()).args(["--post-renderer", "jobsweep", "--post-renderer-args", "--wrong"]);
    let failed = run.env("JOBSWEEP_LOG_FILE", &log).run().await?;
    let usage = "jobsweep: unexpected argument '--wrong' found\n\n\
                 Usage: jobsweep [OPTIONS] < MANIFESTS > OUTPUT\n       \
                 jobsweep --unblock [OPTIONS] < MANIFESTS > OUTPUT\n       jobsweep --cleanup [OPTIONS]\n\n\
                 For more information, try '--help'.\n";
    failed_with(&failed, version, usage, 2)?;
    logged(&log, usage)
}

pub(crate) async fn strict_refuses_an_unknown_word(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let log = helm.home().join("jobsweep.log");
    let args = ["--post-renderer-args=--strict", "--post-renderer-args=--log-file", "--post-renderer-args"];
    let run =
        template(&helm, &shop()).args(["--set", "migration.policy=never", "--post-renderer", "jobsweep"]);
    let failed = run.args(args).arg(&log).run().await?;
    let line = if version.is_4() { 15 } else { 16 };
    let message = format!(
        "jobsweep: document 2 (shop/templates/migration.yaml), Job \"shop-migration\", line {line}:33: \
         the delete policy has the unknown word \"never\"; use a comma-separated list of hook-succeeded, \
         hook-failed and before-hook-creation\n {line} |     helm.sh/hook-delete-policy: never\n    |{}^\n",
        " ".repeat(33)
    );
    failed_with(&failed, version, &message, 65)?;
    logged(&log, &message)
}

pub(crate) async fn a_warning_lets_helm_go_on_and_is_in_the_log_file_only(
    version: HelmVersion,
) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let log = helm.home().join("jobsweep.log");
    let run =
        template(&helm, &shop()).args(["--set", "migration.policy=never", "--post-renderer", "jobsweep"]);
    let rendered = run.env("JOBSWEEP_LOG_FILE", &log).run().await?.expect_success()?;
    same("stderr", "", &rendered.stderr())?;
    ensure!(rendered.stdout().contains("    kots.io/hook-delete-policy: never\n"), "{}", rendered.stdout());
    let logged = fs::read_to_string(&log)?;
    ensure!(logged.contains(" jobsweep: warning: document 2 (shop/templates/migration.yaml), "), "{logged}");
    Ok(())
}

/// Helm has a terminal, but its standard streams are not connected to it. The test reads what was written to the terminal.
pub(crate) async fn an_error_that_helm_drops_reaches_the_terminal(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let chart = chart_with_two_policies(&helm)?;
    let call = "\"$HELM\" template shop \"$CHART\" --post-renderer jobsweep </dev/null >/dev/null 2>&1";
    let on_terminal = helm
        .command_by("script")
        .args(["--quiet", "--return", "--command", call, "/dev/null"])
        .env("HELM", helm.program())
        .env("CHART", &chart)
        .run()
        .await
        .context("this test needs util-linux's `script`")?
        .expect_code(1)?;
    // Helm 3 shows the message on its stderr, so jobsweep must not write it to the terminal too.
    let expected = if version.is_4() { two_policies(version) } else { String::new() };
    same("the terminal", &expected.replace('\n', "\r\n"), &on_terminal.stdout())
}

fn chart_with_two_policies(helm: &Helm) -> Result<std::path::PathBuf> {
    let chart = helm.home().join("twice");
    write_chart(&chart, "twice", &[("templates/job.yaml", JOB_WITH_TWO_POLICIES)])?;
    Ok(chart)
}

/// Helm 3 shows jobsweep's message, Helm 4 only that it failed.
fn failed_with(failed: &Finished, version: HelmVersion, message: &str, code: u8) -> Result<()> {
    let why = if version.is_4() {
        "failed to invoke post-renderer plugin \"jobsweep\": plugin \"jobsweep\" exited with error".to_owned()
    } else {
        format!("error while running command {JOBSWEEP}. error output:\n{message}: exit status {code}")
    };
    let expected = format!(
        "Error: error while running post render on files: {why}\n\nUse --debug flag to render out invalid YAML\n"
    );
    same("stderr", &expected, &failed.stderr())?;
    same("stdout", "", &failed.stdout())?;
    ensure!(failed.code() == Some(1), "{}", failed.status);
    Ok(())
}

/// The log has only this message, after the time.
fn logged(log: &Path, message: &str) -> Result<()> {
    let text = fs::read_to_string(log).context("no log file")?;
    let (time, said) = text.split_once(' ').context("no time")?;
    ensure!(time.len() == "2026-01-31T12:34:56Z".len() && time.ends_with('Z'), "{text}");
    same("the log", message, said)
}

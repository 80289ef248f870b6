//! The picture in README: a terminal session that this test plays with real Helm, on a real API server.

use std::fs;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::{Helm, migration_chart};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{helm_with_jobsweep, repository};
use crate::svg;

pub(crate) fn trials() -> Vec<Trial> {
    trials![it_shows_what_is_printed_today, it_shows_the_line_of_readme]
}

const UPGRADE: &str = "helm upgrade shop ./shop -n shop --set version=2";
const CURE: &str = " --post-renderer jobsweep --post-renderer-args --unblock";

pub(crate) async fn it_shows_what_is_printed_today(cluster: &ControlPlane) -> Result<()> {
    let helm = helm_with_jobsweep(HelmVersion::V4).await?.kubeconfig(cluster.kubeconfig());
    let programs = helm.program().parent().context("a program lies in a folder")?.to_owned();
    let terminal = Terminal { helm: helm.on_path(programs), namespace: cluster.namespace().await? };
    migration_chart(&terminal.helm.home().join("shop"), None)?;
    terminal.run("helm install shop ./shop -n shop", 0).await?;
    let namespace = &terminal.namespace;
    namespace.succeed(&namespace.jobs().get("migrate").await?).await?;

    let before = namespace.uids().await?;
    let failed = terminal.run(UPGRADE, 1).await?;
    ensure!(namespace.uids().await? == before, "the failed upgrade changes nothing");
    let cured = terminal.run(&format!("{UPGRADE}{CURE}"), 0).await?;
    ensure!(namespace.uids().await? != before, "the Job is a new one");

    let picture = svg::terminal(
        "An upgrade fails with “field is immutable”, and passes with jobsweep",
        &[failed, cured].concat(),
    );
    ensure!(picture.len() < 20_000, "{} bytes", picture.len());
    let path = repository("docs/story.svg");
    if std::env::var_os("JOBSWEEP_BLESS").is_some() {
        fs::write(path, picture)?;
        return Ok(());
    }
    ensure!(
        fs::read_to_string(path)? == picture,
        "docs/story.svg is not what is printed today; JOBSWEEP_BLESS=1 cargo test --test helm picture writes it:\n{picture}"
    );
    Ok(())
}

pub(crate) async fn it_shows_the_line_of_readme() -> Result<()> {
    let readme = fs::read_to_string(repository("README.md"))?.replace("\\\n", " ");
    let words: Vec<&str> = readme.split_whitespace().collect();
    ensure!(words.join(" ").contains(CURE.trim()), "README does not have{CURE}");
    Ok(())
}

/// A terminal in whose kubeconfig the test's namespace is called `shop`.
struct Terminal {
    helm: Helm,
    namespace: Namespace,
}

impl Terminal {
    /// The lines that a terminal then shows, the command included.
    async fn run(&self, line: &str, code: i32) -> Result<Vec<String>> {
        let namespace = &self.namespace.name;
        let call = line.replace("-n shop", &format!("-n {namespace}"));
        let script = self.helm.command_by("script").env("NO_COLOR", "1");
        let script = script.args(["--quiet", "--return", "--command", &call, "/dev/null"]);
        let ended = script.run().await.context("this test needs util-linux's `script`")?.expect_code(code)?;
        let shown = ended.stdout().replace(namespace.as_str(), "shop");
        Ok([format!("$ {line}")].into_iter().chain(shown.lines().map(without_what_varies)).collect())
    }
}

/// The API server repeats the whole pod template, with the Job's UID, and Helm the time.
fn without_what_varies(line: &str) -> String {
    let between = |begin: &str, end: &str| {
        let (before, rest) = line.split_once(begin)?;
        let (_, after) = rest.rsplit_once(end)?;
        Some(format!("{before}{begin}…{end}{after}"))
    };
    let template = between("Invalid value: ", ": field is immutable");
    template.or_else(|| between("LAST DEPLOYED: ", "")).unwrap_or_else(|| line.to_owned())
}

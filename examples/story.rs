//! The failure that jobsweep removes, played on a real control plane with real Helm: `cargo run --example story`.
//!
//! The story needs Go 1.26 or newer and no cluster. The first run builds Kubernetes and Helm, which takes a while.

#![allow(clippy::print_stdout, reason = "the output is what this example is for")]

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::block_on;
use jobsweep_harness::control_plane::{ControlPlane, Namespace, rule};
use jobsweep_harness::helm::{Helm, migration_chart};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::{HelmVersion, go_missing};

/// In its environment, this program is jobsweep itself, so that what is shown is what is built.
const AS_JOBSWEEP: &str = "STORY_AS_JOBSWEEP";

fn main() -> ExitCode {
    if env::var_os(AS_JOBSWEEP).is_some() {
        return jobsweep::run::run(env::args_os());
    }
    if let Some(reason) = go_missing() {
        println!("The story needs Go 1.26 or newer to build Kubernetes and Helm: {reason}");
        return ExitCode::FAILURE;
    }
    match block_on(tell()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nThe story failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn tell() -> Result<()> {
    say("A cluster starts on this machine: etcd, kube-apiserver and kube-controller-manager 1.37.2.");
    let cluster = ControlPlane::start().await?;
    for (version, name) in [(HelmVersion::V3_22, "Helm 3.22.0"), (HelmVersion::V4, "Helm 4.3.1")] {
        println!("\n── {name} ──");
        let shop = Shop::new(&cluster, version).await?;
        shop.an_upgrade_fails().await?;
        shop.one_flag_cures_it().await?;
        shop.a_cleanup_keeps_the_namespace_tidy().await?;
    }
    say("That is all.");
    Ok(())
}

/// A chart with a migration, and a namespace to install it into.
struct Shop {
    helm: Helm,
    chart: PathBuf,
    namespace: Namespace,
}

impl Shop {
    async fn new(cluster: &ControlPlane, version: HelmVersion) -> Result<Self> {
        let helm = with_jobsweep(Helm::new(version)?.kubeconfig(cluster.kubeconfig()))?;
        let chart = helm.home().join("shop");
        migration_chart(&chart, Some("hook-succeeded"))?;
        Ok(Self { helm, chart, namespace: cluster.namespace().await? })
    }

    async fn an_upgrade_fails(&self) -> Result<()> {
        say("The shop's chart has a migration, which is a plain Job:");
        show(&self.helm("template", 1, &[]).await?.expect_success()?);
        show(&self.helm("install", 1, &[]).await?.expect_success()?);
        say("The migration runs and succeeds. Nobody deletes the Job: it is finished, and stays.");
        self.migrate().await?;

        say("A week later there is a new version of the shop, and so of its migration.");
        let failed = self.helm("upgrade", 2, &[]).await?;
        show(&failed);
        ensure!(failed.stderr().contains("field is immutable"), "this upgrade should have failed");
        say("A finished Job cannot be changed, so the upgrade fails.");
        Ok(())
    }

    async fn one_flag_cures_it(&self) -> Result<()> {
        say(
            "The same with jobsweep as the post-renderer, which deletes what is in the way of just these manifests:",
        );
        let unblock = ["--post-renderer", "jobsweep", "--post-renderer-args", "--unblock"];
        let before = self.uid().await?;
        show(&self.helm("upgrade", 2, &unblock).await?.expect_success()?);
        let after = self.uid().await?;
        ensure!(before != after, "it should be another Job");
        say(
            "It passes, and the migration of the new version runs. The file that JOBSWEEP_LOG_FILE names has what jobsweep said:",
        );
        println!("\n$ cat jobsweep.log");
        indented(&fs::read_to_string(self.log())?);

        say(
            "What has not changed is in nobody's way. So after another upgrade the Job is the same, and has not run again:",
        );
        self.migrate().await?;
        show(&self.helm("upgrade", 2, &unblock).await?.expect_success()?);
        ensure!(self.uid().await? == after, "it should be the same Job");
        Ok(())
    }

    /// By a ServiceAccount that may list, watch and delete Jobs, and nothing else.
    async fn a_cleanup_keeps_the_namespace_tidy(&self) -> Result<()> {
        say(
            "Where no command can be run beside Helm, or finished Jobs are to go at once, a sweep does it in the cluster:",
        );
        let user = self.namespace.user("jobsweep").await?;
        self.namespace.allow(&user, vec![rule("batch", "jobs", &["list", "watch", "delete"])]).await?;
        println!("\n$ jobsweep --cleanup --release shop");
        let sweep = Program::new(env::current_exe()?).env(AS_JOBSWEEP, "1");
        let sweep = sweep.args(["--cleanup", "--release", "shop", "--kubeconfig"]).arg(&user.kubeconfig);
        show(&sweep.run().await?.expect_success()?);
        ensure!(self.namespace.names().await?.is_empty(), "the Job should be gone");
        Ok(())
    }

    async fn helm(&self, verb: &str, version: u32, args: &[&str]) -> Result<Finished> {
        let namespace = &self.namespace.name;
        let set = format!("version={version}");
        let shown = ["helm", verb, "shop", "./shop", "-n", namespace, "--set", &set];
        println!("\n$ {}", [&shown[..], args].concat().join(" "));
        let call = self.helm.command().args([verb, "shop"]).arg(&self.chart);
        let call = call.args(["-n", namespace, "--set", &set]).args(args);
        call.env("JOBSWEEP_LOG_FILE", self.log()).run().await
    }

    fn log(&self) -> PathBuf {
        self.helm.home().join("jobsweep.log")
    }

    async fn migrate(&self) -> Result<()> {
        self.namespace.succeed(&self.namespace.jobs().get("migrate").await?).await
    }

    async fn uid(&self) -> Result<String> {
        self.namespace.uids().await?.remove("migrate").context("the migration is there")
    }
}

/// On Helm 3 `jobsweep` is a program on PATH, on Helm 4 a plugin. Here both are this program.
fn with_jobsweep(helm: Helm) -> Result<Helm> {
    let plugin = helm.plugins().join("jobsweep");
    let program = plugin.join("bin/jobsweep");
    fs::create_dir_all(plugin.join("bin"))?;
    fs::write(
        &program,
        format!("#!/bin/sh\n{AS_JOBSWEEP}=1 exec '{}' \"$@\"\n", env::current_exe()?.display()),
    )?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    if helm.version().is_4() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugin.yaml");
        fs::copy(manifest, plugin.join("plugin.yaml"))?;
    }
    Ok(helm.on_path(plugin.join("bin")))
}

fn say(text: &str) {
    println!("\n{text}");
}

fn show(finished: &Finished) {
    indented(&finished.stderr());
    indented(&finished.stdout());
}

fn indented(text: &str) {
    for line in text.lines().filter(|line| !line.is_empty()) {
        // The API server repeats the whole template.
        match (line.find("Invalid value: "), line.rfind(": field is immutable")) {
            (Some(value), Some(end)) => {
                println!("    {}{{…}}{}", &line[..value + "Invalid value: ".len()], &line[end..])
            }
            _ => println!("    {line}"),
        }
    }
}

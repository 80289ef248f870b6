//! Why jobsweep is there, played on a real control plane with real Helm: `cargo run --example story`.
//!
//! Needs Go 1.26 or newer and no cluster. The first time, Kubernetes and Helm are built, which takes a while.

#![allow(clippy::print_stdout, reason = "it tells a story")]

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::block_on;
use jobsweep_harness::control_plane::{ControlPlane, User, rule};
use jobsweep_harness::helm::{Helm, write_chart};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::{HelmVersion, go_missing};

/// A migration as charts have it: an ordinary Job, with the policy under which it may go.
const MIGRATION: &str = r#"apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    kots.io/hook-delete-policy: hook-succeeded
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: example.com/shop:{{ .Values.version }}
"#;

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
            println!("\nThe story went wrong: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn tell() -> Result<()> {
    say("A cluster starts: etcd, kube-apiserver and kube-controller-manager 1.37.2, on this machine only.");
    let cluster = ControlPlane::start().await?;
    for (version, name) in [(HelmVersion::V3_22, "Helm 3.22.0"), (HelmVersion::V4, "Helm 4.3.1")] {
        println!("\n── {name} ──");
        act(&cluster, version).await?;
    }
    say("That is all. Your pipeline runs the same line, or a Job in the cluster does.");
    Ok(())
}

async fn act(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let user = namespace.user("jobsweep").await?;
    namespace.allow(&user, vec![rule("batch", "jobs", &["list", "watch", "delete"])]).await?;
    let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
    let chart = helm.home().join("shop");
    write_chart(&chart, "shop", &[("templates/migrate.yaml", MIGRATION), ("values.yaml", "version: 1\n")])?;
    let call = async |verb: &str, version: &str| -> Result<Finished> {
        println!("\n$ helm {verb} shop ./shop --set version={version}");
        let set = format!("version={version}");
        let call =
            helm.command().args([verb, "shop"]).arg(&chart).args(["-n", &namespace.name, "--set", &set]);
        call.run().await
    };

    say("The shop's chart has a migration, which is a plain Job:");
    indented(MIGRATION);
    show(&call("install", "1").await?.expect_success()?);
    say("The migration runs and succeeds. Nobody deletes the Job: it is finished, and stays.");
    namespace.succeed(&namespace.jobs().get("migrate").await?).await?;

    say("A week later there is a new version of the shop, and so of its migration.");
    let failed = call("upgrade", "2").await?;
    show(&failed);
    ensure!(failed.stderr().contains("field is immutable"), "this upgrade should have failed");
    say("A finished Job cannot be changed, so the upgrade fails. Now the same with a sweep first:");

    println!("\n$ jobsweep --cleanup --release shop");
    show(&sweep(&user)?.run().await?.expect_success()?);
    show(&call("upgrade", "2").await?.expect_success()?);
    let job = namespace.jobs().get("migrate").await?;
    let image = job.spec.and_then(|spec| spec.template.spec?.containers.first()?.image.clone());
    say(&format!(
        "The upgrade passes. The Job that is there now is a new one: {}.",
        image.context("an image")?
    ));
    Ok(())
}

/// jobsweep as a ServiceAccount that may list, watch and delete Jobs, and nothing else.
fn sweep(user: &User) -> Result<Program> {
    let sweep = Program::new(env::current_exe()?).env(AS_JOBSWEEP, "1");
    Ok(sweep.args(["--cleanup", "--release", "shop", "--kubeconfig"]).arg(&user.kubeconfig))
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
        println!("    {line}");
    }
}

//! The failure that jobsweep removes, played on a real control plane with real Helm: `cargo run --example story`.
//!
//! The story needs Go 1.26 or newer and no cluster. The first run builds Kubernetes and Helm, which takes a while.

#![allow(clippy::print_stdout, reason = "the output is what this example is for")]

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::block_on;
use jobsweep_harness::control_plane::{ControlPlane, User, rule};
use jobsweep_harness::helm::{Helm, migration_chart};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::{HelmVersion, go_missing};

/// With this variable in its environment, this program runs as jobsweep itself.
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
        act(&cluster, version).await?;
    }
    say("That is all. Run the same command in your pipeline, or in a Job in the cluster.");
    Ok(())
}

async fn act(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let user = namespace.user("jobsweep").await?;
    namespace.allow(&user, vec![rule("batch", "jobs", &["list", "watch", "delete"])]).await?;
    let helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig());
    let chart = helm.home().join("shop");
    migration_chart(&chart, Some("hook-succeeded"))?;
    let call = async |verb: &str, version: &str| -> Result<Finished> {
        println!("\n$ helm {verb} shop ./shop --set version={version}");
        let set = format!("version={version}");
        let call =
            helm.command().args([verb, "shop"]).arg(&chart).args(["-n", &namespace.name, "--set", &set]);
        call.run().await
    };

    say("The shop's chart has a migration, which is an ordinary Job:");
    show(&call("template", "1").await?.expect_success()?);
    show(&call("install", "1").await?.expect_success()?);
    say("The migration succeeds. Nobody deletes the finished Job.");
    namespace.succeed(&namespace.jobs().get("migrate").await?).await?;

    say("A week later the shop has a new version, and its migration has a new image.");
    let failed = call("upgrade", "2").await?;
    show(&failed);
    ensure!(failed.stderr().contains("field is immutable"), "this upgrade should have failed");
    say("A Job's pod template is immutable, so the upgrade fails. This time a sweep comes first:");

    println!("\n$ jobsweep --cleanup --release shop");
    show(&sweep(&user)?.run().await?.expect_success()?);
    show(&call("upgrade", "2").await?.expect_success()?);
    let job = namespace.jobs().get("migrate").await?;
    let image = job.spec.and_then(|spec| spec.template.spec?.containers.first()?.image.clone());
    say(&format!(
        "The upgrade succeeds, and creates a new Job with the image {}.",
        image.context("an image")?
    ));
    Ok(())
}

/// jobsweep as a ServiceAccount that may only list, watch and delete Jobs.
fn sweep(user: &User) -> Result<Program> {
    let sweep = Program::new(env::current_exe()?).env(AS_JOBSWEEP, "1");
    Ok(sweep.args(["--cleanup", "--release", "shop", "--kubeconfig"]).arg(&user.kubeconfig))
}

fn say(text: &str) {
    println!("\n{text}");
}

fn show(finished: &Finished) {
    for output in [finished.stderr(), finished.stdout()] {
        for line in output.lines().filter(|line| !line.is_empty()) {
            println!("    {line}");
        }
    }
}

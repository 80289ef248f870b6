//! The pod of the shipped manifests, with the Pod Security level `restricted`.

use std::fs;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::Namespace;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::k8s_openapi::api::core::v1::Pod;
use jobsweep_harness::kube::api::{Patch, PatchParams};
use jobsweep_harness::node::{Container, Node};
use jobsweep_harness::process::Program;
use jobsweep_harness::wait;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

use crate::setup::{example, exit_code, kubectl_in, log_of_finished, name, pod_that_says};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_shipped_job_sweeps_where_pods_are_restricted,
        the_shipped_cron_job_does_so_too,
        its_process_may_do_nothing_but_talk,
        its_memory_suffices_for_5000_jobs,
        a_deleted_pod_reports_before_it_ends,
        a_killed_pod_is_replaced_and_the_work_done,
    ]
}

/// The name of all shipped objects.
const JOBSWEEP: &str = "jobsweep";
const MIB: u64 = 1 << 20;

pub(crate) async fn the_shipped_job_sweeps_where_pods_are_restricted(node: &Node) -> Result<()> {
    let namespace = restricted(node).await?;
    namespace.create(job("good").policy("hook-succeeded").script("true")).await?;
    namespace.create(job("bad").policy("hook-failed").script("false")).await?;
    namespace.create(job("kept").policy("hook-succeeded").script("false")).await?;
    namespace.create(job("other").script("true")).await?;
    apply(node, &namespace, "cleanup-job.yaml").await?;
    let log = log_of_finished(&namespace, JOBSWEEP).await?;
    ensure!(log.contains("deleted"), "{log}");
    ensure!(namespace.names().await? == [JOBSWEEP, "kept", "other"], "{log}");
    Ok(())
}

pub(crate) async fn the_shipped_cron_job_does_so_too(node: &Node) -> Result<()> {
    let namespace = restricted(node).await?;
    for (name, seconds) in [("old", -1200), ("recent", 0)] {
        let job = job(name).policy("hook-succeeded").managed_by("example.com/nobody");
        namespace.finish_after(&namespace.create(job).await?, Outcome::Succeeded, seconds).await?;
    }
    apply(node, &namespace, "cleanup-cronjob.yaml").await?;
    // The CronJob controller would create the same Job.
    let create = ["create", "job", "now", "--from=cronjob/jobsweep"];
    kubectl_in(&node.cluster, &namespace)?.args(create).run().await?.expect_success()?;
    let log = log_of_finished(&namespace, "now").await?;
    // The CronJob controller may have created more Jobs.
    let left = namespace.names().await?;
    ensure!(!left.contains(&"old".to_owned()) && left.contains(&"recent".to_owned()), "{log}");
    Ok(())
}

/// Checks the effects of the pod's security context.
pub(crate) async fn its_process_may_do_nothing_but_talk(node: &Node) -> Result<()> {
    let namespace = restricted(node).await?;
    let held = held(&namespace).await?;
    let pod = waiting_pod(node, &namespace).await?;
    let process = Container::of(&pod)?.process()?;
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let fields: Vec<Vec<&str>> = status.lines().map(|line| line.split_whitespace().collect()).collect();
    for wanted in [
        "Uid: 65532 65532 65532 65532",
        "CapEff: 0000000000000000",
        "CapBnd: 0000000000000000",
        "NoNewPrivs: 1",
        "Seccomp: 2",
    ] {
        ensure!(fields.contains(&wanted.split(' ').collect()), "{wanted} is not in\n{status}");
    }
    let mounts = fs::read_to_string(format!("/proc/{process}/mountinfo"))?;
    let root = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|mount| mount[4] == "/");
    let root = root.context("it has a root")?;
    ensure!(root[5].split(',').any(|option| option == "ro"), "{root:?}");
    finish(&namespace, &held).await
}

/// Prints the peak memory, from which the shipped request and limit are derived. More than the limit would end the pod.
#[allow(clippy::print_stderr, reason = "the figure is what one runs it for")]
pub(crate) async fn its_memory_suffices_for_5000_jobs(node: &Node) -> Result<()> {
    let namespace = restricted(node).await?;
    let held = held(&namespace).await?;
    // As long as the annotation that `kubectl apply` writes.
    let notes = "x".repeat(4096);
    let finished =
        |n| job(format!("job-{n}")).policy("hook-succeeded").annotation("example.com/notes", &notes);
    namespace.create_finished(5000, Outcome::Succeeded, finished).await?;
    let pod = waiting_pod(node, &namespace).await?;
    wait::until("all but one to be gone", || async {
        Ok((namespace.names().await?.len() == 2).then_some(()))
    })
    .await?;
    let peak = Container::of(&pod)?.peak_memory()?;
    let asked = requested_memory(&pod).context("the pod requests memory")?;
    eprintln!("5,000 Jobs swept with {:.1} MiB at most; requested are {asked} MiB", peak as f64 / MIB as f64);
    ensure!(peak < asked * MIB, "it took {peak} bytes");
    finish(&namespace, &held).await
}

/// The kubelet sends SIGTERM, and SIGKILL half a minute later, after which the exit code would be 137.
pub(crate) async fn a_deleted_pod_reports_before_it_ends(node: &Node) -> Result<()> {
    let namespace = restricted(node).await?;
    let held = held(&namespace).await?;
    let pod = waiting_pod(node, &namespace).await?;
    let pod = name(&pod)?;
    // The finalizer keeps the status of the deleted pod.
    edit(&namespace, pod, json!({ "finalizers": ["example.com/keep"] })).await?;
    let mut log = kubectl_in(&node.cluster, &namespace)?.args(["logs", "--follow", "-v=6", pod]).spawn()?;
    // From here on, kubectl follows the log.
    log.line_with("follow=true").await?;
    namespace.pods().delete(pod, &Default::default()).await?;
    let code = wait::until("its end", || async { Ok(exit_code(&namespace.pods().get(pod).await?)) }).await?;
    let log = log.finish(wait::PATIENCE).await?;
    edit(&namespace, pod, json!({ "$deleteFromPrimitiveList/finalizers": ["example.com/keep"] })).await?;
    ensure!(code == 143, "it exited with {code}: {}", log.stdout());
    ensure!(log.stdout().contains("stopped by SIGTERM"), "no report: {}", log.stdout());
    finish(&namespace, &held).await
}

pub(crate) async fn a_killed_pod_is_replaced_and_the_work_done(node: &Node) -> Result<()> {
    let namespace = restricted(node).await?;
    let held = held(&namespace).await?;
    let killed = waiting_pod(node, &namespace).await?;
    let process = Container::of(&killed)?.process()?;
    Program::new("/bin/kill").args(["-KILL", &process.to_string()]).run().await?.expect_success()?;
    let code =
        wait::until("its end", || async { Ok(exit_code(&namespace.pods().get(name(&killed)?).await?)) });
    ensure!(code.await? == 137, "it was not killed");
    pod_that_says(&namespace, JOBSWEEP, " waiting: ").await?;
    finish(&namespace, &held).await
}

fn requested_memory(pod: &Pod) -> Option<u64> {
    let container = pod.spec.as_ref()?.containers.first()?;
    let memory = container.resources.as_ref()?.requests.as_ref()?.get("memory")?;
    memory.0.strip_suffix("Mi")?.parse().ok()
}

async fn restricted(node: &Node) -> Result<Namespace> {
    let namespace = node.cluster.namespace().await?;
    namespace.restrict().await?;
    Ok(namespace)
}

async fn apply(node: &Node, namespace: &Namespace, file: &str) -> Result<()> {
    let apply = kubectl_in(&node.cluster, namespace)?.args(["apply", "-f"]).arg(example(file));
    apply.run().await?.expect_success()?;
    Ok(())
}

/// An unfinished Job, for which the sweep waits.
async fn held(namespace: &Namespace) -> Result<Job> {
    namespace.create(job("held").policy("hook-succeeded").managed_by("example.com/nobody")).await
}

/// The pod of the shipped Job, once the sweep waits for [`held`].
async fn waiting_pod(node: &Node, namespace: &Namespace) -> Result<Pod> {
    apply(node, namespace, "cleanup-job.yaml").await?;
    pod_that_says(namespace, JOBSWEEP, " waiting: ").await
}

/// Lets the held Job succeed, so that the sweep deletes it and ends.
async fn finish(namespace: &Namespace, held: &Job) -> Result<()> {
    namespace.finish(held, Outcome::Succeeded).await?;
    let log = log_of_finished(namespace, JOBSWEEP).await?;
    ensure!(namespace.names().await? == [JOBSWEEP], "{log}");
    Ok(())
}

async fn edit(namespace: &Namespace, pod: &str, metadata: Value) -> Result<()> {
    let patch = Patch::Strategic(json!({ "metadata": metadata }));
    namespace.pods().patch(pod, &PatchParams::default(), &patch).await?;
    Ok(())
}

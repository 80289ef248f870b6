//! The speed and memory of the cleanup on a real control plane, beside its peers in the same run.
//!
//! `cargo bench --bench cleanup` prints Markdown tables. `JOBS=2000` makes the run smaller. `CONCURRENCY=1` adds the
//! measurement behind the default of `--concurrency`.
//!
//! The contenders take turns in several rounds. Each has a namespace with the same number of finished Jobs, the same API
//! server, and a ServiceAccount with the same Role. The time includes connecting, listing, deleting and, for jobsweep
//! alone, waiting until all Jobs are gone. No controllers run meanwhile, because the deletion of a Job without pods does
//! not need them, and they would take processor time.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the output of a benchmark")]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use jobsweep_harness::control_plane::{ControlPlane, Namespace, User, rule};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::kube::api::{Api, DeleteParams, ListParams};
use jobsweep_harness::process::Program;

const POLICY: &str = "hook-succeeded,hook-failed";
const PATIENCE: Duration = Duration::from_secs(3600);
/// At client-go's default rate 10,000 Jobs would take half an hour.
const SEQUENTIAL_JOBS: usize = 150;
/// The speed of the machine varies, and the API server warms up.
const ROUNDS: usize = 3;
/// jobsweep's default concurrency.
const WIDTH: usize = 32;

fn main() -> Result<()> {
    // Only `cargo bench` passes --bench; `cargo test` must not wait for minutes.
    if !env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    jobsweep_harness::block_on(run(number("JOBS", 10_000)?))
}

async fn run(jobs: usize) -> Result<()> {
    let cluster = ControlPlane::options().without_audit_log().start().await?;
    if env::var_os("CONCURRENCY").is_some() {
        concurrency(&cluster, jobs / 5).await?;
    }
    speed(&cluster, jobs).await?;
    memory(&cluster, jobs).await?;
    drop(cluster);
    requests(jobs).await
}

async fn speed(cluster: &ControlPlane, jobs: usize) -> Result<()> {
    let (mut bare, mut swept, mut by_kubectl) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(rate(jobs, bare_loop(&Arena::filled(cluster, jobs).await?).await?));
        swept.push(rate(jobs, Sweep::of(&Arena::filled(cluster, jobs).await?, &[]).await?.took));
        by_kubectl.push(rate(jobs, kubectl_delete(&Arena::filled(cluster, jobs).await?).await?));
    }
    let sequential =
        rate(SEQUENTIAL_JOBS, sequential(&Arena::filled(cluster, SEQUENTIAL_JOBS).await?).await?);
    let (bare, swept, by_kubectl) = (mean(&bare), mean(&swept), mean(&by_kubectl));
    println!("\n| {jobs} finished Jobs | Jobs/s | jobsweep is |");
    println!("|---|---:|---:|");
    println!("| `jobsweep --cleanup` | {swept:.0} | |");
    for (name, rate) in [
        ("a bare loop of concurrent deletes, as many at once", bare),
        ("`kubectl delete jobs --all --wait=false`", by_kubectl),
        ("one after another, 5 requests a second", sequential),
    ] {
        println!("| {name} | {rate:.0} | {:.2}× |", swept / rate);
    }
    Ok(())
}

async fn concurrency(cluster: &ControlPlane, jobs: usize) -> Result<()> {
    println!("\n| `--concurrency` | Jobs/s | peak memory |");
    println!("|---:|---:|---:|");
    for width in ["1", "4", "8", "16", "32", "64"] {
        let sweep = Sweep::of(&Arena::filled(cluster, jobs).await?, &["--concurrency", width]).await?;
        println!("| {width} | {:.0} | {} kB |", rate(jobs, sweep.took), sweep.peak_kb);
    }
    Ok(())
}

async fn memory(cluster: &ControlPlane, jobs: usize) -> Result<()> {
    println!("\n| Jobs | peak memory |");
    println!("|---|---:|");
    let sweep = Sweep::of(&Arena::filled(cluster, jobs).await?, &[]).await?;
    println!("| {jobs} annotated and finished, all deleted | {} kB |", sweep.peak_kb);
    let arena = Arena::filled(cluster, 100).await?;
    arena.namespace.create_many(jobs * 5, |n| job(format!("other-{n}")).suspended()).await?;
    let sweep = Sweep::of(&arena, &[]).await?;
    println!("| {} without a policy beside 100 annotated ones | {} kB |", jobs * 5, sweep.peak_kb);
    Ok(())
}

/// Counts the requests in the API server's audit log.
async fn requests(jobs: usize) -> Result<()> {
    let cluster = ControlPlane::start().await?;
    Sweep::of(&Arena::filled(&cluster, jobs).await?, &[]).await?;
    let mut counts = BTreeMap::<String, usize>::new();
    for event in cluster.audit_log()? {
        let counted = if event.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
        if event.agent.starts_with("jobsweep") && event.stage == counted {
            *counts.entry(event.verb).or_default() += 1;
        }
    }
    println!("\n| {jobs} finished Jobs | requests |");
    println!("|---|---:|");
    for (verb, count) in counts {
        println!("| {verb} | {count} |");
    }
    Ok(())
}

/// A namespace with finished Jobs, and a ServiceAccount that may delete them.
struct Arena {
    namespace: Namespace,
    user: User,
}

impl Arena {
    async fn filled(cluster: &ControlPlane, jobs: usize) -> Result<Self> {
        let start = Instant::now();
        cluster.start_controller_manager().await?;
        let namespace = cluster.namespace().await?;
        cluster.stop_controller_manager();
        namespace
            .create_finished(jobs, Outcome::Succeeded, |n| job(format!("job-{n}")).policy(POLICY))
            .await?;
        eprintln!("{jobs} finished Jobs made in {:.0} s", start.elapsed().as_secs_f64());
        let user = namespace.user("sweeper").await?;
        namespace.allow(&user, vec![rule("batch", "jobs", &["list", "watch", "delete"])]).await?;
        Ok(Self { namespace, user })
    }

    async fn jobs(&self) -> Result<Api<Job>> {
        Ok(Api::namespaced(self.user.client().await?, &self.namespace.name))
    }
}

struct Sweep {
    took: Duration,
    peak_kb: u64,
}

impl Sweep {
    /// Sweeps a namespace, and checks that all Jobs are gone.
    async fn of(arena: &Arena, args: &[&str]) -> Result<Self> {
        let sweep =
            Program::new(env!("CARGO_BIN_EXE_jobsweep")).args(["--cleanup", "--settle=0", "--kubeconfig"]);
        let start = Instant::now();
        let sweep = sweep.arg(&arena.user.kubeconfig).args(args).spawn()?;
        let status = format!("/proc/{}/status", sweep.pid().context("it runs")?);
        // The kernel forgets the peak when the process ends, so the last reading counts.
        let watcher = tokio::spawn(async move {
            let mut peak = 0;
            while let Some(kb) = fs::read_to_string(&status).ok().and_then(|status| peak_of(&status)) {
                peak = peak.max(kb);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            peak
        });
        sweep.finish(PATIENCE).await?.expect_success()?;
        let took = start.elapsed();
        let left = arena.namespace.names().await?;
        ensure!(!left.iter().any(|name| name.starts_with("job-")), "{} Jobs are left", left.len());
        let sweep = Self { took, peak_kb: watcher.await? };
        eprintln!("jobsweep {args:?}: {:.1} s, {} kB", sweep.took.as_secs_f64(), sweep.peak_kb);
        Ok(sweep)
    }
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The names of all Jobs, page by page.
async fn names(jobs: &Api<Job>) -> Result<Vec<String>> {
    let mut params = ListParams::default().limit(500);
    let mut names = Vec::new();
    loop {
        let page = jobs.list(&params).await?;
        names.extend(page.items.into_iter().filter_map(|job| job.metadata.name));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(names),
        }
    }
}

/// The upper limit of the API server: no watch, precondition or policy, and no check that the Jobs are gone.
async fn bare_loop(arena: &Arena) -> Result<Duration> {
    let start = Instant::now();
    let jobs = arena.jobs().await?;
    let delete = |name: String| {
        let jobs = jobs.clone();
        async move { jobs.delete(&name, &DeleteParams::background()).await.map(drop) }
    };
    stream::iter(names(&jobs).await?).map(delete).buffer_unordered(WIDTH).try_collect::<()>().await?;
    let took = start.elapsed();
    eprintln!("bare loop: {:.1} s", took.as_secs_f64());
    Ok(took)
}

/// One deletion after another, at client-go's defaults: 5 requests a second and a burst of 10.
async fn sequential(arena: &Arena) -> Result<Duration> {
    let start = Instant::now();
    let jobs = arena.jobs().await?;
    for (number, name) in names(&jobs).await?.into_iter().enumerate() {
        let due = Duration::from_millis(200) * u32::try_from(number.saturating_sub(10))?;
        tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
        jobs.delete(&name, &DeleteParams::background()).await?;
    }
    let took = start.elapsed();
    eprintln!("one after another: {:.1} s", took.as_secs_f64());
    Ok(took)
}

async fn kubectl_delete(arena: &Arena) -> Result<Duration> {
    let start = Instant::now();
    let kubectl = kubectl(&arena.user.kubeconfig)?.args(["delete", "jobs", "--all", "--wait=false"]);
    kubectl.spawn()?.finish(PATIENCE).await?.expect_success()?;
    let took = start.elapsed();
    eprintln!("kubectl: {:.1} s", took.as_secs_f64());
    Ok(took)
}

fn rate(jobs: usize, took: Duration) -> f64 {
    jobs as f64 / took.as_secs_f64()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn number(name: &str, default: usize) -> Result<usize> {
    env::var(name).map_or(Ok(default), |text| text.parse().with_context(|| format!("{name} is no number")))
}

//! How fast the cleanup is, and how small: on a real control plane, with its peers in the same run.
//!
//! `cargo bench --bench cleanup` prints Markdown tables. `JOBS=2000` makes it smaller, `CONCURRENCY=1` adds the
//! measurement that the default of `--concurrency` comes from.
//!
//! Every contender gets a namespace of its own with as many finished Jobs, one after the other, on the same API
//! server. Its time is that of the whole call: connecting, listing, deleting and, for jobsweep alone, seeing that
//! everything is gone.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what a benchmark is for")]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use jobsweep_harness::control_plane::{ControlPlane, Namespace, rule};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::kube::api::{DeleteParams, ListParams};
use jobsweep_harness::process::Program;

const POLICY: &str = "hook-succeeded,hook-failed";
/// Long enough for the slowest contender.
const PATIENCE: Duration = Duration::from_secs(3600);
/// The shape of a sweeper on client-go's defaults would take half an hour, so it gets fewer Jobs.
const SEQUENTIAL_JOBS: usize = 150;

fn main() -> Result<()> {
    // `cargo bench` passes --bench; anything else, like a test run's arguments, is no wish to wait for minutes.
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

/// jobsweep and its peers.
async fn speed(cluster: &ControlPlane, jobs: usize) -> Result<()> {
    // The second round finds an API server that is warm, and an etcd that has more to carry.
    let mut bare = Vec::new();
    let mut swept = Vec::new();
    for _ in 0..2 {
        for width in [16, 32] {
            bare.push(rate(jobs, bare_loop(&filled(cluster, jobs).await?, width).await?));
        }
        swept.push(rate(jobs, Sweep::of(&filled(cluster, jobs).await?, &[]).await?.took));
        swept.push(rate(jobs, Sweep::of(&filled(cluster, jobs).await?, &[]).await?.took));
    }
    let by_kubectl = rate(jobs, by_kubectl(cluster, &filled(cluster, jobs).await?).await?);
    let sequential = rate(SEQUENTIAL_JOBS, sequential(&filled(cluster, SEQUENTIAL_JOBS).await?).await?);
    let (bare, swept) = (mean(&bare), mean(&swept));
    println!("\n| {jobs} finished Jobs | Jobs/s | jobsweep is |");
    println!("|---|---:|---:|");
    println!("| `jobsweep --cleanup` | {swept:.0} | |");
    for (name, rate) in [
        ("a bare loop of concurrent deletes (mean of 16 and 32 at once)", bare),
        ("`kubectl delete jobs --all --wait=false`", by_kubectl),
        ("one after another, 5 requests a second", sequential),
    ] {
        println!("| {name} | {rate:.0} | {:.2}× |", swept / rate);
    }
    Ok(())
}

/// What `--concurrency` is worth.
async fn concurrency(cluster: &ControlPlane, jobs: usize) -> Result<()> {
    println!("\n| `--concurrency` | Jobs/s | peak memory |");
    println!("|---:|---:|---:|");
    for width in ["1", "4", "8", "16", "32", "64"] {
        let sweep = Sweep::of(&filled(cluster, jobs).await?, &["--concurrency", width]).await?;
        println!("| {width} | {:.0} | {} kB |", rate(jobs, sweep.took), sweep.peak_kb);
    }
    Ok(())
}

/// How small it is.
async fn memory(cluster: &ControlPlane, jobs: usize) -> Result<()> {
    println!("\n| Jobs | peak memory |");
    println!("|---|---:|");
    let sweep = Sweep::of(&filled(cluster, jobs).await?, &[]).await?;
    println!("| {jobs} annotated and finished, all deleted | {} kB |", sweep.peak_kb);
    let namespace = filled(cluster, 100).await?;
    namespace.create_many(jobs * 5, |n| job(format!("other-{n}")).suspended()).await?;
    let sweep = Sweep::of(&namespace, &[]).await?;
    println!("| {} without a policy beside 100 annotated ones | {} kB |", jobs * 5, sweep.peak_kb);
    Ok(())
}

/// What the API server was asked, by its audit log.
async fn requests(jobs: usize) -> Result<()> {
    let cluster = ControlPlane::start().await?;
    let namespace = filled(&cluster, jobs).await?;
    Sweep::of(&namespace, &[]).await?;
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

/// A namespace with so many finished Jobs.
async fn filled(cluster: &ControlPlane, jobs: usize) -> Result<Namespace> {
    let start = Instant::now();
    let namespace = cluster.namespace().await?;
    namespace.create_finished(jobs, Outcome::Succeeded, |n| job(format!("job-{n}")).policy(POLICY)).await?;
    eprintln!("{jobs} finished Jobs made in {:.0} s", start.elapsed().as_secs_f64());
    Ok(namespace)
}

/// One run of the program.
struct Sweep {
    took: Duration,
    peak_kb: u64,
}

impl Sweep {
    /// Sweeps a namespace as a ServiceAccount that may do just that, and sees that it is empty.
    async fn of(namespace: &Namespace, args: &[&str]) -> Result<Self> {
        let user = namespace.user("sweeper").await?;
        namespace.allow(&user, vec![rule("batch", "jobs", &["list", "watch", "delete"])]).await?;
        let sweep =
            Program::new(env!("CARGO_BIN_EXE_jobsweep")).args(["--cleanup", "--settle=0", "--kubeconfig"]);
        let start = Instant::now();
        let sweep = sweep.arg(&user.kubeconfig).args(args).spawn()?;
        let status = format!("/proc/{}/status", sweep.pid().context("it runs")?);
        // The kernel keeps the peak, but forgets it with the process: the last look is what counts.
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
        let left = namespace.names().await?;
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
async fn names(namespace: &Namespace) -> Result<Vec<String>> {
    let mut params = ListParams::default().limit(500);
    let mut names = Vec::new();
    loop {
        let page = namespace.jobs().list(&params).await?;
        names.extend(page.items.into_iter().filter_map(|job| job.metadata.name));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(names),
        }
    }
}

/// The most that the API server gives: no watch, no precondition, no policy, no look whether anything is gone.
async fn bare_loop(namespace: &Namespace, width: usize) -> Result<Duration> {
    let start = Instant::now();
    let jobs = namespace.jobs();
    let delete = |name: String| {
        let jobs = jobs.clone();
        async move { jobs.delete(&name, &DeleteParams::background()).await.map(drop) }
    };
    stream::iter(names(namespace).await?).map(delete).buffer_unordered(width).try_collect::<()>().await?;
    let took = start.elapsed();
    eprintln!("bare loop, {width} at once: {:.1} s", took.as_secs_f64());
    Ok(took)
}

/// One deletion after another, at client-go's default of 5 requests a second and a burst of 10.
async fn sequential(namespace: &Namespace) -> Result<Duration> {
    let start = Instant::now();
    for (number, name) in names(namespace).await?.into_iter().enumerate() {
        let due = Duration::from_millis(200) * u32::try_from(number.saturating_sub(10))?;
        tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
        namespace.jobs().delete(&name, &DeleteParams::background()).await?;
    }
    let took = start.elapsed();
    eprintln!("one after another: {:.1} s", took.as_secs_f64());
    Ok(took)
}

async fn by_kubectl(cluster: &ControlPlane, namespace: &Namespace) -> Result<Duration> {
    let start = Instant::now();
    let kubectl = kubectl(&cluster.kubeconfig())?.args(["delete", "jobs", "--all", "--wait=false", "-n"]);
    kubectl.arg(&namespace.name).spawn()?.finish(PATIENCE).await?.expect_success()?;
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

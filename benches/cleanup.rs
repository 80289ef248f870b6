//! The speed and memory of the cleanup on a real control plane, beside its peers in the same run.
//!
//! `cargo bench --bench cleanup` prints Markdown tables. `JOBS=2000` measures only that size. `CONCURRENCY=1` adds the
//! measurement behind the default of `--concurrency`. `BASELINE=/path/to/jobsweep` lets an older jobsweep take its turns too.
//!
//! The contenders take turns in several rounds. Each has a namespace with the same number of finished Jobs, the same API
//! server, and a ServiceAccount with the same Role. The time includes connecting, listing, deleting and, for jobsweep
//! alone, waiting until all Jobs are gone. No controllers run meanwhile, because the deletion of a Job without pods does
//! not need them, and they would take processor time.
//!
//! One Job of each namespace is made by the API server; the others are copies of it in etcd.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the output of a benchmark")]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use jobsweep_harness::control_plane::{ControlPlane, Namespace, User, rule};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::k8s_openapi::api::rbac::v1::PolicyRule;
use jobsweep_harness::kube::api::{Api, DeleteParams, ListParams};
use jobsweep_harness::process::Program;
use jobsweep_harness::tools;

const POLICY: &str = "hook-succeeded,hook-failed";
const PATIENCE: Duration = Duration::from_secs(3600);
/// At client-go's default rate 10,000 Jobs would take half an hour.
const SEQUENTIAL_JOBS: usize = 150;
/// The sizes and, as the speed of the machine varies and the API server warms up, the rounds.
const SIZES: [(usize, usize); 3] = [(1_000, 5), (10_000, 3), (100_000, 3)];
/// kubectl takes three minutes for 100,000.
const MOST_FOR_KUBECTL: usize = 10_000;
/// jobsweep's default concurrency.
const WIDTH: usize = 32;

fn main() -> Result<()> {
    // Only `cargo bench` passes --bench; `cargo test` must not wait for minutes.
    if !env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    jobsweep_harness::block_on(run())
}

async fn run() -> Result<()> {
    let sizes = match env::var("JOBS") {
        Ok(jobs) => vec![(jobs.parse().context("JOBS is no number")?, 3)],
        Err(_) => SIZES.to_vec(),
    };
    let baseline = env::var_os("BASELINE").map(PathBuf::from);
    let program = tools::released_program()?;
    let cluster = ControlPlane::options().without_audit_log().start().await?;
    if env::var_os("CONCURRENCY").is_some() {
        concurrency(&cluster, &program, 2_000).await?;
    }
    println!("\n| finished Jobs | rounds | | Jobs/s | jobsweep is | peak memory | |");
    println!("|---:|---:|---|---:|---:|---:|---|");
    for (jobs, rounds) in sizes {
        size(&cluster, &program, baseline.as_deref(), jobs, rounds).await?;
    }
    others(&cluster, &program, 50_000).await?;
    drop(cluster);
    requests(&program, 10_000, 1).await?;
    requests(&program, 3, 5_000).await
}

/// All Jobs are annotated and finished, and all are deleted.
async fn size(
    cluster: &ControlPlane,
    program: &Path,
    baseline: Option<&Path>,
    jobs: usize,
    rounds: usize,
) -> Result<()> {
    let (mut bare, mut swept, mut older, mut by_kubectl) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut peak, mut older_peak) = (0, 0);
    for _ in 0..rounds {
        bare.push(rate(jobs, bare_loop(&Arena::filled(cluster, jobs).await?).await?));
        let sweep = Sweep::of(program, &Arena::filled(cluster, jobs).await?, &[]).await?;
        swept.push(rate(jobs, sweep.took));
        peak = peak.max(sweep.peak_kb);
        if let Some(baseline) = baseline {
            let sweep = Sweep::of(baseline, &Arena::filled(cluster, jobs).await?, &[]).await?;
            older.push(rate(jobs, sweep.took));
            older_peak = older_peak.max(sweep.peak_kb);
        }
        if jobs <= MOST_FOR_KUBECTL {
            by_kubectl.push(rate(jobs, kubectl_delete(&Arena::filled(cluster, jobs).await?).await?));
        }
    }
    let (swept, bare) = (mean(&swept), mean(&bare));
    println!("| {jobs} | {rounds} | `jobsweep --cleanup` | {swept:.0} | | {} |", memory(peak, jobs));
    let met = if swept / bare >= 0.9 { "met" } else { "**missed**" };
    let name = "a bare loop of concurrent deletes, as many at once";
    println!("| {jobs} | {rounds} | {name} | {bare:.0} | **{:.2}×** at least 0.9: {met} | | |", swept / bare);
    if !older.is_empty() {
        let older = mean(&older);
        let ratio = swept / older;
        println!("| {jobs} | {rounds} | the baseline | {older:.0} | {ratio:.2}× | {older_peak} kB | |");
    }
    if !by_kubectl.is_empty() {
        let (name, rate) = ("`kubectl delete jobs --all --wait=false`", mean(&by_kubectl));
        println!("| {jobs} | {rounds} | {name} | {rate:.0} | {:.2}× | | |", swept / rate);
    }
    if jobs == SIZES[1].0 {
        let arena = Arena::filled(cluster, SEQUENTIAL_JOBS).await?;
        let rate = rate(SEQUENTIAL_JOBS, sequential(&arena).await?);
        let name = "one after another, 5 requests a second";
        println!("| {SEQUENTIAL_JOBS} | 1 | {name} | {rate:.0} | **{:.0}×** at least 50 | | |", swept / rate);
    }
    Ok(())
}

async fn concurrency(cluster: &ControlPlane, program: &Path, jobs: usize) -> Result<()> {
    println!("\n| `--concurrency` | Jobs/s | peak memory |");
    println!("|---:|---:|---:|");
    for width in ["1", "4", "8", "16", "32", "64"] {
        let arena = Arena::filled(cluster, jobs).await?;
        let sweep = Sweep::of(program, &arena, &["--concurrency", width]).await?;
        println!("| {width} | {:.0} | {} kB |", rate(jobs, sweep.took), sweep.peak_kb);
    }
    Ok(())
}

/// Jobs that are not annotated take no memory.
async fn others(cluster: &ControlPlane, program: &Path, jobs: usize) -> Result<()> {
    let arena = Arena::filled(cluster, 100).await?;
    let other = arena.namespace.create(job("other-0000000").suspended()).await?;
    cluster.copy(&other, (1..jobs).map(|n| (arena.namespace.name.clone(), format!("other-{n:07}")))).await?;
    let sweep = Sweep::of(program, &arena, &[]).await?;
    println!("\n| Jobs | peak memory |");
    println!("|---|---:|");
    println!("| {jobs} without a policy beside 100 annotated ones | {} kB |", sweep.peak_kb);
    Ok(())
}

/// The peak memory, and whether it is within 40 MB for up to 10,000 Jobs, and 128 MiB for more.
fn memory(peak_kb: u64, jobs: usize) -> String {
    let limit_kb = if jobs <= 10_000 { 40_000_000 / 1024 } else { 128 * 1024 };
    let met = if peak_kb <= limit_kb { "met" } else { "**missed**" };
    format!("**{peak_kb} kB** | at most {limit_kb} kB: {met}")
}

/// Counts the requests in the API server's audit log. More than one namespace are swept with `-A`.
async fn requests(program: &Path, jobs: usize, namespaces: usize) -> Result<()> {
    let cluster = ControlPlane::start().await?;
    let arena = Arena::filled(&cluster, jobs).await?;
    let args: &[&str] = if namespaces > 1 { &["-A"] } else { &[] };
    if namespaces > 1 {
        arena.namespace.allow_everywhere(&arena.user, rules()).await?;
        let width = arena.namespace.name.len() - 1;
        let names: Vec<_> = (1..namespaces).map(|n| format!("n{n:0width$}")).collect();
        let template = arena.namespace.jobs().get(&name(0)).await?;
        cluster.create_namespaces(&names).await?;
        let ids = names.iter().flat_map(|namespace| (0..jobs).map(|n| (namespace.clone(), name(n))));
        cluster.copy(&template, ids).await?;
    }
    let sweep = Sweep::of(program, &arena, args).await?;
    let mut counts = BTreeMap::<String, usize>::new();
    for event in cluster.audit_log()? {
        let counted = if event.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
        if event.agent.starts_with("jobsweep") && event.stage == counted {
            *counts.entry(event.verb).or_default() += 1;
        }
    }
    println!("\n| {jobs} finished Jobs in each of {namespaces} namespaces | requests | |");
    println!("|---|---:|---|");
    for (verb, count) in counts {
        println!("| {verb} | {count} | |");
    }
    println!("| peak memory | {} |", memory(sweep.peak_kb, jobs * namespaces));
    Ok(())
}

fn name(number: usize) -> String {
    format!("job-{number:07}")
}

fn rules() -> Vec<PolicyRule> {
    vec![rule("batch", "jobs", &["list", "watch", "delete"])]
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
        let first = namespace.create(job(name(0)).policy(POLICY).managed_by("example.com/nobody")).await?;
        namespace.finish(&first, Outcome::Succeeded).await?;
        let first = namespace.jobs().get(&name(0)).await?;
        cluster.copy(&first, (1..jobs).map(|n| (namespace.name.clone(), name(n)))).await?;
        eprintln!("{jobs} finished Jobs made in {:.0} s", start.elapsed().as_secs_f64());
        let user = namespace.user("sweeper").await?;
        namespace.allow(&user, rules()).await?;
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
    async fn of(program: &Path, arena: &Arena, args: &[&str]) -> Result<Self> {
        let sweep = Program::new(program).args(["--cleanup", "--settle=0", "--timeout=none", "--kubeconfig"]);
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
        eprintln!("{} {args:?}: {:.1} s, {} kB", program.display(), sweep.took.as_secs_f64(), sweep.peak_kb);
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

//! What `--unblock` costs: without Jobs beside the plain filter, and with Jobs beside kubectl and a bare loop, on a real control plane.
//!
//! `cargo bench --bench unblock` prints Markdown tables. All contenders take turns, so that whatever else the machine does meets them all.
//!
//! The Jobs have a selector of their own, because `kubectl replace` does not know the one that a Job gets when it is created, and
//! refuses every manifest without it. Every turn has a namespace of its own with as many finished Jobs, of which as many are in the way. No
//! controllers run meanwhile: they have no part in the deletion of a Job without pods.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what a benchmark is for")]

use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use jobsweep_harness::control_plane::{ControlPlane, Namespace, User, rule};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::jobs::{JobBuilder, Outcome, job};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::kube::api::{Api, DeleteParams, PostParams};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools;
use serde_json::json;

const JOBSWEEP: &str = env!("CARGO_BIN_EXE_jobsweep");
const NOBODY: &str = "example.com/nobody";
const PATIENCE: Duration = Duration::from_secs(600);
/// As many requests at once as jobsweep has under way.
const WIDTH: usize = 32;
const FILTER_RUNS: usize = 300;

/// `kubectl delete` takes minutes for more Jobs than this, so it gets only one turn.
const KUBECTL_IS_QUICK: usize = 50;

/// How many Jobs, how many of them in the way, and how many turns.
const CROWDS: [(usize, usize, usize); 4] = [(1, 1, 9), (10, 1, 9), (500, 5, 5), (500, 500, 5)];

fn main() -> Result<()> {
    // `cargo bench` passes --bench; anything else, like a test run's arguments, is no wish to wait for minutes.
    if !env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    without_jobs()?;
    jobsweep_harness::block_on(with_jobs())
}

fn without_jobs() -> Result<()> {
    let folder = tools::target_dir().join("bench");
    fs::create_dir_all(&folder)?;
    let chart = folder.join("no-jobs.yaml");
    fs::write(&chart, chart_without_jobs())?;
    let (mut filter, mut unblock) = (Vec::new(), Vec::new());
    for _ in 0..FILTER_RUNS {
        filter.push(filtered(&chart, &[])?);
        unblock.push(filtered(&chart, &["--unblock", "--namespace=shop"])?);
    }
    let (filter, unblock) = (milliseconds(filter), milliseconds(unblock));
    println!("| 50 kB without a Job | ms | longer | at most |\n|---|---:|---:|---:|");
    println!("| `jobsweep` | {filter:.2} | | |");
    println!("| `jobsweep --unblock` | {unblock:.2} | **{:.2} ms** | 1 |", unblock - filter);
    Ok(())
}

fn chart_without_jobs() -> String {
    let mut text = String::new();
    for number in 0.. {
        if text.len() > 50_000 {
            break;
        }
        let _ = write!(
            text,
            "---\n# Source: shop/templates/{number}.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop-{number}\n\
             data:\n  run.sh: |\n"
        );
        for line in 0..12 {
            let _ =
                writeln!(text, "    if [ \"$STEP\" -le {line} ]; then ./step-{line} \"$@\"; fi # {number}");
        }
    }
    text
}

fn filtered(input: &Path, args: &[&str]) -> Result<Duration> {
    let mut filter = Command::new(JOBSWEEP);
    filter.args(args).env_clear().stdin(File::open(input)?).stdout(Stdio::piped());
    let start = Instant::now();
    let output = filter.output()?;
    let took = start.elapsed();
    ensure!(output.status.success() && output.stdout.len() as u64 == fs::metadata(input)?.len());
    Ok(took)
}

async fn with_jobs() -> Result<()> {
    let cluster = ControlPlane::options().without_audit_log().start().await?;
    println!("\n| Jobs | in the way | contender | ms | jobsweep is |\n|---:|---:|---|---:|---:|");
    for (jobs, in_the_way, turns) in CROWDS {
        let (mut bare, mut ours, mut by_kubectl) = (Vec::new(), Vec::new(), Vec::new());
        cluster.start_controller_manager().await?;
        let mut arenas = Vec::new();
        for _ in 0..3 * turns {
            arenas.push(Arena::new(&cluster, jobs, in_the_way).await?);
        }
        cluster.stop_controller_manager();
        for turn in arenas.chunks_exact(3) {
            bare.push(turn[0].run(Contender::Bare).await?);
            ours.push(turn[1].run(Contender::Jobsweep).await?);
            if by_kubectl.is_empty() || in_the_way <= KUBECTL_IS_QUICK {
                by_kubectl.push(turn[2].run(Contender::Kubectl).await?);
            }
        }
        let (bare, ours, by_kubectl) = (milliseconds(bare), milliseconds(ours), milliseconds(by_kubectl));
        let begin = format!("| {jobs} | {in_the_way} |");
        println!("{begin} `jobsweep --unblock` | {ours:.0} | |");
        println!(
            "{begin} a bare loop of concurrent requests, as many at once | {bare:.0} | {:.2}× |",
            bare / ours
        );
        println!("{begin} kubectl | {by_kubectl:.0} | {:.2}× |", by_kubectl / ours);
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Contender {
    Bare,
    Jobsweep,
    Kubectl,
}

/// A namespace with finished Jobs, what is to be applied to it, and who does.
struct Arena {
    namespace: Namespace,
    user: User,
    jobs: usize,
    in_the_way: usize,
    planned: Vec<Job>,
}

impl Arena {
    async fn new(cluster: &ControlPlane, jobs: usize, in_the_way: usize) -> Result<Self> {
        let namespace = cluster.namespace().await?;
        let user = namespace.user("deployer").await?;
        let verbs = ["get", "list", "watch", "update", "delete"];
        namespace.allow(&user, vec![rule("batch", "jobs", &verbs)]).await?;
        let planned = |number| described(number, number < in_the_way).managed_by(NOBODY).build();
        let planned = (0..jobs).map(planned).collect::<Result<_>>()?;
        Ok(Self { namespace, user, jobs, in_the_way, planned })
    }

    /// Fills it, and lets a contender make way.
    async fn run(&self, contender: Contender) -> Result<Duration> {
        self.namespace
            .create_finished(self.jobs, Outcome::Succeeded, |number| described(number, false))
            .await?;
        let file = self.user.kubeconfig.with_extension("yaml");
        let mut stream = String::new();
        for job in &self.planned {
            let _ = write!(stream, "---\n{}", serde_yaml::to_string(job)?);
        }
        fs::write(&file, &stream)?;
        let start = Instant::now();
        match contender {
            Contender::Bare => self.bare().await?,
            Contender::Jobsweep => {
                let unblock = Program::new(JOBSWEEP).args(["--unblock", "--kubeconfig"]);
                let unblock = unblock.arg(&self.user.kubeconfig).args(["-n", &self.namespace.name]);
                finish(unblock.stdin(stream)).await?.expect_success()?;
            }
            Contender::Kubectl => self.kubectl(&file).await?,
        }
        let took = start.elapsed();
        let left = self.namespace.names().await?.len();
        ensure!(left == self.jobs - self.in_the_way, "{left} Jobs are left");
        Ok(took)
    }

    /// The least that it takes: each Job is fetched and replaced as a dry run, and what cannot be replaced is deleted.
    async fn bare(&self) -> Result<()> {
        let jobs = Api::<Job>::namespaced(self.user.client().await?, &self.namespace.name);
        let look = |planned: &Job| {
            let (jobs, mut planned) = (jobs.clone(), planned.clone());
            async move {
                let name = planned.metadata.name.clone().unwrap_or_default();
                planned.metadata.resource_version = jobs.get(&name).await?.metadata.resource_version;
                let dry_run = PostParams { dry_run: true, field_manager: None };
                anyhow::Ok(jobs.replace(&name, &dry_run, &planned).await.is_err().then_some(name))
            }
        };
        let looks = stream::iter(&self.planned).map(look).buffer_unordered(WIDTH);
        let blocking: Vec<_> = looks.try_collect().await?;
        let delete = |name: String| {
            let jobs = jobs.clone();
            async move { jobs.delete(&name, &DeleteParams::background()).await.map(drop) }
        };
        let deletions = stream::iter(blocking.into_iter().flatten()).map(delete).buffer_unordered(WIDTH);
        Ok(deletions.try_collect::<()>().await?)
    }

    /// What one would write in a script.
    async fn kubectl(&self, manifests: &Path) -> Result<()> {
        let call = |args: &[&str]| -> Result<Program> {
            Ok(kubectl(&self.user.kubeconfig)?.args(["-n", &self.namespace.name]).args(args))
        };
        let get = call(&["get", "--ignore-not-found", "-o", "name", "-f"])?.arg(manifests);
        finish(get).await?.expect_success()?;
        let replace = call(&["replace", "--dry-run=server", "-o", "name", "-f"])?.arg(manifests);
        let replace = finish(replace).await?.expect_code(1)?;
        let immutable = replace.stderr().matches("field is immutable").count();
        ensure!(immutable == self.in_the_way, "{immutable} Jobs are immutable: {}", replace.stderr());
        let names: Vec<_> = (0..self.in_the_way).map(name).collect();
        finish(call(&["delete", "job"])?.args(names)).await?.expect_success()?;
        Ok(())
    }
}

async fn finish(program: Program) -> Result<Finished> {
    program.spawn()?.finish(PATIENCE).await
}

fn name(number: usize) -> String {
    format!("job-{number}")
}

fn described(number: usize, changed: bool) -> JobBuilder {
    let labels = json!({ "example.com/job": name(number) });
    let image = format!("example.com/shop:{}", u8::from(changed));
    let container = json!({ "name": "main", "image": image });
    job(name(number))
        .policy("hook-succeeded")
        .spec("manualSelector", json!(true))
        .spec("selector", json!({ "matchLabels": labels }))
        .spec(
            "template",
            json!({
                "metadata": { "labels": labels },
                "spec": { "restartPolicy": "Never", "containers": [container] },
            }),
        )
}

/// The median.
fn milliseconds(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

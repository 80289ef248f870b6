//! A namespace full of old Jobs, swept by the lines of README and docs/cleanup.md.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::jobs::{JobBuilder, Outcome, job};
use jobsweep_harness::pages::{block, in_namespace};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::{folder, tools, trials, trials::Trial};

pub fn trials() -> Vec<Trial> {
    trials![
        old_jobs_are_looked_at_and_swept,
        the_jobs_of_a_cronjob_are_left_out_by_the_line_for_that,
        a_default_policy_sweeps_old_jobs_of_a_namespace,
        a_default_policy_sweeps_only_the_jobs_of_the_release,
    ]
}

const FINISHED: [(&str, Outcome); 2] = [("broken", Outcome::Failed), ("done", Outcome::Succeeded)];

pub async fn old_jobs_are_looked_at_and_swept(cluster: &ControlPlane) -> Result<()> {
    for page in ["README.md", "docs/cleanup.md"] {
        let old = Old::new(cluster).await?;
        let block = block(page, "jobsweep --cleanup -n shop --once --default-policy ")?;
        let [look, sweep, ..] = block.lines().collect::<Vec<_>>()[..] else {
            bail!("{page} has other lines:\n{block}")
        };
        old.typed(look).await?.expect_success()?;
        old.leaves(&["broken", "done", "nightly-1", "other-policy", "running"]).await?;
        old.typed(sweep).await?.expect_success()?;
        old.leaves(&["nightly-1", "other-policy", "running"]).await?;
    }
    Ok(())
}

pub async fn the_jobs_of_a_cronjob_are_left_out_by_the_line_for_that(cluster: &ControlPlane) -> Result<()> {
    let old = Old::new(cluster).await?;
    let annotate = block("docs/cleanup.md", "kubectl annotate -n shop job ")?;
    let annotated = old.typed(&annotate).await?.expect_code(1)?;
    for name in ["broken", "done", "running"] {
        ensure!(
            annotated.stdout().contains(&format!("job.batch/{name} annotated")),
            "{}",
            annotated.stdout()
        );
    }
    ensure!(!annotated.stdout().contains("nightly"), "{}", annotated.stdout());
    ensure!(annotated.stderr().contains("already has a value"), "{}", annotated.stderr());
    Ok(())
}

pub async fn a_default_policy_sweeps_old_jobs_of_a_namespace(cluster: &ControlPlane) -> Result<()> {
    let old = Old::new(cluster).await?;
    old.finished("ignored", |job| job.annotation("jobsweep.io/ignore", "true")).await?;
    let all = ["broken", "done", "ignored", "nightly-1", "other-policy", "running"];
    for (line, left) in [
        ("JOBSWEEP_DEFAULT_POLICY=hook-succeeded jobsweep --cleanup -n shop --once", &all[..]),
        ("jobsweep --cleanup -n shop --once --default-policy=hook-succeeded,hook-failed --dry-run", &all),
        ("jobsweep --cleanup -n shop --once --default-policy=hook-succeeded,hook-failed", &all[2..]),
    ] {
        let swept = old.typed(line).await?.expect_success()?;
        let is_dry = line.ends_with("--dry-run");
        ensure!(swept.stderr().contains("2 would-delete") == is_dry, "{}", swept.stderr());
        old.leaves(left).await?;
    }
    Ok(())
}

pub async fn a_default_policy_sweeps_only_the_jobs_of_the_release(cluster: &ControlPlane) -> Result<()> {
    let old = Old::new(cluster).await?;
    old.finished("ours", |job| job.release("web")).await?;
    old.finished("theirs", |job| job.release("api")).await?;
    let line = "jobsweep --cleanup -n shop --once --release=web --default-policy=hook-succeeded";
    old.typed(line).await?.expect_success()?;
    old.leaves(&["broken", "done", "nightly-1", "other-policy", "running", "theirs"]).await
}

/// Jobs that nobody annotated, one that somebody did, and one of a CronJob.
struct Old {
    namespace: Namespace,
    kubeconfig: PathBuf,
}

impl Old {
    async fn new(cluster: &ControlPlane) -> Result<Self> {
        let old = Self { namespace: cluster.namespace().await?, kubeconfig: cluster.kubeconfig() };
        let unmanaged = |name| job(name).managed_by("example.com/nobody");
        for (name, outcome) in FINISHED {
            old.namespace.finish(&old.namespace.create(unmanaged(name)).await?, outcome).await?;
        }
        old.namespace.create(unmanaged("running")).await?;
        let other = unmanaged("other-policy").policy("before-hook-creation");
        old.namespace.finish(&old.namespace.create(other).await?, Outcome::Succeeded).await?;
        let nightly = "kubectl create cronjob -n shop nightly --image=example.com/app:1 --schedule='0 3 1 1 *' && \
                       kubectl create job -n shop nightly-1 --from=cronjob/nightly";
        old.typed(nightly).await?.expect_success()?;
        old.namespace.succeed(&old.namespace.jobs().get("nightly-1").await?).await?;
        Ok(old)
    }

    /// One more Job, which has succeeded.
    async fn finished(&self, name: &str, with: impl FnOnce(JobBuilder) -> JobBuilder) -> Result<()> {
        let job = with(job(name).managed_by("example.com/nobody"));
        self.namespace.finish(&self.namespace.create(job).await?, Outcome::Succeeded).await
    }

    /// What somebody types in a shell, where the namespace is called `shop`.
    async fn typed(&self, line: &str) -> Result<Finished> {
        let line = in_namespace(line, &self.namespace.name);
        let kubectl = tools::kubectl()?;
        let programs = [Path::new(env!("CARGO_BIN_EXE_jobsweep")), &kubectl].map(|program| program.parent());
        let folders = programs.into_iter().flatten().map(Path::to_owned);
        let path = std::env::join_paths(folders.chain(["/usr/bin".into(), "/bin".into()]))?;
        let shell = Program::new("/bin/sh").args(["-c", &line]).env("PATH", path);
        // kubectl keeps a cache in its home.
        let home = folder("home")?;
        shell.env("HOME", home).env("KUBECONFIG", &self.kubeconfig).run().await
    }

    async fn leaves(&self, names: &[&str]) -> Result<()> {
        let left = self.namespace.names().await?;
        ensure!(left == names, "left are {left:?}, not {names:?}");
        Ok(())
    }
}

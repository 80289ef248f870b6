//! `helm … --post-renderer jobsweep --post-renderer-args --name-suffix-hash`

mod release;

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, rule};
use jobsweep_harness::helm::Wait;
use jobsweep_harness::jobs::Outcome;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::wait;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{helm_with_jobsweep, template};
use release::{Release, chart};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_changed_job_is_another_job_and_an_unchanged_one_stays,
        a_failed_job_that_changes_is_another_job,
        a_rollback_passes_and_runs_the_old_job_again,
        a_rollback_that_helm_starts_itself_leaves_a_whole_release,
        the_old_job_goes_before_helm_waits_even_if_it_still_runs,
        the_job_of_a_failed_revision_stays,
        without_the_right_to_delete_the_old_job_stays,
        a_job_that_others_wait_for_is_unblocked_instead,
        a_hook_that_waits_is_seen_on_helm_4_only,
        a_job_with_null_metadata_can_be_updated,
    ]
}

const HASH: [&str; 3] = ["--post-renderer=jobsweep", "--post-renderer-args", "--name-suffix-hash"];
const SECOND: [&str; 2] = ["--set", "version=2"];
const THIRD: [&str; 2] = ["--set", "version=3"];

fn is_hashed(name: &str) -> bool {
    name.strip_prefix("migrate-").is_some_and(|hash| hash.len() == 10)
}

pub(crate) async fn a_changed_job_is_another_job_and_an_unchanged_one_stays(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let legacy: &[&str] = &["--wait=legacy", "--wait-for-jobs"];
    for how in Wait::ALL.map(Wait::flags).into_iter().chain(version.is_4().then_some(legacy)) {
        let release = Release::new(cluster, version).await?;
        release.passes(release.upgrade(how)).await?;
        ensure!(release.job().await?.0 == "migrate");

        release.passes(release.hashed(how)).await?;
        let first = release.job().await?;
        ensure!(is_hashed(&first.0), "{first:?}");
        let same = ["--set", "team=b,backoffLimit=3"];
        for args in [&[][..], &same] {
            release.passes(release.hashed(how).args(args)).await?;
            ensure!(release.job().await? == first, "{how:?} {args:?}");
        }
        let job = release.namespace.jobs().get(&first.0).await?;
        let team = job.metadata.labels.as_ref().and_then(|labels| labels.get("team"));
        ensure!(team.is_some_and(|team| team == "b"), "{job:?}");

        release.passes(release.hashed(how).args(SECOND)).await?;
        let second = release.job().await?;
        ensure!(is_hashed(&second.0) && second.0 != first.0, "{second:?}");
        release.is_deployed(5).await?;
        release.uninstall().await?;
        release.jobs(0).await?;
    }
    Ok(())
}

pub(crate) async fn a_failed_job_that_changes_is_another_job(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    release.run(release.hashed(&[]), Outcome::Failed).await?.expect_success()?;
    let failed = release.job().await?;
    release.passes(release.hashed(&["--wait", "--wait-for-jobs"]).args(SECOND)).await?;
    let second = release.job().await?;
    ensure!(second.0 != failed.0, "{second:?}");
    // The same content has failed, so it does not run again.
    let failing = release.hashed(&["--wait", "--wait-for-jobs", "--timeout=30s"]).args(THIRD);
    release.run(failing.clone(), Outcome::Failed).await?.expect_code(1)?;
    let failed = release.job().await?;
    release.run(failing.clone(), Outcome::Succeeded).await?.expect_code(1)?;
    ensure!(release.job().await? == failed);
    let retry = ["--post-renderer-args=--unblock", "--post-renderer-args=--retry-failed"];
    release.passes(failing.args(retry)).await?;
    let retried = release.job().await?;
    ensure!(retried.0 == failed.0 && retried.1 != failed.1, "{retried:?}");
    Ok(())
}

pub(crate) async fn a_rollback_passes_and_runs_the_old_job_again(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    release.passes(release.upgrade(&[])).await?;
    release.passes(release.hashed(&[])).await?;
    let hashed = release.job().await?;
    release.passes(release.hashed(&SECOND)).await?;
    for (revision, name) in [("2", &*hashed.0), ("1", "migrate")] {
        let rollback = ["rollback", "shop", revision, "--wait", "--wait-for-jobs"];
        release.passes(release.helm(&rollback)).await?;
        let job = release.job().await?;
        ensure!(job.0 == name && job.1 != hashed.1, "{job:?}");
    }
    release.is_deployed(5).await?;
    release.uninstall().await?;
    release.jobs(0).await?;
    Ok(())
}

pub(crate) async fn a_rollback_that_helm_starts_itself_leaves_a_whole_release(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    release.passes(release.hashed(&[])).await?;
    let first = release.job().await?;
    let flag = if version.is_4() { "--rollback-on-failure" } else { "--atomic" };
    let upgrade = release.hashed(&[flag, "--timeout=15s", "--set", "web=none"]).args(SECOND);
    let failed = release.run(upgrade, Outcome::Succeeded).await?.expect_code(1)?;
    ensure!(!failed.stderr().contains("an error occurred while rolling back"), "{}", failed.stderr());
    let job = release.job().await?;
    ensure!(job.0 == first.0 && job.1 != first.1, "{job:?}");
    release.is_deployed(3).await
}

pub(crate) async fn the_old_job_goes_before_helm_waits_even_if_it_still_runs(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    release.hashed(&[]).run().await?.expect_success()?;
    let (running, _) = release.job().await?;
    let upgrade = release.hashed(&["--wait", "--wait-for-jobs"]).args(SECOND).spawn()?;
    release.namespace.until_gone(&running).await?;
    let new = release.namespace.jobs().get(&release.job().await?.0).await?;
    release.namespace.succeed(&new).await?;
    upgrade.finish(wait::PATIENCE).await?.expect_success()?;
    Ok(())
}

pub(crate) async fn the_job_of_a_failed_revision_stays(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let never_ready = || release.hashed(&["--wait", "--timeout=10s", "--set", "web=none"]).args(SECOND);
    release.passes(release.hashed(&[])).await?;
    release.run(never_ready(), Outcome::Succeeded).await?.expect_code(1)?;
    let of_failed = release.job().await?;
    // Helm compares with the last revision that was deployed.
    release.passes(release.hashed(&THIRD)).await?;
    ensure!(release.jobs(2).await?.contains(&of_failed));
    // The content returns, and its Job has run already.
    release.passes(release.hashed(&SECOND)).await?;
    ensure!(release.job().await? == of_failed);
    release.uninstall().await?;
    release.jobs(0).await?;

    release.passes(release.hashed(&[])).await?;
    release.run(never_ready(), Outcome::Succeeded).await?.expect_code(1)?;
    release.passes(release.hashed(&THIRD)).await?;
    release.uninstall().await?;
    ensure!(release.job().await?.0 == of_failed.0);
    Ok(())
}

pub(crate) async fn without_the_right_to_delete_the_old_job_stays(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let mut release = Release::new(cluster, version).await?;
    let user = release.namespace.user("deployer").await?;
    let verbs = ["get", "list", "watch", "create", "update", "patch"];
    let rules = vec![rule("", "secrets", &["*"]), rule("batch", "jobs", &verbs)];
    release.namespace.allow(&user, rules).await?;
    release.helm = release.helm.clone().kubeconfig(&user.kubeconfig);
    release.passes(release.hashed(&[])).await?;
    let upgraded = release.run(release.hashed(&SECOND), Outcome::Succeeded).await?;
    upgraded.expect_code(i32::from(version.is_4()))?;
    release.jobs(2).await?;
    Ok(())
}

pub(crate) async fn a_job_that_others_wait_for_is_unblocked_instead(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let log = release.helm.home().join("jobsweep.log");
    let namespace = format!("--post-renderer-args=--namespace={}", release.namespace.name);
    let unblock = ["--post-renderer-args=--unblock", "--post-renderer-args=--default-policy=hook-succeeded"];
    let call =
        |args: &[&str]| release.hashed(&unblock).arg(&namespace).args(args).env("JOBSWEEP_LOG_FILE", &log);
    release.passes(call(&["--set", "web=migrate"])).await?;
    let kept = release.job().await?;
    ensure!(kept.0 == "migrate", "{kept:?}");
    let logged = std::fs::read_to_string(&log)?;
    ensure!(logged.contains("the name of Job \"migrate\" is used here"), "{logged}");
    release.passes(call(&["--set", "web=migrate"]).args(SECOND)).await?;
    let unblocked = release.job().await?;
    ensure!(unblocked.0 == "migrate" && unblocked.1 != kept.1, "{unblocked:?}");
    // Nothing uses it any more, so it gets a hash, and nothing is in its way.
    release.passes(call(&THIRD)).await?;
    let hashed = release.job().await?;
    ensure!(is_hashed(&hashed.0), "{hashed:?}");
    release.passes(call(&THIRD)).await?;
    ensure!(release.job().await? == hashed);
    Ok(())
}

pub(crate) async fn a_hook_that_waits_is_seen_on_helm_4_only(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let chart = chart(&helm)?;
    let rendered = async || {
        let call = template(&helm, &chart).args(HASH).args(["--set", "hook=true"]);
        anyhow::Ok(call.run().await?.expect_success()?.stdout().into_owned())
    };
    let names = rendered().await?;
    ensure!(names.contains("name: migrate\n") == version.is_4(), "{names}");
    ensure!(names.contains("name: migrate-") != version.is_4(), "{names}");
    ensure!(names == rendered().await?);
    Ok(())
}

pub(crate) async fn a_job_with_null_metadata_can_be_updated(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let null = ["--set-string", "metadata="];
    release.passes(release.hashed(&null)).await?;
    let job = release.job().await?;
    release.passes(release.hashed(&null)).await?;
    ensure!(release.job().await? == job);
    Ok(())
}

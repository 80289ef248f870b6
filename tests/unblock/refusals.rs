//! One Job in the way that may not go: nothing goes, and nothing is written.

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{JobBuilder, Outcome, job};
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{BOTH, NOBODY, Setup, changed, says, stream, wrote};

pub fn trials() -> Vec<Trial> {
    trials![
        one_job_that_may_not_go_keeps_all,
        every_job_that_may_not_go_has_a_line_of_its_own,
        a_job_that_is_suspended_under_its_own_controller_keeps_all,
        before_hook_creation_allows_every_outcome,
        a_default_policy_lets_a_job_without_one_go,
        a_policy_of_the_job_in_the_cluster_does_not_count,
    ]
}

const IGNORE: &str = "jobsweep.io/ignore";

/// A Job in the cluster that may not go, beside one that may.
struct Refused {
    what: &'static str,
    live: JobBuilder,
    outcome: Option<Outcome>,
    manifest: JobBuilder,
    args: &'static [&'static str],
    why: &'static str,
    advice: &'static str,
}

pub async fn one_job_that_may_not_go_keeps_all(cluster: &ControlPlane) -> Result<()> {
    use Outcome::{Failed, Succeeded};
    let plain = || job("kept");
    let both = || job("kept").policy(BOTH);
    let case = |what, live, outcome, manifest, why, advice| Refused {
        what,
        live,
        outcome,
        manifest,
        args: &[],
        why,
        advice,
    };
    let by_hand = "delete it yourself: kubectl delete job kept -n ";
    for refused in [
        Refused {
            args: &["--once"],
            ..case(
                "running",
                both(),
                None,
                both(),
                "it has not finished: ",
                "without --once to wait for it, or with --force",
            )
        },
        case("suspended", both().suspended(), None, both(), "it is suspended", "resume it and let it finish"),
        Refused {
            args: &["--default-policy=none"],
            ..case(
                "without a policy",
                both(),
                Some(Succeeded),
                plain(),
                "its manifest has no delete policy",
                "leave out --default-policy=none",
            )
        },
        case(
            "failed where only success is named",
            both(),
            Some(Failed),
            plain().policy("hook-succeeded"),
            "it has failed, and its policy \"hook-succeeded\" does not name that",
            "add hook-failed to the policy of its manifest",
        ),
        case(
            "succeeded where only failure is named",
            both(),
            Some(Succeeded),
            plain().policy("hook-failed"),
            "it has succeeded, and its policy \"hook-failed\" does not name that",
            by_hand,
        ),
        case(
            "with a policy that names nothing",
            both(),
            Some(Succeeded),
            plain().policy("never"),
            "its policy \"never\" names no outcome",
            "write hook-succeeded, hook-failed or both into the policy of its manifest",
        ),
        case(
            "ignored in the cluster",
            both().annotation(IGNORE, "true"),
            Some(Succeeded),
            both(),
            "the Job in the cluster is annotated jobsweep.io/ignore",
            "remove the annotation",
        ),
        case(
            "ignored by its manifest",
            both(),
            Some(Succeeded),
            both().annotation(IGNORE, "true"),
            "its manifest is annotated jobsweep.io/ignore",
            "remove the annotation",
        ),
    ] {
        let setup = Setup::new(cluster).await?;
        setup.finished(job("free").policy(BOTH), Succeeded).await?;
        match refused.outcome {
            Some(outcome) => setup.finished(refused.live, outcome).await?,
            None => setup.unfinished(refused.live).await?,
        };
        let text = stream(&[changed(job("free").policy(BOTH))?, changed(refused.manifest)?]);
        let finished = setup.unblock(&text).args(refused.args).run().await?;
        let finished = setup.ends(finished, 6, &[]).await.context(refused.what)?;
        let stderr = finished.stderr();
        let [.., line, last] = *stderr.lines().collect::<Vec<_>>() else {
            anyhow::bail!("two lines: {stderr}")
        };
        ensure!(stderr.matches("may not be deleted").count() == 1, "{stderr}");
        let head = format!("jobsweep: Job {} is in the way (spec.template", setup.id("kept"));
        let why = format!(", and may not be deleted: {}", refused.why);
        ensure!(
            line.starts_with(&head) && line.contains(&why) && line.contains(refused.advice),
            "{}: {line}",
            refused.what
        );
        ensure!(last == "jobsweep: nothing was deleted, and no manifest was written", "{last}");
    }
    Ok(())
}

async fn every_job_that_may_not_go_has_a_line_of_its_own(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for name in ["a", "b"] {
        setup.finished(job(name), Outcome::Succeeded).await?;
    }
    setup.unfinished(job("c").policy(BOTH)).await?;
    // The third one could be waited for, but what forbids all is said at once.
    let text = stream(&[changed(job("a"))?, changed(job("b"))?, changed(job("c").policy(BOTH))?]);
    let finished = setup.ends(setup.unblock(&text).arg("--default-policy=none").run().await?, 6, &[]).await?;
    let stderr = finished.stderr();
    let lines: Vec<_> = stderr.lines().filter(|line| line.contains("may not be deleted")).collect();
    ensure!(lines.len() == 2, "{stderr}");
    ensure!(
        lines.iter().all(|line| line.ends_with(" --context=test")),
        "the cluster is named too: {lines:?}"
    );
    Ok(())
}

async fn a_job_that_is_suspended_under_its_own_controller_keeps_all(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let live = setup.namespace.create(job("kept").policy(BOTH).suspended()).await?;
    setup.remember(&live)?;
    setup.namespace.condition(&live, "Suspended").await?;
    let text = stream(&[changed(job("kept").policy(BOTH))?]);
    // The manifest says managedBy, which is immutable too.
    let finished = setup.ends(setup.unblock(&text).run().await?, 6, &[]).await?;
    says(&finished, &["it is suspended, so it does not finish"])
}

async fn before_hook_creation_allows_every_outcome(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("good"), Outcome::Succeeded).await?;
    setup.finished(job("bad"), Outcome::Failed).await?;
    let described = |name: &str| job(name).annotation("helm.sh/hook-delete-policy", "before-hook-creation");
    let text = stream(&[changed(described("good"))?, changed(described("bad"))?]);
    setup.passes(setup.unblock(&text).run().await?, &["good", "bad"]).await?;
    Ok(())
}

async fn a_default_policy_lets_a_job_without_one_go(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("plain"), Outcome::Succeeded).await?;
    let text = stream(&[changed(job("plain"))?]);
    let unblock = setup.unblock(&text).arg("--default-policy=hook-succeeded");
    let finished = setup.passes(unblock.run().await?, &["plain"]).await?;
    ensure!(finished.stdout().contains("kots.io/hook-delete-policy"), "{}", finished.stdout());
    Ok(())
}

async fn a_policy_of_the_job_in_the_cluster_does_not_count(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let live = job("old").policy("hook-failed").managed_by(NOBODY);
    setup.finished(live, Outcome::Succeeded).await?;
    let text = stream(&[changed(job("old").policy("hook-succeeded"))?]);
    let finished = setup.passes(setup.unblock(&text).run().await?, &["old"]).await?;
    wrote(&finished, &text)
}

//! `--unblock` under Helm, in situations that users have met: Jobs of others, left-over hooks, and new Jobs that would be refused.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::{Helm, write_chart};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::wait::{self, PATIENCE};
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::helm_with_jobsweep;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        one_flag_is_enough,
        a_release_that_helm_3_made_or_the_client_writes_is_unblocked_too,
        a_job_of_another_release_stays,
        a_job_whose_successor_helm_would_lose_stays,
        a_left_over_hook_is_in_the_way_of_itself,
        a_hook_that_became_an_ordinary_job_makes_way,
        a_hook_of_an_unknown_release_is_looked_at_if_it_runs_either_way,
        a_failed_migration_runs_again_if_it_is_asked_for,
        a_helm_that_is_killed_loses_no_job,
        flags_of_helm_that_do_not_help_are_warned_of,
    ]
}

/// The Job `migrate`, with a hook annotation, or with mistakes.
const MIGRATE: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  {{- with .Values.hook }}
  annotations:
    helm.sh/hook: {{ . }}
    helm.sh/hook-delete-policy: hook-succeeded
  {{- end }}
spec:
  backoffLimit: 0
  {{- if .Values.unknownField }}
  serviceAccountName: x
  {{- end }}
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: example.com/migrate:{{ .Values.tag }}
        {{- if .Values.twice }}
        env: [{name: A, value: "1"}, {name: A, value: "2"}]
        {{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
"#;

struct Migration {
    helm: Helm,
    namespace: Namespace,
    chart: PathBuf,
}

impl Migration {
    async fn new(cluster: &ControlPlane, version: HelmVersion) -> Result<Self> {
        let helm = helm_with_jobsweep(version).await?.kubeconfig(cluster.kubeconfig());
        let chart = helm.home().join("chart");
        write_chart(&chart, "migration", &[("templates/all.yaml", MIGRATE), ("values.yaml", "tag: 1\n")])?;
        Ok(Self { helm, namespace: cluster.namespace().await?, chart })
    }

    /// `helm upgrade --install` with the one flag, and these arguments.
    fn upgrade(&self, release: &str, args: &[&str]) -> Program {
        let call = self.helm.command().args(["upgrade", "--install", release]).arg(&self.chart);
        let call = call.args(["-n", &self.namespace.name, "--post-renderer=jobsweep"]);
        call.args(["--post-renderer-args", "--unblock"]).args(args).env("JOBSWEEP_LOG_FILE", self.log_file())
    }

    fn log_file(&self) -> PathBuf {
        self.helm.home().join("jobsweep.log")
    }

    /// What jobsweep has said since the last look.
    fn log(&self) -> Result<String> {
        let text = fs::read_to_string(self.log_file()).context("no log file")?;
        fs::remove_file(self.log_file())?;
        Ok(text)
    }

    async fn job(&self) -> Result<Job> {
        Ok(self.namespace.jobs().get("migrate").await?)
    }

    async fn uid(&self) -> Result<Option<String>> {
        Ok(self.namespace.uids().await?.get("migrate").cloned())
    }

    /// The upgrade is refused, the Job stays, and jobsweep says this.
    async fn keeps(&self, call: Program, says: &[&str]) -> Result<()> {
        let before = self.uid().await?;
        call.run().await?.expect_code(1)?;
        let log = self.log()?;
        for text in says {
            ensure!(log.contains(text), "it does not say {text:?}:\n{log}");
        }
        ensure!(before.is_some() && self.uid().await? == before, "another Job");
        Ok(())
    }

    /// The upgrade passes, and the Job is a new one.
    async fn replaces(&self, call: Program) -> Result<()> {
        let before = self.uid().await?;
        call.run().await?.expect_success()?;
        let after = self.uid().await?;
        ensure!(after.is_some() && after != before, "the same Job, or none");
        Ok(())
    }

    /// Runs an upgrade whose hook ends so.
    async fn with_hook(&self, call: Program, succeeds: bool) -> Result<Finished> {
        let before = self.uid().await?;
        let running = call.spawn()?;
        let job = wait::until("Helm to run its hook", || async {
            let job = self.namespace.jobs().get_opt("migrate").await?;
            Ok(job.filter(|job| job.metadata.uid != before))
        })
        .await?;
        if succeeds {
            self.namespace.succeed(&job).await?;
        } else {
            self.namespace.fail(&job).await?;
        }
        running.finish(PATIENCE).await
    }
}

const FORCE: &[&str] = &["--post-renderer-args", "--force"];

async fn one_flag_is_enough(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let migration = Migration::new(cluster, version).await?;
    migration.upgrade("shop", &[]).run().await?.expect_success()?;
    for (tag, succeeds) in [("tag=2", true), ("tag=3", false)] {
        let job = migration.job().await?;
        if succeeds {
            migration.namespace.succeed(&job).await?;
        } else {
            migration.namespace.fail(&job).await?;
        }
        migration.replaces(migration.upgrade("shop", &["--set", tag])).await?;
    }
    Ok(())
}

async fn a_release_that_helm_3_made_or_the_client_writes_is_unblocked_too(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let migration = Migration::new(cluster, version).await?;
    let helm_3 = helm_with_jobsweep(HelmVersion::V3_22).await?.kubeconfig(cluster.kubeconfig());
    let install = helm_3.command().args(["install", "shop"]).arg(&migration.chart);
    install.args(["-n", &migration.namespace.name]).run().await?.expect_success()?;
    // Helm 3 knows no `--server-side`: it never applies so.
    let ways: &[&[&str]] = if version.is_4() {
        &[
            &[],
            &["--server-side=false"],
            &["--server-side=true", "--force-conflicts"],
            &["--server-side=auto"],
        ]
    } else {
        &[&[]]
    };
    for (number, way) in ways.iter().enumerate() {
        migration.namespace.succeed(&migration.job().await?).await?;
        let [tag, next] = [1, 2].map(|more| format!("tag={}", number + more));
        let same = [*way, &["--set", &tag]].concat();
        let before = migration.uid().await?;
        migration.upgrade("shop", &same).run().await?.expect_success()?;
        ensure!(migration.uid().await? == before, "{way:?}: a Job that has not changed runs again");
        let changed = [*way, &["--set", &next]].concat();
        migration.replaces(migration.upgrade("shop", &changed)).await.with_context(|| format!("{way:?}"))?;
    }
    Ok(())
}

async fn a_job_of_another_release_stays(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let migration = Migration::new(cluster, version).await?;
    migration.upgrade("team-a", &[]).run().await?.expect_success()?;
    migration.namespace.succeed(&migration.job().await?).await?;
    let owner = "it belongs to Helm release \"team-a\"";
    let other = migration.upgrade("team-b", &["--set", "tag=2"]);
    migration.keeps(other.clone(), &[owner, "nothing was deleted"]).await?;
    migration.keeps(other.args(FORCE), &[owner]).await?;
    migration.replaces(migration.upgrade("team-b", &["--set", "tag=2", "--take-ownership"])).await
}

async fn a_job_whose_successor_helm_would_lose_stays(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    for (mistake, why) in [
        ("unknownField=true", "spec.serviceAccountName"),
        ("twice=true", "duplicate entries for key [name=\"A\"]"),
    ] {
        let migration = Migration::new(cluster, version).await?;
        migration.upgrade("shop", &[]).run().await?.expect_success()?;
        migration.namespace.succeed(&migration.job().await?).await?;
        let call =
            |args: &[&str]| migration.upgrade("shop", &["--set", "tag=2", "--set", mistake]).args(args);
        // Helm 3, and Helm 4 on the client side, take the mistake.
        if version.is_4() {
            migration.keeps(call(&[]), &[why]).await?;
        } else {
            migration.replaces(call(&[])).await?;
        }
    }
    Ok(())
}

async fn a_left_over_hook_is_in_the_way_of_itself(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let migration = Migration::new(cluster, version).await?;
    let hook = |tag: &'static str| migration.upgrade("shop", &["--set", "hook=pre-upgrade", "--set", tag]);
    // On the installation, the hook does not run.
    hook("tag=1").run().await?.expect_success()?;
    migration.with_hook(hook("tag=1"), false).await?.expect_code(1)?;
    let _ = migration.log();
    if !version.is_4() {
        // The hooks do not come to a post-renderer.
        let left = migration.uid().await?;
        hook("tag=2").run().await?.expect_code(1)?;
        ensure!(migration.uid().await? == left);
        let hooks = migration.helm.command().args(["get", "hooks", "shop", "-n", &migration.namespace.name]);
        let hooks = hooks.run().await?.expect_success()?.stdout;
        let unblock = migration.helm.command_by(crate::setup::JOBSWEEP).stdin(hooks);
        let unblock =
            unblock.args(["--unblock", "--retry-failed", "--force", "-n", &migration.namespace.name]);
        unblock.env("KUBECONFIG", cluster.kubeconfig()).run().await?.expect_success()?;
        ensure!(migration.uid().await?.is_none(), "the hook is gone");
        return migration.with_hook(hook("tag=2"), true).await?.expect_success().map(|_| ());
    }
    for tag in ["tag=1", "tag=2"] {
        let says =
            ["Helm ran it as a hook", "its policy \"hook-succeeded\" does not name that", "add --force"];
        migration.keeps(hook(tag), &says).await?;
    }
    // A hook that does not run is not looked at.
    hook("tag=2").arg("--no-hooks").run().await?.expect_success()?;
    migration.with_hook(hook("tag=2").args(FORCE), true).await?.expect_success()?;
    ensure!(migration.uid().await?.is_none(), "Helm deletes it by its policy");
    Ok(())
}

async fn a_hook_that_became_an_ordinary_job_makes_way(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let migration = Migration::new(cluster, version).await?;
    let hook = || migration.upgrade("shop", &["--set", "hook=pre-upgrade"]);
    hook().run().await?.expect_success()?;
    migration.with_hook(hook(), false).await?.expect_code(1)?;
    let _ = migration.log();
    // Without a value, Helm would use those of the last revision.
    migration.replaces(migration.upgrade("shop", &["--reset-values"])).await?;
    let log = migration.log()?;
    ensure!(log.contains("(Helm ran it as a hook, and cannot change it)"), "{log}");
    Ok(())
}

/// Helm keeps its releases where jobsweep does not look.
async fn a_hook_of_an_unknown_release_is_looked_at_if_it_runs_either_way(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    if !version.is_4() {
        // Its hooks do not come to a post-renderer.
        return Ok(());
    }
    let migration = Migration::new(cluster, version).await?;
    let hook = |events: &str| {
        let set = format!("hook={events}");
        migration.upgrade("shop", &["--set", &set]).env("HELM_DRIVER", "configmap")
    };
    hook("pre-upgrade").run().await?.expect_success()?;
    migration.with_hook(hook("pre-upgrade"), false).await?.expect_code(1)?;
    let _ = migration.log();
    hook("pre-upgrade").run().await?.expect_code(1)?;
    let log = migration.log()?;
    ensure!(!log.contains("Helm ran it as a hook"), "{log}");
    migration.keeps(hook("pre-install\\,pre-upgrade"), &["Helm ran it as a hook"]).await
}

async fn a_failed_migration_runs_again_if_it_is_asked_for(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let migration = Migration::new(cluster, version).await?;
    migration.upgrade("shop", &[]).run().await?.expect_success()?;
    migration.namespace.fail(&migration.job().await?).await?;
    let failed = migration.uid().await?;
    let _ = migration.log();
    migration.upgrade("shop", &[]).run().await?.expect_success()?;
    ensure!(migration.uid().await? == failed, "it stays");
    let log = migration.log()?;
    ensure!(
        log.contains("it stays failed and does not run again; --retry-failed would run it again"),
        "{log}"
    );
    migration.replaces(migration.upgrade("shop", &["--post-renderer-args", "--retry-failed"])).await
}

async fn a_helm_that_is_killed_loses_no_job(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let migration = Migration::new(cluster, version).await?;
    migration.upgrade("shop", &[]).run().await?.expect_success()?;
    let job = migration.job().await?;
    let _ = migration.log();
    let helm = migration.upgrade("shop", &["--set", "tag=2"]).spawn()?;
    let log_file = migration.log_file();
    let says = |text: &'static str| {
        let log_file = log_file.clone();
        async move {
            let has_text = || async {
                let log = fs::read_to_string(&log_file).unwrap_or_default();
                Ok(log.contains(text).then_some(()))
            };
            wait::until(text, has_text).await
        }
    };
    says("waiting for Job ").await?;
    helm.kill().await?;
    migration.namespace.succeed(&job).await?;
    says("the program that waits for the manifests has ended, so nothing more is deleted").await?;
    ensure!(migration.uid().await? == job.metadata.uid, "the Job is gone");
    Ok(())
}

async fn flags_of_helm_that_do_not_help_are_warned_of(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let (force, rollback): (&[&str], _) = match version.is_4() {
        true => (&["--force-replace", "--server-side=false"], "--rollback-on-failure"),
        false => (&["--force"], "--atomic"),
    };
    let migration = Migration::new(cluster, version).await?;
    migration.upgrade("shop", &[]).run().await?.expect_success()?;
    migration.namespace.succeed(&migration.job().await?).await?;
    let _ = migration.log();
    // The Job has not changed.
    let failed = migration.upgrade("shop", force).run().await?.expect_code(1)?;
    ensure!(failed.stderr().contains("field is immutable"), "{}", failed.stderr());
    let log = migration.log()?;
    ensure!(log.contains("warning: Helm's own --force (--force-replace) replaces resources"), "{log}");
    migration.replaces(migration.upgrade("shop", &["--set", "tag=2", rollback, "--timeout=30s"])).await?;
    let log = migration.log()?;
    ensure!(log.contains("warning: if this upgrade fails, Helm's own rollback"), "{log}");
    Ok(())
}

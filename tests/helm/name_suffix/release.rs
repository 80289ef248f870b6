//! A release with a Job, and on demand a Deployment and a hook that wait for it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::{Helm, write_chart};
use jobsweep_harness::jobs::{Outcome, has_condition};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::kube::api::ListParams;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::wait;
use tokio::time::sleep;

use super::HASH;
use crate::setup::helm_with_jobsweep;

const JOB: &str = r#"apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  labels: { team: {{ .Values.team }} }
spec:
  backoffLimit: {{ .Values.backoffLimit }}
  template:
    metadata: {{ .Values.metadata }}
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: "example.com/shop:{{ .Values.version }}" }]
"#;

/// Never becomes ready, because no node runs its pods.
const WEB: &str = r#"{{- if .Values.web }}
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      initContainers: [{ name: wait, image: example.com/wait, args: [{{ .Values.web }}] }]
      containers: [{ name: main, image: example.com/web }]
{{- end }}
"#;

const HOOK: &str = r#"{{- if .Values.hook }}
apiVersion: batch/v1
kind: Job
metadata:
  name: check
  annotations: { helm.sh/hook: post-install }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: example.com/wait, args: [job/migrate] }]
{{- end }}
"#;

const VALUES: &str = "team: a\nbackoffLimit: 0\nversion: 1\nmetadata: \"{}\"\nweb: \"\"\nhook: false\n";
/// The release `shop`, alone in its namespace.
pub(crate) struct Release {
    pub(crate) helm: Helm,
    pub(crate) namespace: Namespace,
    chart: PathBuf,
}

impl Release {
    pub(crate) async fn new(cluster: &ControlPlane, version: HelmVersion) -> Result<Self> {
        let helm = helm_with_jobsweep(version).await?.kubeconfig(cluster.kubeconfig());
        let chart = chart(&helm)?;
        Ok(Self { helm, namespace: cluster.namespace().await?, chart })
    }

    pub(crate) fn helm(&self, args: &[&str]) -> Program {
        self.helm.command().args(args).args(["--namespace", &self.namespace.name])
    }

    /// `helm upgrade --install` of the chart.
    pub(crate) fn upgrade(&self, args: &[&str]) -> Program {
        self.helm(&["upgrade", "--install", "shop"]).arg(&self.chart).args(args)
    }

    /// The same with hashes.
    pub(crate) fn hashed(&self, args: &[&str]) -> Program {
        self.upgrade(&HASH).args(args)
    }

    /// Runs Helm while all pods of Jobs end, and returns when all Jobs have finished.
    pub(crate) async fn run(&self, call: Program, outcome: Outcome) -> Result<Finished> {
        let running = call.spawn()?;
        let until_finished = async {
            let ended = running.finish(2 * wait::PATIENCE).await?;
            wait::until("all Jobs to finish", || async {
                let jobs = self.namespace.jobs().list(&ListParams::default()).await?;
                Ok(jobs.iter().all(is_finished).then_some(()))
            })
            .await?;
            Ok(ended)
        };
        tokio::select! {
            ended = until_finished => ended,
            failed = self.end_pods(outcome) => bail!("{failed:?}"),
        }
    }

    pub(crate) async fn passes(&self, call: Program) -> Result<()> {
        self.run(call, Outcome::Succeeded).await?.expect_success()?;
        Ok(())
    }

    async fn end_pods(&self, outcome: Outcome) -> Result<()> {
        loop {
            let of_jobs = ListParams::default().labels("batch.kubernetes.io/job-name");
            for pod in self.namespace.pods().list(&of_jobs).await? {
                let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
                if phase == Some("Pending") {
                    // Helm may delete the pod meanwhile.
                    let _ = match outcome {
                        Outcome::Succeeded => self.namespace.succeed_pod(&pod).await,
                        Outcome::Failed => self.namespace.fail_pod(&pod, 1).await,
                    };
                }
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// The names and UIDs of the Jobs, once those that are being deleted are gone.
    pub(crate) async fn jobs(&self, count: usize) -> Result<Vec<(String, String)>> {
        wait::until(&format!("{count} Jobs"), || async {
            let jobs: Vec<_> = self.namespace.uids().await?.into_iter().collect();
            Ok((jobs.len() == count).then_some(jobs))
        })
        .await
    }

    /// The only Job.
    pub(crate) async fn job(&self) -> Result<(String, String)> {
        self.jobs(1).await?.pop().context("a Job")
    }

    pub(crate) async fn is_deployed(&self, revision: usize) -> Result<()> {
        let status = self.helm(&["status", "shop"]).run().await?.expect_success()?.stdout().into_owned();
        let is_deployed = status.contains("STATUS: deployed");
        ensure!(is_deployed && status.contains(&format!("REVISION: {revision}\n")), "{status}");
        Ok(())
    }

    pub(crate) async fn uninstall(&self) -> Result<()> {
        self.passes(self.helm(&["uninstall", "shop"])).await
    }
}

pub(crate) fn chart(helm: &Helm) -> Result<PathBuf> {
    let chart = helm.home().join("shop");
    let files = [("templates/job.yaml", JOB), ("templates/web.yaml", WEB), ("templates/hook.yaml", HOOK)];
    write_chart(&chart, "shop", &[files[0], files[1], files[2], ("values.yaml", VALUES)])?;
    Ok(chart)
}

fn is_finished(job: &Job) -> bool {
    has_condition(job, "Complete") || has_condition(job, "Failed")
}

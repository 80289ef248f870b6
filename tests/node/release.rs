//! A Helm release of the migration chart.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::Namespace;
use jobsweep_harness::helm::{Helm, Wait, migration_chart};
use jobsweep_harness::node::Node;
use jobsweep_harness::pages::in_namespace;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::wait;
use serde_json::Value;

use crate::setup::kubectl_in;

pub(crate) const JOBSWEEP: &str = env!("CARGO_BIN_EXE_jobsweep");

/// A hook that Helm deletes right before it creates it again.
const PREPARE: &str = r#"
{{- if .Values.prepare }}
apiVersion: batch/v1
kind: Job
metadata:
  name: prepare
  annotations:
    helm.sh/hook: pre-install,pre-upgrade,pre-rollback
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: "example.com/app:{{ .Values.version }}", command: ["true"] }]
{{- end }}
"#;

/// The migration and its pod, as [`Release::leaves`] names them.
pub(crate) const MIGRATION: [&str; 2] = ["job.batch/migrate", "pod/migrate"];

/// How long Helm may wait for several pods on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(300);

/// The release `shop`, alone in its namespace.
pub(crate) struct Release<'a> {
    pub(crate) namespace: Namespace,
    node: &'a Node,
    helm: Helm,
    wait: Wait,
    chart: PathBuf,
    args: Vec<String>,
}

impl<'a> Release<'a> {
    /// Writes the chart, but installs nothing.
    pub(crate) async fn new(node: &'a Node, version: HelmVersion, wait: Wait) -> Result<Self> {
        let namespace = node.cluster.namespace().await?;
        let mut helm = Helm::new(version)?.kubeconfig(node.cluster.kubeconfig());
        if version.is_4() {
            let plugin = helm.plugins().join("jobsweep");
            fs::create_dir_all(plugin.join("bin"))?;
            fs::copy(JOBSWEEP, plugin.join("bin/jobsweep"))?;
            fs::copy(repository("plugin.yaml"), plugin.join("plugin.yaml"))?;
        } else {
            helm = helm.on_path(Path::new(JOBSWEEP).parent().context("a program lies in a folder")?);
        }
        let chart = helm.home().join("shop");
        migration_chart(&chart, None)?;
        fs::write(chart.join("templates/prepare.yaml"), PREPARE)?;
        Ok(Self { namespace, node, helm, wait, chart, args: Vec::new() })
    }

    /// One more file of the chart.
    pub(crate) fn add(&self, path: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.chart.join(path), text)?)
    }

    /// A file beside the chart.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.helm.home().join(name)
    }

    /// Adds the shipped chart as a dependency.
    pub(crate) async fn depend_on_jobsweep(&self) -> Result<()> {
        let path = self.chart.join("Chart.yaml");
        let chart = format!(
            "{}dependencies:\n  - name: jobsweep\n    version: 0.1.0\n    repository: \"file://{}\"\n",
            fs::read_to_string(&path)?,
            repository("charts/jobsweep").display()
        );
        fs::write(&path, chart)?;
        let update = self.helm.command().args(["dependency", "update"]).arg(&self.chart);
        update.run().await?.expect_success()?;
        Ok(())
    }

    /// Installs the shipped chart beside the release: a CronJob for the namespace, with these values.
    pub(crate) async fn sweep_on_schedule(&self, values: &str) -> Result<()> {
        let values = format!("scope=namespace,schedule=* * * * *,{values}");
        let install = self.call(&["install", "sweeper", "--set", &values]).arg(repository("charts/jobsweep"));
        install.run().await?.expect_success()?;
        Ok(())
    }

    /// Starts the Job of the CronJob, as its controller does every minute.
    pub(crate) async fn start_sweep(&self, name: &str) -> Result<()> {
        let create = ["create", "job", name, "--from=cronjob/sweeper-jobsweep"];
        kubectl_in(&self.node.cluster, &self.namespace)?.args(create).run().await?.expect_success()?;
        Ok(())
    }

    /// Adds arguments for every install and upgrade.
    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(ToString::to_string));
        self
    }

    /// Sets values for every install and upgrade.
    pub(crate) fn set(self, values: &str) -> Self {
        self.args(&["--set", values])
    }

    /// Adds arguments for the post-renderer.
    pub(crate) fn post_renderer_args(self, args: &[&str]) -> Self {
        args.iter().fold(self, |release, arg| release.args(&["--post-renderer-args", arg]))
    }

    /// Installs this version of the chart, or upgrades to it.
    pub(crate) async fn upgrade(&self, version: u32) -> Result<Finished> {
        self.upgrade_with(version, &[]).await
    }

    /// Installs this version or upgrades to it, with more arguments.
    pub(crate) async fn upgrade_with(&self, version: u32, args: &[&str]) -> Result<Finished> {
        let upgrade =
            self.call(&["upgrade", "--install", "shop"]).arg(&self.chart).args(&self.args).args(args);
        let upgrade = upgrade.args(["--set", &format!("version={version}")]).args(self.wait.flags());
        upgrade.spawn()?.finish(LONG).await
    }

    /// Renders this version of the chart.
    pub(crate) async fn template(&self, version: u32) -> Result<Vec<u8>> {
        let template = self.call(&["template", "shop"]).arg(&self.chart).args(&self.args);
        let template = template.args(["--set", &format!("version={version}")]);
        Ok(template.run().await?.expect_success()?.stdout)
    }

    /// The manifests that a rollback to this revision applies.
    pub(crate) async fn manifest(&self, revision: u32) -> Result<Vec<u8>> {
        let get = self.call(&["get", "manifest", "shop", "--revision", &revision.to_string()]);
        Ok(get.run().await?.expect_success()?.stdout)
    }

    pub(crate) async fn rollback(&self, revision: u32) -> Result<Finished> {
        let rollback = self.call(&["rollback", "shop", &revision.to_string()]).args(self.wait.flags());
        rollback.spawn()?.finish(LONG).await
    }

    pub(crate) async fn uninstall(&self) -> Result<()> {
        self.call(&["uninstall", "shop"]).spawn()?.finish(LONG).await?.expect_success()?;
        Ok(())
    }

    /// The status of the release, such as `deployed` or `failed`.
    pub(crate) async fn status(&self) -> Result<String> {
        let release = self.json().await?;
        Ok(release["info"]["status"].as_str().context("a release has a status")?.to_owned())
    }

    pub(crate) async fn revision(&self) -> Result<u64> {
        self.json().await?["version"].as_u64().context("a release has a revision")
    }

    async fn json(&self) -> Result<Value> {
        let status = self.call(&["status", "shop", "-o", "json"]).run().await?.expect_success()?;
        Ok(serde_json::from_slice(&status.stdout)?)
    }

    /// Waits until the migration is complete.
    pub(crate) async fn migrated(&self) -> Result<()> {
        let migrate = self.namespace.jobs().get("migrate").await?;
        self.namespace.condition(&migrate, "Complete").await
    }

    /// Waits until an injected cleanup that is an ordinary Job has ended, and checks that the migration is gone.
    pub(crate) async fn swept(&self) -> Result<()> {
        let wait = kubectl_in(&self.node.cluster, &self.namespace)?
            .args(["wait", "--for=condition=complete", "--timeout=50s"])
            .args(["job", "--selector=app.kubernetes.io/name=jobsweep"]);
        wait.run().await?.expect_success()?;
        let names = self.namespace.names().await?;
        ensure!(!names.iter().any(|name| name == "migrate"), "{names:?} are left");
        Ok(())
    }

    /// Waits until exactly these objects are left, of all kinds that a cleanup creates or deletes. Pods are deleted a moment
    /// after their Jobs.
    pub(crate) async fn leaves(&self, expected: &[&str]) -> Result<()> {
        let last = RefCell::default();
        let what = format!("only {expected:?} to be left");
        let waited = wait::until(&what, || async {
            let found = self.left().await?;
            let same = found == expected;
            last.replace(found);
            Ok(same.then_some(()))
        });
        waited.await.with_context(|| format!("left are {:?}", last.borrow()))
    }

    async fn left(&self) -> Result<Vec<String>> {
        let kinds = "jobs,cronjobs,pods,serviceaccounts,roles,rolebindings,configmaps";
        let get = kubectl_in(&self.node.cluster, &self.namespace)?.args(["get", kinds, "-o", "name"]);
        let got = get.run().await?.expect_success()?;
        // Every namespace has these.
        let own = ["serviceaccount/default", "configmap/kube-root-ca.crt"];
        let names = got.stdout().lines().filter(|name| !own.contains(name)).map(without_random_end).collect();
        Ok(names)
    }

    /// What somebody types in a shell beside the chart, where the namespace is called `shop`.
    pub(crate) async fn typed(&self, line: &str) -> Result<Finished> {
        let line = in_namespace(line, &self.namespace.name);
        let programs = [self.helm.program(), Path::new(JOBSWEEP)].map(|program| program.parent());
        let helm = programs.into_iter().flatten().fold(self.helm.clone(), Helm::on_path);
        helm.command_by("sh").args(["-c", &line]).spawn()?.finish(LONG).await
    }

    fn call(&self, args: &[&str]) -> Program {
        self.helm.command().args(args).args(["--namespace", &self.namespace.name])
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The names of pods end in a dash and five letters.
fn without_random_end(name: &str) -> String {
    match name.strip_prefix("pod/").and_then(|pod| pod.rsplit_once('-')) {
        Some((pod, _)) => format!("pod/{pod}"),
        None => name.to_owned(),
    }
}

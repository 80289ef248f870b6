//! The setup of each test: a namespace with bystanders, and a ServiceAccount with only the shipped Role.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace, User};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::rbac::v1::{PolicyRule, Role};
use jobsweep_harness::kube::Config;
use jobsweep_harness::kube::config::{KubeConfigOptions, Kubeconfig};
use jobsweep_harness::process::{Finished, Program, Running};
use serde_json::Value;

const ROLES: &str = include_str!("../../examples/cleanup-role.yaml");

/// A test's namespace, and the ServiceAccount that sweeps it.
pub struct Setup {
    pub namespace: Namespace,
    pub user: User,
    bystanders: BTreeMap<String, String>,
}

impl Setup {
    /// The ServiceAccount has the shipped Role.
    pub async fn new(cluster: &ControlPlane) -> Result<Self> {
        let setup = Self::without_role(cluster).await?;
        setup.namespace.allow(&setup.user, shipped_rules("jobsweep")?).await?;
        Ok(setup)
    }

    /// The ServiceAccount has the Role for logs too.
    pub async fn with_logs(cluster: &ControlPlane) -> Result<Self> {
        let setup = Self::new(cluster).await?;
        setup.namespace.allow(&setup.user, shipped_rules("jobsweep-logs")?).await?;
        Ok(setup)
    }

    /// The ServiceAccount has no rights.
    pub async fn without_role(cluster: &ControlPlane) -> Result<Self> {
        let namespace = cluster.namespace().await?;
        let user = namespace.user("sweeper").await?;
        // No sweep may delete these Jobs.
        for (bystander, outcome) in [
            (job("bystander-without-policy"), Outcome::Succeeded),
            (job("bystander-failed").policy("hook-succeeded"), Outcome::Failed),
            (job("bystander-succeeded").policy("before-hook-creation,hook-failed"), Outcome::Succeeded),
            (
                job("bystander-of-helm").annotation("helm.sh/hook-delete-policy", "hook-succeeded"),
                Outcome::Succeeded,
            ),
        ] {
            let bystander = namespace.create(bystander.managed_by("example.com/nobody")).await?;
            namespace.finish(&bystander, outcome).await?;
        }
        let bystanders = namespace.uids().await?;
        Ok(Self { namespace, user, bystanders })
    }

    /// A sweep by the ServiceAccount, which ends as soon as nothing is left to do.
    pub fn sweep(&self) -> Program {
        self.sweep_by(&self.user.kubeconfig)
    }

    /// A sweep with another kubeconfig.
    pub fn sweep_by(&self, kubeconfig: &Path) -> Program {
        let jobsweep =
            Program::new(env!("CARGO_BIN_EXE_jobsweep")).args(["--cleanup", "--timeout=50s", "--settle=0"]);
        jobsweep.arg("--kubeconfig").arg(kubeconfig)
    }

    /// Starts a sweep and waits until it waits for this Job.
    pub async fn sweep_waiting_for(&self, name: &str) -> Result<Running> {
        let mut running = self.sweep().arg("-v").spawn()?;
        running.line_with(&format!("waiting for {}/{name}", self.namespace.name)).await?;
        Ok(running)
    }

    /// Checks that exactly these Jobs and the same bystanders are left.
    pub async fn leaves(&self, names: &[&str]) -> Result<()> {
        let mut left = self.namespace.uids().await?;
        for (name, uid) in &self.bystanders {
            ensure!(left.remove(name).as_ref() == Some(uid), "the bystander {name} is gone");
        }
        let left: Vec<_> = left.keys().map(String::as_str).collect();
        ensure!(left == names, "left are {left:?}, not {names:?}");
        Ok(())
    }

    /// Waits until exactly these Jobs and the same bystanders are left.
    pub async fn leaves_in_the_end(&self, names: &[&str]) -> Result<()> {
        let what = format!("only {names:?} to be left");
        jobsweep_harness::wait::until(&what, || async { Ok(self.leaves(names).await.ok()) }).await
    }

    /// `namespace/name`, the name of a Job in messages.
    pub fn id(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace.name)
    }
}

/// A configuration without proxies and retries.
pub async fn connection(kubeconfig: &Path) -> Result<Config> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.proxy_url = None;
    config.default_retry = false;
    Ok(config)
}

pub fn shipped_rules(name: &str) -> Result<Vec<PolicyRule>> {
    for document in serde_yaml::Deserializer::from_str(ROLES) {
        let role: Role = serde::Deserialize::deserialize(document)?;
        if role.metadata.name.as_deref() == Some(name) {
            return role.rules.context("a Role has rules");
        }
    }
    anyhow::bail!("no Role {name} is shipped")
}

/// Checks of a sweep's output.
pub trait Said: Sized {
    /// Returns an error unless stderr contains all these texts.
    fn says(self, texts: &[&str]) -> Result<Self>;
    /// The Jobs of the JSON report, by their names.
    fn jobs(&self) -> Result<BTreeMap<String, Value>>;
    /// Returns an error unless the JSON report has this action and outcome for a Job.
    fn reports(self, name: &str, action: &str, outcome: &str) -> Result<Self>;
}

impl Said for Finished {
    fn says(self, texts: &[&str]) -> Result<Self> {
        for text in texts {
            ensure!(self.stderr().contains(text), "it does not say {text:?}:\n{}", self.stderr());
        }
        Ok(self)
    }

    fn jobs(&self) -> Result<BTreeMap<String, Value>> {
        let report: Value = serde_json::from_slice(&self.stdout)?;
        let jobs = report["jobs"].as_array().context("a report has jobs")?;
        let name = |job: &Value| job["name"].as_str().unwrap_or_default().to_owned();
        Ok(jobs.iter().map(|job| (name(job), job.clone())).collect())
    }

    fn reports(self, name: &str, action: &str, outcome: &str) -> Result<Self> {
        let jobs = self.jobs()?;
        let job = jobs.get(name).with_context(|| format!("{name} is not in the report"))?;
        ensure!(job["action"] == action && job["outcome"] == outcome, "the report says of {name}: {job}");
        Ok(self)
    }
}

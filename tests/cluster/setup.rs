//! The stage of every test: a namespace with bystanders, and a ServiceAccount that has only the shipped Role.

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

/// The Roles as they are shipped.
const ROLES: &str = include_str!("../../examples/cleanup-role.yaml");

/// A namespace of a test's own, and who sweeps it.
pub struct Stage {
    pub namespace: Namespace,
    pub user: User,
    bystanders: BTreeMap<String, String>,
}

impl Stage {
    /// With the shipped Role.
    pub async fn set(cluster: &ControlPlane) -> Result<Self> {
        let stage = Self::without_role(cluster).await?;
        stage.namespace.allow(&stage.user, shipped_rules("jobsweep")?).await?;
        Ok(stage)
    }

    /// With the Role for logs too.
    pub async fn set_with_logs(cluster: &ControlPlane) -> Result<Self> {
        let stage = Self::set(cluster).await?;
        stage.namespace.allow(&stage.user, shipped_rules("jobsweep-logs")?).await?;
        Ok(stage)
    }

    /// With a ServiceAccount that may do nothing.
    pub async fn without_role(cluster: &ControlPlane) -> Result<Self> {
        let namespace = cluster.namespace().await?;
        let user = namespace.user("sweeper").await?;
        // Whatever a test does, none of these may be missed at its end.
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

    /// The call under test, as that ServiceAccount. It ends as soon as nothing is left to do.
    pub fn sweep(&self) -> Program {
        self.sweep_by(&self.user.kubeconfig)
    }

    /// The same, by another way to the cluster.
    pub fn sweep_by(&self, kubeconfig: &Path) -> Program {
        let jobsweep =
            Program::new(env!("CARGO_BIN_EXE_jobsweep")).args(["--cleanup", "--timeout=50s", "--settle=0"]);
        jobsweep.arg("--kubeconfig").arg(kubeconfig)
    }

    /// Starts a sweep and waits until it waits for this Job.
    pub async fn sweep_waiting_for(&self, name: &str) -> Result<Running> {
        let mut running = self.sweep().spawn()?;
        running.line_with(&format!("waiting for {}/{name}", self.namespace.name)).await?;
        Ok(running)
    }

    /// Whether these Jobs and the bystanders are left, and nothing else: the bystanders untouched.
    pub async fn leaves(&self, names: &[&str]) -> Result<()> {
        let mut left = self.namespace.uids().await?;
        for (name, uid) in &self.bystanders {
            ensure!(left.remove(name).as_ref() == Some(uid), "the bystander {name} is gone");
        }
        let left: Vec<_> = left.keys().map(String::as_str).collect();
        ensure!(left == names, "left are {left:?}, not {names:?}");
        Ok(())
    }

    /// Waits until that is so.
    pub async fn leaves_in_the_end(&self, names: &[&str]) -> Result<()> {
        let what = format!("only {names:?} to be left");
        jobsweep_harness::wait::until(&what, || async { Ok(self.leaves(names).await.ok()) }).await
    }

    /// `namespace/name`, as the sweep calls a Job.
    pub fn id(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace.name)
    }
}

/// How to connect with a kubeconfig, without what helps in production: proxies and retries.
pub async fn connection(kubeconfig: &Path) -> Result<Config> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.proxy_url = None;
    config.default_retry = false;
    Ok(config)
}

/// The rules of one of the shipped Roles.
pub fn shipped_rules(name: &str) -> Result<Vec<PolicyRule>> {
    for document in serde_yaml::Deserializer::from_str(ROLES) {
        let role: Role = serde::Deserialize::deserialize(document)?;
        if role.metadata.name.as_deref() == Some(name) {
            return role.rules.context("a Role has rules");
        }
    }
    anyhow::bail!("no Role {name} is shipped")
}

/// What tests look for in what the sweep wrote.
pub trait Said: Sized {
    /// The same, if it said all this on stderr.
    fn says(self, texts: &[&str]) -> Result<Self>;
    /// The JSON report, by the Jobs' names.
    fn jobs(&self) -> Result<BTreeMap<String, Value>>;
    /// The same, if the report in JSON says this of a Job: `action`, and `outcome`.
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

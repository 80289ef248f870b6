//! A namespace, a ServiceAccount that may clear the way in it, and the call under test.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace, User, rule};
use jobsweep_harness::jobs::{JobBuilder, Outcome};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::process::{Finished, Program};
use serde_json::Value;

/// What `--unblock` needs, as README says it.
pub const VERBS: [&str; 3] = ["get", "update", "delete"];

/// A namespace of a test's own, and who clears the way in it.
pub struct Setup {
    pub namespace: Namespace,
    pub user: User,
}

impl Setup {
    pub async fn new(cluster: &ControlPlane) -> Result<Self> {
        Self::with_verbs(cluster, &VERBS).await
    }

    pub async fn with_verbs(cluster: &ControlPlane, verbs: &[&str]) -> Result<Self> {
        let namespace = cluster.namespace().await?;
        let user = namespace.user("deployer").await?;
        namespace.allow(&user, vec![rule("batch", "jobs", verbs)]).await?;
        Ok(Self { namespace, user })
    }

    /// A Job that has ended so. The Job controller does not touch it.
    pub async fn finished(&self, job: JobBuilder, outcome: Outcome) -> Result<Job> {
        let job = self.namespace.create(job.managed_by(NOBODY)).await?;
        self.namespace.finish(&job, outcome).await?;
        Ok(job)
    }

    /// The call under test with these manifests on stdin.
    pub fn unblock(&self, manifests: &str) -> Program {
        let program = Program::new(env!("CARGO_BIN_EXE_jobsweep")).args(["--unblock", "--timeout=50s"]);
        let program = program.args(["--namespace", &self.namespace.name]).arg("--kubeconfig");
        program.arg(&self.user.kubeconfig).stdin(manifests)
    }
}

/// A controller that does not exist.
pub const NOBODY: &str = "example.com/nobody";

/// A manifest of this Job, as YAML that is JSON.
pub fn manifest(job: JobBuilder) -> Result<Value> {
    let mut manifest = serde_json::to_value(job.managed_by(NOBODY).build()?)?;
    manifest["apiVersion"] = "batch/v1".into();
    manifest["kind"] = "Job".into();
    Ok(manifest)
}

/// It ended well, and wrote these manifests and no others.
pub fn wrote(finished: Finished, manifests: &str) -> Result<String> {
    let finished = finished.expect_success()?;
    ensure!(finished.stdout() == manifests, "other manifests on stdout:\n{}", finished.stdout());
    Ok(finished.stderr().into_owned())
}

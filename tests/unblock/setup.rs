//! A namespace, a ServiceAccount that may delete the Jobs in it, the call under test, and what holds of every call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{AuditEvent, ControlPlane, Namespace, User, rule};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::jobs::{JobBuilder, Outcome};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::process::{Finished, Program};
use serde_json::Value;

pub use crate::cleanup_setup::connection;
use crate::faulty_proxy::FaultyProxy;

/// What `--unblock` needs.
pub const VERBS: [&str; 5] = ["get", "update", "patch", "create", "delete"];
/// A policy that allows every deletion of a finished Job.
pub const BOTH: &str = "hook-succeeded,hook-failed";
/// A controller that does not exist.
pub const NOBODY: &str = "example.com/nobody";

/// A namespace of a test's own, and who unblocks it.
pub struct Setup<'c> {
    pub namespace: Namespace,
    pub user: User,
    cluster: &'c ControlPlane,
    created: Mutex<BTreeMap<String, String>>,
}

impl<'c> Setup<'c> {
    pub async fn new(cluster: &'c ControlPlane) -> Result<Self> {
        Self::with_verbs(cluster, &VERBS).await
    }

    pub async fn with_verbs(cluster: &'c ControlPlane, verbs: &[&str]) -> Result<Self> {
        let namespace = cluster.namespace().await?;
        let user = namespace.user("deployer").await?;
        if !verbs.is_empty() {
            namespace.allow(&user, vec![rule("batch", "jobs", verbs)]).await?;
        }
        Ok(Self { namespace, user, cluster, created: Mutex::default() })
    }

    /// A Job that has not finished. The Job controller does not touch it.
    pub async fn unfinished(&self, job: JobBuilder) -> Result<Job> {
        let job = self.namespace.create(job.managed_by(NOBODY)).await?;
        self.remember(&job)?;
        Ok(job)
    }

    /// A Job that has ended so.
    pub async fn finished(&self, job: JobBuilder, outcome: Outcome) -> Result<Job> {
        let job = self.unfinished(job).await?;
        self.namespace.finish(&job, outcome).await?;
        Ok(job)
    }

    /// A Job that others have created, and that must stay as well.
    pub fn remember(&self, job: &Job) -> Result<()> {
        let name = job.metadata.name.clone().context("a created Job has a name")?;
        let uid = job.metadata.uid.clone().context("a created Job has a UID")?;
        self.created.lock().unwrap_or_else(PoisonError::into_inner).insert(name, uid);
        Ok(())
    }

    /// The call under test with these manifests on stdin.
    pub fn unblock(&self, manifests: &str) -> Program {
        self.unblock_by(&self.user.kubeconfig, manifests)
    }

    /// The same, by another way to the cluster.
    pub fn unblock_by(&self, kubeconfig: &Path, manifests: &str) -> Program {
        self.unblock_anywhere(manifests)
            .args(["--namespace", &self.namespace.name])
            .arg("--kubeconfig")
            .arg(kubeconfig)
    }

    /// The same, without a namespace and without a kubeconfig.
    pub fn unblock_anywhere(&self, manifests: &str) -> Program {
        let program = Program::new(env!("CARGO_BIN_EXE_jobsweep"));
        program.args(["--unblock", "--timeout=50s"]).stdin(manifests)
    }

    /// A way to the API server that meddles.
    pub async fn proxy(&self) -> Result<FaultyProxy> {
        FaultyProxy::start(self.cluster, &self.user).await
    }

    /// How the call under test names a Job.
    pub fn id(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace.name)
    }

    /// The call ended well, deleted exactly these Jobs, and what it wrote can be applied.
    pub async fn passes(&self, finished: Finished, deleted: &[&str]) -> Result<Finished> {
        let finished = self.ends(finished, 0, deleted).await?;
        let apply = kubectl(&self.cluster.kubeconfig())?.stdin(finished.stdout.clone());
        let namespace = &self.namespace.name;
        apply
            .args(["apply", "--dry-run=server", "--namespace", namespace, "-f", "-"])
            .run()
            .await?
            .expect_success()?;
        Ok(finished)
    }

    /// The call ended with this code and deleted exactly these Jobs. All others are there as they were created, every
    /// deletion said which Job it meant, and nothing is on stdout unless the call ended well.
    pub async fn ends(&self, finished: Finished, code: i32, deleted: &[&str]) -> Result<Finished> {
        let finished = finished.expect_code(code)?;
        ensure!(code == 0 || finished.stdout.is_empty(), "written though it failed:\n{}", finished.stdout());
        let expected: BTreeSet<_> = deleted.iter().map(|name| (*name).to_owned()).collect();
        let done = self.deletions()?;
        ensure!(done == expected, "{done:?} were deleted, not {expected:?}:\n{}", finished.stderr());
        let there = self.namespace.uids().await?;
        for (name, uid) in self.created.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let is_there = there.get(name) == Some(uid);
            ensure!(is_there || expected.contains(name), "{name} is gone:\n{}", finished.stderr());
        }
        Ok(finished)
    }

    /// The Jobs that the user has deleted, by the audit log.
    fn deletions(&self) -> Result<BTreeSet<String>> {
        let mut done = BTreeSet::new();
        for (verb, name, event) in self.requests()? {
            if verb != "delete" || event.code == 403 {
                continue;
            }
            let body = event.body.context("a deletion has options")?;
            let preconditions = &body["preconditions"];
            ensure!(
                preconditions["uid"].is_string()
                    && preconditions["resourceVersion"].is_string()
                    && ["Background", "Foreground"].iter().any(|way| body["propagationPolicy"] == *way),
                "{body}"
            );
            if event.code < 300 && body["dryRun"].is_null() {
                done.insert(name);
            }
        }
        Ok(done)
    }

    /// What the user has asked of the API server so far: the verb, the Job's name, and all else.
    pub fn requests(&self) -> Result<Vec<(String, String, AuditEvent)>> {
        let own = self.cluster.audit_log()?.into_iter().filter(|event| event.user == self.user.full_name);
        let with_name = own.map(|event| {
            let path = event.uri.split('?').next().unwrap_or_default();
            (event.verb.clone(), path.rsplit('/').next().unwrap_or_default().to_owned(), event)
        });
        Ok(with_name.collect())
    }

    /// How many requests there were of each verb.
    pub fn counts(&self) -> Result<BTreeMap<String, usize>> {
        let mut counts = BTreeMap::new();
        for (verb, ..) in self.requests()? {
            *counts.entry(verb).or_default() += 1;
        }
        Ok(counts)
    }
}

/// A manifest of this Job.
pub fn manifest(job: JobBuilder) -> Result<Value> {
    let mut manifest = serde_json::to_value(job.managed_by(NOBODY).build()?)?;
    manifest["apiVersion"] = "batch/v1".into();
    manifest["kind"] = "Job".into();
    Ok(manifest)
}

/// A manifest that the Job in the cluster cannot take.
pub fn changed(job: JobBuilder) -> Result<Value> {
    let mut manifest = manifest(job)?;
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/new".into();
    Ok(manifest)
}

/// Manifests as a stream of YAML.
pub fn stream(manifests: &[Value]) -> String {
    manifests.iter().map(|manifest| format!("---\n{manifest}\n")).collect()
}

/// It said all of these on stderr.
pub fn says(finished: &Finished, texts: &[&str]) -> Result<()> {
    for text in texts {
        ensure!(finished.stderr().contains(text), "it does not say {text:?}:\n{}", finished.stderr());
    }
    Ok(())
}

/// It ended well, and wrote these manifests and no others.
pub fn wrote(finished: &Finished, manifests: &str) -> Result<()> {
    ensure!(finished.stdout() == manifests, "other manifests on stdout:\n{}", finished.stdout());
    Ok(())
}

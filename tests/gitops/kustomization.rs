//! A Kustomization of Flux with the rendered chart `shop`, from an OCI artifact.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::Namespace;
use jobsweep_harness::flux::Flux;
use jobsweep_harness::helm::{Helm, kubectl, migration_chart};
use jobsweep_harness::node::Node;
use jobsweep_harness::process::Program;
use jobsweep_harness::registry::Registry;
use jobsweep_harness::tools::{HelmVersion, oras};
use jobsweep_harness::wait;
use serde_json::{Value, json};

use crate::setup::{JOBSWEEP, LONG};

/// A Kustomization in its own namespace, and the repository of its artifact.
pub(crate) struct Kustomization {
    pub(crate) namespace: Namespace,
    node: &'static Node,
    flux: &'static Flux,
    registry: &'static Registry,
    helm: Helm,
    values: Value,
    /// The option of the filter.
    filter: &'static str,
}

/// The condition `Ready` for a revision of the artifact.
#[derive(Debug)]
pub(crate) struct Applied {
    ready: bool,
    message: String,
}

impl Kustomization {
    /// Creates the source and a Kustomization with these fields of `spec`.
    pub(crate) async fn new(node: &'static Node, spec: Value) -> Result<Self> {
        let flux = Flux::shared(node).await?;
        let registry = Registry::shared().await?;
        let namespace = node.cluster.namespace().await?;
        let helm = Helm::new(HelmVersion::V4)?;
        migration_chart(&helm.home().join("shop"), None)?;
        let filter = "--default-policy=hook-succeeded,hook-failed";
        let kustomization = Self { namespace, node, flux, registry, helm, values: json!({}), filter };
        kustomization.create(spec).await?;
        Ok(kustomization)
    }

    /// Sets a value of the chart from the next version on.
    pub(crate) fn set(mut self, name: &str, value: Value) -> Self {
        self.values[name] = value;
        self
    }

    /// Runs the filter with this option instead of a default policy.
    pub(crate) fn filter(mut self, option: &'static str) -> Self {
        self.filter = option;
        self
    }

    /// Renders this version of the chart through the filter, pushes it, and waits until Flux has applied it or has failed.
    pub(crate) async fn apply(&self, version: u32) -> Result<Applied> {
        let digest = self.push(self.render(version).await?).await?;
        self.fetched(&digest).await?;
        self.reconciled(&digest).await
    }

    /// The manifests of this version, through the filter.
    pub(crate) async fn render(&self, version: u32) -> Result<Vec<u8>> {
        let mut values = self.values.clone();
        values["version"] = json!(version);
        let template = self.helm.command().args(["template", "shop", "shop", "--values=-"]);
        let manifests = template.stdin(values.to_string()).run().await?.expect_success()?.stdout;
        let filter = self.jobsweep().arg(self.filter).stdin(manifests);
        Ok(filter.run().await?.expect_success()?.stdout)
    }

    /// A call of jobsweep by the administrator, who rolls out.
    pub(crate) fn jobsweep(&self) -> Program {
        Program::new(JOBSWEEP).env("KUBECONFIG", self.node.cluster.kubeconfig())
    }

    /// Pushes the manifests as `flux push artifact` does, and returns the digest.
    pub(crate) async fn push(&self, manifests: Vec<u8>) -> Result<String> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let folder = self.helm.home().join("artifact");
        fs::create_dir_all(folder.join("manifests"))?;
        fs::write(folder.join("manifests/shop.yaml"), manifests)?;
        let tar = self.helm.command_by("tar").current_dir(&folder);
        tar.args(["-C", "manifests", "-czf", "artifact.tgz", "shop.yaml"]).run().await?.expect_success()?;
        fs::write(folder.join("config.json"), "{}")?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let push =
            self.helm.command_by(oras()?).current_dir(&folder).args(["push", "--plain-http", "--no-tty"]);
        let push = push
            .args(["--config", "config.json:application/vnd.cncf.flux.config.v1+json"])
            .args(["--annotation", &format!("org.opencontainers.image.revision={number}")])
            .args(["--format", "go-template={{.digest}}"])
            .arg(format!("{}/{}:latest", self.registry.address(), self.namespace.name))
            .arg("artifact.tgz:application/vnd.cncf.flux.content.v1.tar+gzip");
        Ok(push.run().await?.expect_success()?.stdout().trim().to_owned())
    }

    /// Asks Flux to look for this artifact, and waits until it has it.
    pub(crate) async fn fetched(&self, digest: &str) -> Result<()> {
        self.request("ocirepository").await?;
        wait::within(LONG, "the artifact", || async {
            self.flux.check()?;
            let source = self.get("ocirepository").await?;
            let revision = source["status"]["artifact"]["revision"].as_str().unwrap_or_default();
            Ok(revision.ends_with(digest).then_some(()))
        })
        .await
    }

    /// Asks Flux to apply this artifact again, and waits for the end.
    pub(crate) async fn reconciled(&self, digest: &str) -> Result<Applied> {
        let request = self.request("kustomization").await?;
        wait::within(LONG, "the reconciliation", || async {
            self.flux.check()?;
            let found = self.get("kustomization").await?;
            let status = &found["status"];
            let attempted = status["lastAttemptedRevision"].as_str().unwrap_or_default().ends_with(digest);
            let handled = status["lastHandledReconcileAt"] == json!(request);
            let ready = status["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == "Ready");
            let Some(ready) = ready.filter(|ready| attempted && handled && ready["status"] != "Unknown")
            else {
                return Ok(None);
            };
            let message = ready["message"].as_str().unwrap_or_default().to_owned();
            Ok(Some(Applied { ready: ready["status"] == "True", message }))
        })
        .await
    }

    /// Merges this into `spec`.
    pub(crate) async fn edit(&self, spec: Value) -> Result<()> {
        let patch = json!({ "spec": spec }).to_string();
        let edit = self.kubectl(&["patch", "kustomization", "shop", "--type=merge", "--patch"])?.arg(patch);
        edit.run().await?.expect_success()?;
        Ok(())
    }

    /// What `flux reconcile` does.
    async fn request(&self, kind: &str) -> Result<String> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let value = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
        let annotation = format!("reconcile.fluxcd.io/requestedAt={value}");
        let request = self.kubectl(&["annotate", "--overwrite", kind, "shop"])?.arg(annotation);
        request.run().await?.expect_success()?;
        Ok(value)
    }

    async fn get(&self, kind: &str) -> Result<Value> {
        let found = self.kubectl(&["get", kind, "shop", "--output=json"])?.run().await?.expect_success()?;
        Ok(serde_json::from_slice(&found.stdout)?)
    }

    async fn create(&self, spec: Value) -> Result<()> {
        let name = &self.namespace.name;
        let source = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "OCIRepository",
            "metadata": { "name": "shop" },
            "spec": {
                "interval": "10m",
                "url": format!("oci://{}/{name}", self.registry.address()),
                "ref": { "tag": "latest" },
                "insecure": true,
            },
        });
        let mut kustomization = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": { "name": "shop" },
            "spec": {
                "interval": "10m",
                "path": "./",
                "prune": true,
                "targetNamespace": name,
                "sourceRef": { "kind": "OCIRepository", "name": "shop" },
            },
        });
        let fields = kustomization["spec"].as_object_mut().context("a mapping")?;
        fields.extend(spec.as_object().cloned().unwrap_or_default());
        for object in [source, kustomization] {
            let create = self.kubectl(&["create", "--filename=-"])?.stdin(object.to_string());
            create.run().await?.expect_success()?;
        }
        Ok(())
    }

    fn kubectl(&self, args: &[&str]) -> Result<Program> {
        let call = kubectl(&self.node.cluster.kubeconfig())?.args(["--namespace", &self.namespace.name]);
        Ok(call.args(args))
    }
}

impl Applied {
    pub(crate) fn succeeded(self) -> Result<()> {
        ensure!(self.ready, "{self:?}");
        Ok(())
    }

    /// It failed, and the message has this text.
    pub(crate) fn failed(self, text: &str) -> Result<()> {
        ensure!(!self.ready && self.message.contains(text), "{self:?}");
        Ok(())
    }
}

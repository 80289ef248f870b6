//! An Application of Argo CD with the chart `shop`.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::argocd::{ArgoCd, Plugin};
use jobsweep_harness::control_plane::Namespace;
use jobsweep_harness::kube::api::{Patch, PatchParams, PostParams};
use jobsweep_harness::node::Node;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::wait;
use serde_json::{Value, json};

use crate::repository::Repository;
use crate::setup::{LONG, jobsweep_folder, shipped};

/// What renders the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Argo CD's own support for Helm.
    Helm,
    /// The shipped plugin.
    Plugin,
    /// The shipped plugin with a hash in the names, in an Application that prunes.
    HashingPlugin,
}

/// An Application in its own namespace.
pub(crate) struct Application {
    argocd: &'static ArgoCd,
    pub(crate) namespace: Namespace,
    pub(crate) repository: Repository,
    values: Value,
    sync_options: Vec<String>,
    prunes: bool,
}

/// The end of a sync.
#[derive(Debug)]
pub(crate) struct Synced {
    phase: String,
    /// The messages of the operation and of its resources.
    messages: String,
}

impl Application {
    /// The shipped example, with the chart as it is before the first commit.
    pub(crate) async fn new(node: &'static Node, source: Source, syncing: Value) -> Result<Self> {
        let helm = HelmVersion::V3_22.program()?;
        let path = [helm.parent().context("a program lies in a folder")?.into(), jobsweep_folder()?.into()];
        let config = shipped("examples/argocd");
        let argocd = ArgoCd::shared(node, Plugin { config: &config, path: &path }).await?;
        let namespace = node.cluster.namespace().await?;
        let repository = Repository::create().await?;

        let example = fs::read_to_string(shipped("examples/argocd/application.yaml"))?;
        let mut manifest: Value = serde_yaml::from_str(&example)?;
        manifest["metadata"]["name"] = json!(namespace.name);
        manifest["spec"]["destination"]["namespace"] = json!(namespace.name);
        manifest["spec"]["source"]["repoURL"] = json!(repository.url());
        manifest["spec"]["source"]["path"] = json!("shop");
        let prunes = source == Source::HashingPlugin;
        if prunes {
            let parameters = manifest["spec"]["source"]["plugin"]["parameters"].as_array_mut();
            let mut parameters = parameters.into_iter().flatten();
            let hash = parameters.find(|parameter| parameter["name"] == "name-suffix-hash");
            hash.context("the parameter")?["string"] = json!("true");
        }
        if source == Source::Helm {
            let spec = manifest["spec"]["source"].as_object_mut().context("a mapping")?;
            spec.remove("plugin");
            spec.insert("helm".into(), json!({ "valueFiles": ["values-production.yaml"] }));
        }
        manifest["spec"]["syncPolicy"] = syncing.clone();
        let options = syncing["syncOptions"].as_array().into_iter().flatten();
        let sync_options = options.filter_map(|option| option.as_str().map(str::to_owned)).collect();
        argocd.applications().create(&PostParams::default(), &serde_json::from_value(manifest)?).await?;
        let application = Self { argocd, namespace, repository, values: json!({}), sync_options, prunes };
        application.is_known().await?;
        Ok(application)
    }

    /// Waits until Argo CD has looked at the Application. The first ones may come before it has read their project.
    async fn is_known(&self) -> Result<()> {
        wait::within(LONG, "Argo CD to know the Application", || async {
            self.argocd.check()?;
            let status = &self.get().await?["status"];
            let conditions = status["conditions"].as_array().into_iter().flatten();
            let is_invalid = conditions.into_iter().any(|condition| condition["type"] == "InvalidSpecError");
            Ok((status["sync"]["status"].is_string() && !is_invalid).then_some(()))
        })
        .await
    }

    /// Sets a value of the chart from the next version on.
    pub(crate) fn set(mut self, name: &str, value: Value) -> Self {
        self.values[name] = value;
        self
    }

    /// Commits this version of the chart and syncs it.
    pub(crate) async fn sync_version(&self, version: u32) -> Result<Synced> {
        self.commit(version).await?;
        self.sync().await
    }

    /// Commits this version of the chart.
    pub(crate) async fn commit(&self, version: u32) -> Result<()> {
        let mut values = self.values.clone();
        values["version"] = json!(version);
        self.repository.commit(&values).await
    }

    /// Syncs as `argocd app sync` does, and waits for the end.
    pub(crate) async fn sync(&self) -> Result<Synced> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
        let operation = json!({ "operation": {
            "initiatedBy": { "username": "test" },
            "info": [{ "name": "number", "value": number }],
            "sync": { "syncStrategy": { "hook": {} }, "syncOptions": self.sync_options, "prune": self.prunes },
        }});
        self.patch(&operation).await?;
        let state = wait::within(LONG, "the end of the sync", || async {
            self.argocd.check()?;
            let found = self.get().await?;
            let state = &found["status"]["operationState"];
            let ours = state["operation"]["info"][0]["value"] == json!(number);
            let ended = ["Succeeded", "Failed", "Error"].iter().any(|end| state["phase"] == *end);
            Ok((ours && ended && found["operation"].is_null()).then(|| state.clone()))
        })
        .await?;
        let text = |value: &Value| value["message"].as_str().unwrap_or_default().to_owned();
        let resources = state["syncResult"]["resources"].as_array().into_iter().flatten();
        let messages: Vec<String> = std::iter::once(text(&state)).chain(resources.map(text)).collect();
        let phase = state["phase"].as_str().unwrap_or_default().to_owned();
        Ok(Synced { phase, messages: messages.join("\n") })
    }

    /// The sync status and the health, once Argo CD has compared everything again.
    pub(crate) async fn status(&self) -> Result<(String, String)> {
        const REFRESH: &str = "argocd.argoproj.io/refresh";
        self.patch(&json!({ "metadata": { "annotations": { REFRESH: "hard" } } })).await?;
        let found = wait::within(LONG, "the comparison", || async {
            self.argocd.check()?;
            let found = self.get().await?;
            Ok(found["metadata"]["annotations"][REFRESH].is_null().then_some(found))
        })
        .await?;
        let word = |name: &str| found["status"][name]["status"].as_str().unwrap_or_default().to_owned();
        Ok((word("sync"), word("health")))
    }

    /// Waits until Argo CD calls the Application synced and healthy. Argo CD may see the end of a Job later than the test.
    pub(crate) async fn until_healthy(&self) -> Result<()> {
        wait::within(LONG, "the Application to be synced and healthy", || async {
            let (sync, health) = self.status().await?;
            Ok((sync == "Synced" && health == "Healthy").then_some(()))
        })
        .await
    }

    async fn patch(&self, change: &Value) -> Result<()> {
        let applications = self.argocd.applications();
        applications.patch(&self.namespace.name, &PatchParams::default(), &Patch::Merge(change)).await?;
        Ok(())
    }

    async fn get(&self) -> Result<Value> {
        Ok(serde_json::to_value(self.argocd.applications().get(&self.namespace.name).await?)?)
    }
}

impl Synced {
    pub(crate) fn succeeded(self) -> Result<()> {
        self.ended("Succeeded", "successfully synced")
    }

    pub(crate) fn failed(self, text: &str) -> Result<()> {
        self.ended("Failed", text)
    }

    /// The phase is this one, and a message has this text.
    pub(crate) fn ended(self, phase: &str, text: &str) -> Result<()> {
        ensure!(self.phase == phase && self.messages.contains(text), "{self:?}");
        Ok(())
    }
}

//! What `--unblock` asks of the API server.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::core::params::{GetParams, Patch, PatchParams};
use kube::{Api, Resource};
use serde_json::Value;

use super::decision::Answer;
use super::dry_run_manifest::{Live, applied, replacement, successor};
use super::planned_job::PlannedJob;
use super::writer::Writer;
use crate::cluster::client::Cluster;
use crate::cluster::error::Error;
use crate::cluster::variable;
use crate::translate::Value as Yaml;

/// The Job in the cluster that has the name of this one, as JSON.
pub(super) async fn live_job(cluster: &Cluster, job: &PlannedJob) -> Result<Option<Value>, Error> {
    let request = jobs(&job.namespace).get(&job.manifest.name, &GetParams::default());
    match cluster.request(request.map_err(kube::Error::BuildRequest)?).await {
        Ok(json) => Ok(Some(json)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks whether the Job in the cluster could take the manifest.
pub(super) async fn update(
    cluster: &Cluster,
    job: &PlannedJob,
    live: &Live,
    writer: &Writer,
) -> Result<Answer, Error> {
    let PlannedJob { manifest, namespace, .. } = job;
    let (name, manager) = (&manifest.name, writer.updates_by_applying.as_deref());
    let change = match manager {
        Some(_) => applied(manifest, namespace, live),
        None => replacement(manifest, namespace, live),
    };
    // Unknown and duplicate fields are no change.
    let path = format!("{}/{name}?dryRun=All&fieldValidation=Ignore", jobs(namespace).url_path);
    dry_run(cluster, namespace, name, &change, manager, Request::put(path)).await
}

/// Asks whether the new Job would be accepted.
pub(super) async fn create(
    cluster: &Cluster,
    job: &PlannedJob,
    live: &Live,
    writer: &Writer,
) -> Result<Answer, Error> {
    let PlannedJob { manifest, namespace, .. } = job;
    let (name, manifest) = successor(manifest, namespace, &live.job.uid);
    let validation = if writer.is_strict { "Strict" } else { "Ignore" };
    let path = format!("{}?dryRun=All&fieldValidation={validation}", jobs(namespace).url_path);
    let manager = writer.creates_by_applying.as_deref();
    dry_run(cluster, namespace, &name, &manifest, manager, Request::post(path)).await
}

/// Sends a manifest in a server-side apply by this manager of fields, or else in this request.
async fn dry_run(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    manifest: &Yaml,
    manager: Option<&str>,
    otherwise: http::request::Builder,
) -> Result<Answer, Error> {
    let yaml = manifest.to_string().into_bytes();
    let request = match manager {
        Some(manager) => {
            let params = PatchParams::apply(manager).force().dry_run().validation_strict();
            let patch = jobs(namespace).patch(name, &params, &Patch::Apply(()));
            patch.map_err(kube::Error::BuildRequest)?.map(|_| yaml)
        }
        None => {
            let yaml_type = HeaderValue::from_static("application/yaml");
            otherwise.header(CONTENT_TYPE, yaml_type).body(yaml).map_err(Error::config)?
        }
    };
    match cluster.request(request).await {
        Ok(response) if response["kind"] == "Job" => Ok(Answer::Possible),
        Ok(_) => Err(Error::unreadable("it is not the Job")),
        Err(error) => Answer::of_error(&error).ok_or(error),
    }
}

fn jobs(namespace: &str) -> kube::core::Request {
    kube::core::Request::new(Job::url_path(&(), Some(namespace)))
}

/// Whether Helm has a release of this name that it would upgrade, by the Secrets in which it keeps them. `None` if that cannot be
/// told.
pub(super) async fn release_exists(cluster: &Cluster, namespace: &str, release: &str) -> Option<bool> {
    if variable("HELM_DRIVER").is_some_and(|driver| !["secret", "secrets"].contains(&&*driver)) {
        return None;
    }
    let secrets: Api<Secret> = Api::namespaced(cluster.client().clone(), namespace);
    let of_release = format!("owner=helm,name={release}");
    let revisions = secrets.list_metadata(&ListParams::default().labels(&of_release)).await.ok()?.items;
    let label = |secret: &kube::core::PartialObjectMeta<Secret>, key: &str| {
        Some(secret.metadata.labels.as_ref()?.get(key)?.clone())
    };
    let last = revisions.iter().max_by_key(|secret| label(secret, "version")?.parse::<u64>().ok());
    // After `helm uninstall --keep-history`, `upgrade --install` installs.
    Some(last.is_some_and(|secret| label(secret, "status").as_deref() != Some("uninstalled")))
}

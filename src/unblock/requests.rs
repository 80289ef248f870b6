//! What `--unblock` asks of the API server.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams};
use kube::core::params::{GetParams, Patch, PatchParams};
use kube::{Api, Resource};
use serde_json::Value;

use super::decision::{Answer, Successor};
use super::dry_run_manifest::{Live, applied, replacement, successor};
use super::planned_job::PlannedJob;
use super::writer::Method;
use crate::cluster::client::Cluster;
use crate::cluster::error::Error;
use crate::cluster::job::{Job, JobObject};
use crate::cluster::variable;

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
pub(super) async fn answer_about_update(
    cluster: &Cluster,
    job: &PlannedJob,
    live: &Live,
    method: &Method,
) -> Result<Answer, Error> {
    let name = &job.manifest.name;
    let request = match method {
        Method::Apply { manager } => {
            apply(&job.namespace, name, manager, applied(&job.manifest, &job.namespace, live))?
        }
        // Unknown and duplicate fields are no change.
        Method::Write { .. } => {
            let path = format!("{}/{name}?dryRun=All&fieldValidation=Ignore", jobs(&job.namespace).url_path);
            with_yaml(Request::put(path), replacement(&job.manifest, &job.namespace, live))?
        }
    };
    match dry_run(cluster, request).await {
        Ok(()) => Ok(Answer::Possible),
        Err(error) => Answer::of_error(&error).ok_or(error),
    }
}

/// Asks whether the new Job would be accepted.
pub(super) async fn answer_about_successor(
    cluster: &Cluster,
    job: &PlannedJob,
    live: &Live,
    method: &Method,
) -> Result<Successor, Error> {
    let (name, manifest) = successor(&job.manifest, &job.namespace, &live.job.uid);
    let request = match method {
        Method::Apply { manager } => apply(&job.namespace, &name, manager, manifest)?,
        Method::Write { strict } => {
            let validation = if *strict { "Strict" } else { "Ignore" };
            let path = format!("{}?dryRun=All&fieldValidation={validation}", jobs(&job.namespace).url_path);
            with_yaml(Request::post(path), manifest)?
        }
    };
    match dry_run(cluster, request).await {
        Ok(()) => Ok(Successor::Accepted),
        Err(error) => Successor::of_error(&error).ok_or(error),
    }
}

async fn dry_run(cluster: &Cluster, request: Request<Vec<u8>>) -> Result<(), Error> {
    let response = cluster.request(request).await?;
    if response["kind"] == "Job" { Ok(()) } else { Err(Error::unreadable("it is not the Job")) }
}

fn apply(namespace: &str, name: &str, manager: &str, yaml: String) -> Result<Request<Vec<u8>>, Error> {
    let params = PatchParams::apply(manager).force().dry_run().validation_strict();
    let request = jobs(namespace).patch(name, &params, &Patch::Apply(()));
    Ok(request.map_err(kube::Error::BuildRequest)?.map(|_| yaml.into_bytes()))
}

fn with_yaml(request: http::request::Builder, yaml: String) -> Result<Request<Vec<u8>>, Error> {
    let yaml_type = HeaderValue::from_static("application/yaml");
    request.header(CONTENT_TYPE, yaml_type).body(yaml.into_bytes()).map_err(Error::config)
}

fn jobs(namespace: &str) -> kube::core::Request {
    kube::core::Request::new(JobObject::url_path(&(), Some(namespace)))
}

/// Deletes a Job if it is still the same. With `foreground`, its pods are gone before it is.
pub(super) async fn delete(
    cluster: &Cluster,
    job: &Job,
    foreground: bool,
    dry_run: bool,
) -> Result<(), Error> {
    let params = if foreground { DeleteParams::foreground() } else { DeleteParams::background() };
    cluster.delete(job, DeleteParams { dry_run, ..params }).await.map(|_gone| ())
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

//! The requests: list, watch and delete Jobs, read the logs of their pods, and check whether a Job could be replaced.

use std::fmt;

use http::Request;
use http::header::CONTENT_TYPE;
use kube::core::params::{DeleteParams, GetParams, ListParams, Preconditions, WatchParams};
use kube::core::subresource::LogParams;

use super::decode::{self, Decoded, Pod};
use super::list_reader::{List, ListReader};
use super::watch::Watch;
use super::{Api, Call, Failure, Permission};
use crate::cluster::old::job::compact::Version;
use crate::cluster::old::job::{Job, JobId};

const PAGE_SIZE: u32 = 500;
/// Of a longer log, at least this many last bytes are kept, and at most twice as many.
const LOG_BYTES: usize = 256 * 1024;
/// How much of a log the API server sends.
const LOG_BYTES_LIMIT: i64 = 16 << 20;

/// A page of a list of Jobs. An object that cannot be read is an `Err` item among the others.
pub(crate) type Page = List<Decoded>;

/// The Jobs that match a label selector, in one namespace or in all namespaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// `None` means all namespaces.
    pub namespace: Option<String>,
    pub selector: Option<String>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "namespace {namespace}"),
            None => f.write_str("all namespaces"),
        }
    }
}

impl Api {
    pub(crate) async fn page(&self, scope: &Scope, token: Option<&str>) -> Result<Page, Failure> {
        let params = ListParams {
            label_selector: scope.selector.clone(),
            limit: Some(PAGE_SIZE),
            continue_token: token.map(str::to_owned),
            ..ListParams::default()
        };
        self.list_jobs(scope.namespace.as_deref(), &params).await
    }

    pub(crate) async fn watch(&self, scope: &Scope, version: &str) -> Result<Watch, Failure> {
        // kube asks for bookmarks, and for an end after 290 s.
        let params = WatchParams { label_selector: scope.selector.clone(), ..WatchParams::default() };
        let namespace = scope.namespace.as_deref();
        let request = jobs_request(namespace).watch(&params, version)?;
        let chunks = self.send(&(Permission::for_jobs("watch", namespace), request)).await?;
        Ok(Watch::new(version, chunks))
    }

    /// Deletes a Job if it still has this UID and version. A dry run only checks whether the deletion would succeed. Returns
    /// `true` if the Job is already gone, and `false` if finalizers still hold it.
    pub(crate) async fn delete(&self, id: &JobId, version: &Version, dry_run: bool) -> Result<bool, Failure> {
        let (uid, resource_version) = (Some(id.uid.to_string()), Some(version.to_string()));
        let unchanged = Preconditions { uid, resource_version };
        let params = DeleteParams { dry_run, ..DeleteParams::background().preconditions(unchanged) };
        let request = jobs_request(Some(&id.namespace)).delete(&id.name, &params)?;
        let permission = Permission::for_jobs("delete", Some(&id.namespace));
        decode::is_gone(&self.bytes(&(permission, request)).await?)
    }

    /// Whether a Job is gone. Lists the Jobs with its name, because that does not need the permission to get Jobs.
    pub(crate) async fn is_gone(&self, id: &JobId) -> Result<bool, Failure> {
        let params = ListParams::default().fields(&format!("metadata.name={}", id.name));
        let page = self.list_jobs(Some(&id.namespace), &params).await?;
        let may_be_same_job = |job: &Decoded| match job {
            Ok(job) => job.id.uid == id.uid,
            Err(object) => object.id.as_ref().is_none_or(|found| found.uid == id.uid),
        };
        Ok(!page.items.iter().any(may_be_same_job))
    }

    pub(crate) async fn pods(&self, id: &JobId) -> Result<Vec<Pod>, Failure> {
        let labels = format!("batch.kubernetes.io/controller-uid={}", id.uid);
        let params = ListParams::default().labels(&labels).limit(PAGE_SIZE);
        let permission = Permission::for_pods("list", "pods", &id.namespace);
        let request = pods_request(&id.namespace).list(&params)?;
        Ok(self.list(&(permission, request), ListReader::new("PodList", decode::pod)).await?.items)
    }

    /// The end of a container's log: at most this many lines.
    pub(crate) async fn log(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        lines: u32,
    ) -> Result<String, Failure> {
        let params = LogParams {
            container: Some(container.to_owned()),
            tail_lines: Some(lines.into()),
            limit_bytes: Some(LOG_BYTES_LIMIT),
            ..LogParams::default()
        };
        let permission = Permission::for_pods("get", "pods/log", namespace);
        let request = pods_request(namespace).logs(pod, &params)?;
        let mut last = Vec::new();
        // A low `limitBytes` would cut off the last lines instead of the first.
        let keep_last = |chunk: &[u8]| {
            last.extend_from_slice(chunk);
            if last.len() > 2 * LOG_BYTES {
                last.drain(..last.len() - LOG_BYTES);
            }
            Ok(())
        };
        self.receive(&(permission, request), keep_last).await?;
        Ok(String::from_utf8_lossy(&last).into_owned())
    }

    pub(crate) async fn job_json(&self, namespace: &str, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let request = jobs_request(Some(namespace)).get(name, &GetParams::default())?;
        match self.bytes(&(Permission::for_jobs("get", Some(namespace)), request)).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Asks the API server to replace a Job by the one in `yaml`, as a dry run.
    pub(crate) async fn dry_run_replace(
        &self,
        namespace: &str,
        name: &str,
        yaml: String,
    ) -> Result<(), Failure> {
        // Ignore unknown and duplicate fields, as Helm does.
        let query = "dryRun=All&fieldValidation=Ignore";
        let path = format!("{}/{name}?{query}", jobs_request(Some(namespace)).url_path);
        let request = Request::put(path).header(CONTENT_TYPE, "application/yaml").body(yaml.into_bytes());
        let request = request.map_err(Failure::config)?;
        decode::check_is_job(&self.bytes(&(Permission::for_jobs("update", Some(namespace)), request)).await?)
    }

    async fn list_jobs(&self, namespace: Option<&str>, params: &ListParams) -> Result<Page, Failure> {
        let permission = Permission::for_jobs("list", namespace);
        let request = jobs_request(namespace).list(params)?;
        self.list(&(permission, request), ListReader::new("JobList", |job| Ok(Job::decode(job)))).await
    }

    async fn list<T>(&self, call: &Call, mut reader: ListReader<T>) -> Result<List<T>, Failure> {
        self.receive(call, |chunk| reader.read(chunk)).await?;
        reader.finish()
    }
}

fn jobs_request(namespace: Option<&str>) -> kube::core::Request {
    kube::core::Request::new(match namespace {
        Some(namespace) => format!("/apis/batch/v1/namespaces/{namespace}/jobs"),
        None => "/apis/batch/v1/jobs".to_owned(),
    })
}

fn pods_request(namespace: &str) -> kube::core::Request {
    kube::core::Request::new(format!("/api/v1/namespaces/{namespace}/pods"))
}

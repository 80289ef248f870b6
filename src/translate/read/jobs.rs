//! Finds the Jobs of a document, with their annotations and policies.

use std::collections::HashSet;

use super::nodes::{Id, Kind, Nodes};
use crate::escape::shortened;
use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY};
use crate::translate::diagnostic::{Fault, Problem};

/// The nodes of a Job that lead to its policy.
#[derive(Debug, Default)]
pub(crate) struct JobNodes {
    /// The Job's mapping, or an alias of it.
    pub(crate) id: Id,
    /// The name, shortened for messages.
    pub(crate) name: Option<String>,
    pub(crate) metadata: Option<Id>,
    pub(crate) annotations: Option<Id>,
    pub(crate) helm_policy: Option<Id>,
    pub(crate) kots_policy: Option<Id>,
}

impl JobNodes {
    pub(crate) fn fault(&self, at: usize, problem: Problem) -> Fault {
        Fault { problem, at, job: self.name.clone() }
    }

    pub(crate) fn warning(&self, at: usize, what: String, advice: &'static str) -> Fault {
        self.fault(at, Problem::Warning { what, advice })
    }
}

/// The Jobs of a document in the order of the text: the root, or the items of a `List`, `JobList` or `ResourceList`.
pub(crate) fn find(nodes: &Nodes<'_>) -> Result<Vec<JobNodes>, Fault> {
    let mut jobs = Vec::new();
    let mut lists = HashSet::new();
    let mut next: Vec<(Id, bool)> = nodes.root().map(|root| (root, false)).into_iter().collect();
    while let Some((id, in_job_list)) = next.pop() {
        let Some(mapping) = nodes.mapping(id) else {
            continue;
        };
        match resource(nodes, mapping, in_job_list)? {
            Resource::Job => jobs.push(job(nodes, id, mapping)?),
            Resource::List { of_jobs } if lists.insert(mapping) => {
                let Some(items) = nodes.find(mapping, "items") else {
                    continue;
                };
                let items = nodes.resolve(items);
                if matches!(nodes.kind(items), Kind::Sequence { .. }) {
                    let children: Vec<Id> = nodes.children(items).collect();
                    next.extend(children.into_iter().rev().map(|child| (child, of_jobs)));
                }
            }
            Resource::List { .. } | Resource::Other => {}
        }
    }
    Ok(jobs)
}

pub(crate) const RESOURCE_LIST: &str = "ResourceList";

enum Resource {
    Job,
    List { of_jobs: bool },
    Other,
}

/// What a mapping is. In a `JobList`, an item without a kind is a Job.
fn resource(nodes: &Nodes<'_>, mapping: Id, in_job_list: bool) -> Result<Resource, Fault> {
    let kinds = nodes.possible_strings(mapping, "kind", in_job_list.then_some("Job"));
    let versions = nodes.possible_strings(mapping, "apiVersion", in_job_list.then_some("batch/v1"));
    let is = |kind: &str, is_version: fn(&str) -> bool| {
        kinds.contains(&kind) && versions.iter().any(|version| is_version(version))
    };
    let resource = if is("Job", is_of_batch) {
        Resource::Job
    } else if is("JobList", is_of_batch) {
        Resource::List { of_jobs: true }
    } else if is("List", |version| !version.contains(char::is_whitespace))
        || is(RESOURCE_LIST, is_of_functions)
    {
        Resource::List { of_jobs: false }
    } else {
        return Ok(Resource::Other);
    };
    nodes.find_unique(mapping, "kind")?;
    nodes.find_unique(mapping, "apiVersion")?;
    Ok(resource)
}

fn is_of_batch(version: &str) -> bool {
    version.starts_with("batch/")
}

/// Whether an `apiVersion` is one of KRM functions.
pub(crate) fn is_of_functions(version: &str) -> bool {
    version.starts_with("config.kubernetes.io/")
}

fn job(nodes: &Nodes<'_>, id: Id, mapping: Id) -> Result<JobNodes, Fault> {
    let mut job = JobNodes { id, ..JobNodes::default() };
    job.metadata = nodes.find_unique(mapping, "metadata")?;
    if let Some(metadata) = job.metadata.and_then(|id| nodes.mapping(id)) {
        let name = nodes.find(metadata, "name");
        job.name = name.and_then(|id| nodes.string(id)).map(|name| shortened(name).into_owned());
        let within = |fault: Fault| Fault { job: job.name.clone(), ..fault };
        job.annotations = nodes.find_unique(metadata, "annotations").map_err(within)?;
        if let Some(annotations) = job.annotations.and_then(|id| nodes.mapping(id)) {
            job.helm_policy = nodes.find_unique(annotations, HELM_DELETE_POLICY).map_err(within)?;
            job.kots_policy = nodes.find_unique(annotations, KOTS_DELETE_POLICY).map_err(within)?;
        }
    }
    Ok(job)
}

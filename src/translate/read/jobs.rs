//! Finds the Jobs of a document, with their annotations and policies.

use std::collections::HashSet;

use super::lookup::{Found, Lookup, key};
use super::nodes::{Id, Kind};
use crate::escape::shortened;
use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY};
use crate::translate::diagnostic::{Fault, Problem};

/// The mappings of a Job that lead to its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Job,
    Metadata,
    Annotations,
}

#[derive(Debug)]
pub(crate) struct Job {
    /// The Job's mapping, or an alias of it.
    pub(crate) id: Id,
    /// The name, shortened for messages.
    pub(crate) name: Option<String>,
    pub(crate) metadata: Option<Found>,
    pub(crate) annotations: Option<Found>,
    pub(crate) helm_policy: Option<Found>,
    pub(crate) kots_policy: Option<Found>,
}

/// The Jobs of a document in the order of the text: the root, or the items of a `List`, `JobList` or `ResourceList`.
pub(crate) fn find(lookup: &Lookup<'_, '_>) -> Result<Vec<Job>, Fault> {
    let mut jobs = Vec::new();
    let mut lists = HashSet::new();
    let mut next = if lookup.nodes.is_empty() { vec![] } else { vec![(0, Inherited::default())] };
    while let Some((id, inherited)) = next.pop() {
        let Some(mapping) = lookup.mapping(id) else {
            continue;
        };
        match resource(lookup, mapping, inherited)? {
            Resource::Job => jobs.push(job(lookup, id, mapping)?),
            Resource::List(inherited) if lists.insert(mapping) => {
                let Some(items) = lookup.find(mapping, key::ITEMS) else {
                    continue;
                };
                let items = lookup.nodes.resolve(items.value());
                if matches!(lookup.nodes.get(items).kind, Kind::Sequence { .. }) {
                    let children: Vec<Id> = lookup.nodes.children(items).collect();
                    next.extend(children.into_iter().rev().map(|child| (child, inherited)));
                }
            }
            Resource::List(_) | Resource::Other => {}
        }
    }
    Ok(jobs)
}

pub(crate) const RESOURCE_LIST: &str = "ResourceList";

/// What an item inherits from its list: in a `JobList`, an item without a kind is a Job.
#[derive(Clone, Copy, Default)]
struct Inherited {
    job_list: bool,
}

enum Resource {
    Job,
    List(Inherited),
    Other,
}

fn resource(lookup: &Lookup<'_, '_>, mapping: Id, inherited: Inherited) -> Result<Resource, Fault> {
    let kinds = possible_strings(lookup, mapping, key::KIND, inherited.job_list.then_some("Job"));
    let versions =
        possible_strings(lookup, mapping, key::API_VERSION, inherited.job_list.then_some("batch/v1"));
    let is = |kind: &str, version: &dyn Fn(&str) -> bool| {
        kinds.contains(&kind) && versions.iter().any(|&v| version(v))
    };
    let batch = |version: &str| version.starts_with("batch/");
    let resource = if is("Job", &batch) {
        Resource::Job
    } else if is("JobList", &batch) {
        Resource::List(Inherited { job_list: true })
    } else if is("List", &|version| !version.contains(char::is_whitespace))
        || is(RESOURCE_LIST, &is_of_functions)
    {
        Resource::List(Inherited { job_list: false })
    } else {
        return Ok(Resource::Other);
    };
    unique(lookup, mapping, key::KIND)?;
    unique(lookup, mapping, key::API_VERSION)?;
    Ok(resource)
}

/// Whether a mapping is the input of a KRM function.
pub(crate) fn is_resource_list(lookup: &Lookup<'_, '_>, mapping: Id) -> bool {
    let values = |key| possible_strings(lookup, mapping, key, None);
    values(key::KIND).contains(&RESOURCE_LIST) && values(key::API_VERSION).into_iter().any(is_of_functions)
}

fn is_of_functions(version: &str) -> bool {
    version.starts_with("config.kubernetes.io/")
}

/// The strings that a reader may see under a key. Readers differ on duplicate and contested keys.
fn possible_strings<'n>(
    lookup: &Lookup<'n, '_>,
    mapping: Id,
    key: &'static str,
    default: Option<&'n str>,
) -> Vec<&'n str> {
    let own = lookup.own(mapping, key);
    if own.is_empty() {
        let found = lookup.find(mapping, key);
        return found.map_or(default, |found| lookup.string(found.value())).into_iter().collect();
    }
    let values = own.into_iter().map(|(_, value)| value).chain(lookup.contested(mapping, key));
    values.filter_map(|value| lookup.string(value)).collect()
}

fn job(lookup: &Lookup<'_, '_>, id: Id, mapping: Id) -> Result<Job, Fault> {
    let mut job =
        Job { id, name: None, metadata: None, annotations: None, helm_policy: None, kots_policy: None };
    job.metadata = unique(lookup, mapping, key::METADATA)?;
    if let Some(metadata) = job.metadata.and_then(|found| lookup.mapping(found.value())) {
        let name = lookup.find(metadata, key::NAME);
        job.name =
            name.and_then(|found| lookup.string(found.value())).map(|name| shortened(name).into_owned());
        let within = |fault: Fault| Fault { job: job.name.clone(), ..fault };
        job.annotations = unique(lookup, metadata, key::ANNOTATIONS).map_err(within)?;
        if let Some(annotations) = job.annotations.and_then(|found| lookup.mapping(found.value())) {
            job.helm_policy = unique(lookup, annotations, HELM_DELETE_POLICY).map_err(within)?;
            job.kots_policy = unique(lookup, annotations, KOTS_DELETE_POLICY).map_err(within)?;
        }
    }
    Ok(job)
}

/// The value of a key on which all readers must agree.
pub(crate) fn unique(
    lookup: &Lookup<'_, '_>,
    mapping: Id,
    key: &'static str,
) -> Result<Option<Found>, Fault> {
    let fault = |problem, id| Err(Fault { problem, at: lookup.nodes.get(id).start, job: None });
    match *lookup.own(mapping, key) {
        [_, (second, _), ..] => fault(Problem::DuplicateKey(key), second),
        [(own, _)] if lookup.contested(mapping, key).is_some() => fault(Problem::ContestedKey(key), own),
        _ => Ok(lookup.find(mapping, key)),
    }
}

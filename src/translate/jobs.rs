//! Finds the Jobs of a document and what decides about them.

use std::collections::{HashMap, HashSet};

use granit_parser::ScanError;

use super::diagnostic::Problem;
use super::lookup::{Found, Lookup, key};
use super::nodes::{Id, Kind};
use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY};

/// A problem at a byte of the document.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) problem: Problem,
    pub(super) at: usize,
    pub(super) job: Option<String>,
}

impl Fault {
    pub(super) fn not_yaml(error: &ScanError, text: &str) -> Self {
        let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
        Self { problem: Problem::NotYaml(error.info()), at, job: None }
    }
}

/// How deep a node lies in its Job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// The Job itself: the document, or an item of a list.
    Job,
    Metadata,
    Annotations,
}

/// A Job, and what decides about it.
#[derive(Debug)]
pub(super) struct Job {
    /// Where the Job stands: its mapping, or an alias of it.
    pub(super) id: Id,
    pub(super) name: Option<String>,
    pub(super) metadata: Option<Found>,
    pub(super) annotations: Option<Found>,
    pub(super) helm_policy: Option<Found>,
    pub(super) kots_policy: Option<Found>,
}

/// The Jobs of a document in the order of the text: at its root, or among the items of a `List` or `JobList`.
pub(super) fn find(lookup: &Lookup<'_, '_>) -> Result<Vec<Job>, Fault> {
    let mut jobs = Vec::new();
    let mut lists = HashSet::new();
    let mut next = if lookup.nodes.is_empty() { vec![] } else { vec![(0, Inherited::default())] };
    while let Some((id, inherited)) = next.pop() {
        let Some(mapping) = lookup.mapping(id) else {
            continue;
        };
        match what_it_is(lookup, mapping, inherited)? {
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

/// What an item of a typed list need not say itself: in a `JobList` an item without a kind is a Job.
#[derive(Clone, Copy, Default)]
struct Inherited {
    job_list: bool,
}

enum Resource {
    Job,
    List(Inherited),
    Other,
}

fn what_it_is(lookup: &Lookup<'_, '_>, mapping: Id, inherited: Inherited) -> Result<Resource, Fault> {
    let kinds = strings(lookup, mapping, key::KIND, inherited.job_list.then_some("Job"));
    let versions = strings(lookup, mapping, key::API_VERSION, inherited.job_list.then_some("batch/v1"));
    let is = |kind: &str, version: &dyn Fn(&str) -> bool| {
        kinds.contains(&kind) && versions.iter().any(|&v| version(v))
    };
    let batch = |version: &str| version.starts_with("batch/");
    let resource = if is("Job", &batch) {
        Resource::Job
    } else if is("JobList", &batch) {
        Resource::List(Inherited { job_list: true })
    } else if is("List", &|version| !version.contains(char::is_whitespace)) {
        Resource::List(Inherited { job_list: false })
    } else {
        return Ok(Resource::Other);
    };
    unique(lookup, mapping, key::KIND)?;
    unique(lookup, mapping, key::API_VERSION)?;
    Ok(resource)
}

/// The strings that a key may have as values: several where it stands twice or is contested, the default where it is absent.
fn strings<'n>(
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
        job.name = name.and_then(|found| lookup.string(found.value())).map(str::to_owned);
        let within = |fault: Fault| Fault { job: job.name.clone(), ..fault };
        job.annotations = unique(lookup, metadata, key::ANNOTATIONS).map_err(within)?;
        if let Some(annotations) = job.annotations.and_then(|found| lookup.mapping(found.value())) {
            job.helm_policy = unique(lookup, annotations, HELM_DELETE_POLICY).map_err(within)?;
            job.kots_policy = unique(lookup, annotations, KOTS_DELETE_POLICY).map_err(within)?;
        }
    }
    Ok(job)
}

/// The value of a key that decides, so it must not stand twice, nor be contested by a merge key.
fn unique(lookup: &Lookup<'_, '_>, mapping: Id, key: &'static str) -> Result<Option<Found>, Fault> {
    let fault = |problem, id| Err(Fault { problem, at: lookup.nodes.get(id).start, job: None });
    match *lookup.own(mapping, key) {
        [_, (second, _), ..] => fault(Problem::DuplicateKey(key), second),
        [(own, _)] if lookup.contested(mapping, key).is_some() => fault(Problem::ContestedKey(key), own),
        _ => Ok(lookup.find(mapping, key)),
    }
}

/// Which nodes mean more than a Job, its metadata or its annotations, because an alias elsewhere repeats them.
pub(super) struct Sharing {
    shared: HashSet<Id>,
}

impl Sharing {
    pub(super) fn new(lookup: &Lookup<'_, '_>, jobs: &[Job]) -> Self {
        let mut levels = HashMap::new();
        for job in jobs {
            levels.insert(job.id, Level::Job);
            for (found, level) in [(job.metadata, Level::Metadata), (job.annotations, Level::Annotations)] {
                if let Some(Found::Own { value, .. }) = found {
                    levels.insert(value, level);
                }
            }
        }
        let aliases = lookup.nodes.list().iter().enumerate();
        let aliases = aliases.filter(|(_, node)| matches!(node.kind, Kind::Alias { .. }));
        let repeated = aliases.map(|(alias, _)| (alias, lookup.nodes.resolve(alias)));
        let elsewhere = |&(alias, id): &(Id, Id)| match levels.get(&id) {
            Some(level) => levels.get(&alias) != Some(level),
            None => true,
        };
        Self { shared: repeated.filter(elsewhere).map(|(_, id)| id).collect() }
    }

    /// Whether a change inside this node changes Jobs only: neither it nor anything around it is repeated elsewhere.
    pub(super) fn is_exclusive(&self, lookup: &Lookup<'_, '_>, id: Id) -> bool {
        self.shared.is_empty()
            || std::iter::successors(Some(id), |&id| lookup.nodes.get(id).parent)
                .all(|id| !self.shared.contains(&id))
    }
}

//! Appends a hash of its content to the name of each plain Job: a changed Job then has another name, so nothing has to be changed in the cluster.

mod hash;
mod references;

use std::collections::HashSet;
use std::iter;

pub(super) use self::references::find as uses;
use super::manifests::{HOOK, is_subdomain};
use super::read::jobs::JobNodes;
use super::read::nodes::{Id, Nodes};
use super::read::value::Value;
use crate::policy::IGNORE;
use crate::yaml::{Plain, plain};

/// The annotation of a hook of Argo CD.
const ARGO_CD_HOOK: &str = "argocd.argoproj.io/hook";
/// The labels with the name of a Job on its pods.
const JOB_NAME_LABELS: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];
/// The longest name of a Job, and of the host of a pod.
const MAX_NAME: usize = 63;

/// The node of a Job's name and its new name, if it gets one. The error is why it cannot have one.
pub(super) fn new_name(
    nodes: &Nodes<'_>,
    job: &JobNodes,
    kept: &HashSet<String>,
) -> Result<Option<(Id, String)>, &'static str> {
    let Some((id, name)) = name(nodes, job)? else { return Ok(None) };
    if kept.contains(name) {
        return Ok(None);
    }
    let value = Value::read(nodes, job.id)?;
    let none = Value::Mapping(Vec::new());
    let spec = value.get("spec").unwrap_or(&none);
    if spec.get("template").is_some_and(has_job_name_label) {
        return Err("its template uses the label job-name");
    }
    let base = base(name, index_digits(spec)).ok_or("its name is no DNS subdomain")?;
    Ok(Some((id, format!("{base}-{}", hash::hash(name, &value)))))
}

/// The name of a Job and its node. None for a Job that other programs or users know by its name.
fn name<'n>(nodes: &'n Nodes<'_>, job: &JobNodes) -> Result<Option<(Id, &'n str)>, &'static str> {
    let annotations = job.annotations.and_then(|id| nodes.mapping(id));
    let annotation = |key| annotations.and_then(|annotations| nodes.find(annotations, key));
    let is_ignored = annotation(IGNORE).and_then(|id| nodes.string(id)) == Some("true");
    if is_ignored || annotation(HOOK).is_some() || annotation(ARGO_CD_HOOK).is_some() {
        return Ok(None);
    }
    let metadata = job.metadata.and_then(|id| nodes.mapping(id)).ok_or("it has no metadata")?;
    let found = nodes.find_unique(metadata, "name").map_err(|_| "its name is ambiguous")?;
    let id = match found {
        Some(value) if nodes.parent(value) == Some(metadata) => value,
        Some(_) => return Err("a merge key (<<) sets its name"),
        None if nodes.find(metadata, "generateName").is_some() => {
            return Err("it has generateName, so every apply creates another Job");
        }
        None => return Err("it has no name"),
    };
    // An alias refers to a node with an anchor.
    let mut around = iter::successors(Some(id), |&id| nodes.parent(id));
    let is_shared = around.any(|id| nodes.properties(id).anchor != 0);
    if is_shared || nodes.properties(id).tag.is_some() {
        return Err("its name has an anchor, an alias or a tag");
    }
    match nodes.string(id) {
        Some(name) if is_subdomain(name) => Ok(Some((id, name))),
        Some(_) => Err("its name is no DNS subdomain"),
        None => Err("its name is no string"),
    }
}

/// The part of a name that fits before the hash. Pods of an Indexed Job have the index behind it.
fn base(name: &str, index_digits: usize) -> Option<&str> {
    let room = (MAX_NAME - hash::LENGTH - 1).saturating_sub(index_digits);
    let base = name.get(..room).unwrap_or(name).trim_end_matches(['-', '.']);
    (!base.is_empty()).then_some(base)
}

/// How many characters the last index takes in the name of a pod's host, with the dash before it.
fn index_digits(spec: &Value) -> usize {
    if !hash::is_indexed(spec) {
        return 0;
    }
    let completions = match spec.get("completions") {
        Some(Value::Plain(text)) => plain(text),
        _ => Plain::Null,
    };
    let last = if let Plain::Integer(completions) = completions { completions - 1 } else { 0 };
    1 + last.max(0).to_string().len()
}

/// Whether a part of a template has a label with the name of a Job, or selects by it.
fn has_job_name_label(value: &Value) -> bool {
    match value {
        Value::Mapping(entries) => entries.iter().any(|(key, value)| {
            let names_label =
                |value: &Value| value.as_str().is_some_and(|text| JOB_NAME_LABELS.contains(&text));
            names_label(key) || key.as_str() == Some("key") && names_label(value) || has_job_name_label(value)
        }),
        Value::Sequence(items) => items.iter().any(has_job_name_label),
        _ => false,
    }
}

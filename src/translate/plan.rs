//! Decides which policy each Job gets, and where in the document it stands.
//!
//! A new entry goes into the annotations or the metadata of the Job. These must belong to Jobs alone: an anchor may share them with the same
//! part of another Job, but with nothing else.

use std::collections::{HashMap, HashSet};
use std::iter;

use super::Options;
use super::diagnostic::{Fault, Problem};
use super::name_suffix;
use super::read::jobs::JobNodes;
use super::read::nodes::{Id, Kind, Nodes};
use super::read::value::Value;
use super::write::change::Change;
use super::write::entry::{Policy, Style, annotations_entry, policy_entry};
use crate::escape::shortened;
use crate::policy::{DeletePolicy, HELM_DELETE_POLICY, KOTS_DELETE_POLICY, MAX_ANNOTATIONS};

/// How many unknown words of a policy a message shows.
const MAX_WORDS: usize = 3;
const REJECTED: &str = "so jobsweep did not change the Job and the API server will reject it";

/// The policy that a Job lacks, if any. The error is a warning: the Job cannot get its policy.
pub(super) fn missing_policy<'p>(
    nodes: &'p Nodes<'_>,
    job: &JobNodes,
    default: Option<&'p str>,
) -> Result<Option<Policy<'p>>, Fault> {
    let warning = |at, what, advice| job.warning(nodes.start(at), what, advice);
    let string_of = |key, id| {
        let warn = || match nodes.is_null(id) {
            true => {
                let what = format!("{key} is null, which is no policy, so jobsweep did not change the Job");
                warning(id, what, "remove it, or set it to a policy in quotes")
            }
            false => {
                let what = format!("{key} is not a string, {REJECTED}");
                warning(id, what, "set it to a policy in quotes")
            }
        };
        nodes.string(id).ok_or_else(warn)
    };
    if let Some(found) = job.kots_policy {
        return string_of(KOTS_DELETE_POLICY, found).map(|_| None);
    }
    let policy = match (job.helm_policy, default) {
        (Some(found), _) => Policy { text: string_of(HELM_DELETE_POLICY, found)?, helm: Some(found) },
        (None, Some(default)) => Policy { text: default, helm: None },
        (None, None) => return Ok(None),
    };
    if job.metadata.and_then(|id| nodes.mapping(id)).is_none() {
        let what = "the Job has no metadata, so jobsweep did not change it and the API server will reject it";
        return Err(warning(job.id, what.to_owned(), "fix the template"));
    }
    let Some(id) = job.annotations else { return Ok(Some(policy)) };
    let rejected = |wanted| {
        Err(warning(id, format!("metadata.annotations is not {wanted}, {REJECTED}"), "fix the template"))
    };
    match nodes.mapping(id) {
        None if !nodes.is_null(id) => rejected("a mapping"),
        Some(annotations) if bytes_of_entries(nodes, annotations) > MAX_ANNOTATIONS => {
            rejected("at most 256 KiB long")
        }
        _ => Ok(Some(policy)),
    }
}

fn bytes_of_entries(nodes: &Nodes<'_>, mapping: Id) -> usize {
    let length = |id| nodes.value(nodes.resolve(id)).map_or(0, str::len);
    nodes.entries(mapping).map(|(key, value)| length(key) + length(value)).sum()
}

/// Warns of a policy that the author of the manifest has put on the pod template instead of the Job.
pub(super) fn policy_on_template(nodes: &Nodes<'_>, job: &JobNodes) -> Option<Fault> {
    if job.helm_policy.or(job.kots_policy).is_some() {
        return None;
    }
    let path = ["spec", "template", "metadata", "annotations"];
    let annotations = nodes.mapping(nodes.find_at(job.id, &path)?)?;
    [HELM_DELETE_POLICY, KOTS_DELETE_POLICY].into_iter().find_map(|key| {
        let at = nodes.start(nodes.find(annotations, key)?);
        let what = format!("{key} is on the pod template, where it has no effect");
        Some(job.warning(at, what, "move it to the metadata of the Job"))
    })
}

/// Warns of words that are not tokens. With `--strict` they are an error.
pub(super) fn check_words(
    nodes: &Nodes<'_>,
    job: &JobNodes,
    options: &Options,
    warnings: &mut Vec<Fault>,
) -> Result<(), Fault> {
    let text = |id: Option<Id>| id.and_then(|id| Some((id, nodes.string(id)?)));
    let (helm, kots) = (text(job.helm_policy), text(job.kots_policy));
    let same = helm.map(|(_, policy)| policy) == kots.map(|(_, policy)| policy);
    for (id, policy) in [helm, kots.filter(|_| !same)].into_iter().flatten() {
        let policy = DeletePolicy::parse(policy);
        let mut unknown = policy.unknown().map(|word| shortened(word).into_owned());
        let shown: Vec<_> = unknown.by_ref().take(MAX_WORDS).collect();
        if shown.is_empty() {
            continue;
        }
        let problem = Problem::UnknownWords { shown, more: unknown.count() };
        let fault = job.fault(nodes.range(id).start, problem);
        if options.strict {
            return Err(fault);
        }
        warnings.push(fault);
    }
    Ok(())
}

/// Plans the change of one document.
pub(super) struct Plan<'n, 'a> {
    nodes: &'n Nodes<'a>,
    /// The nodes that an alias uses for something else than the same part of another Job.
    shared: HashSet<Id>,
    pub(super) change: Change<'n, 'a>,
    /// The nodes that are already changed. Jobs can share a node.
    changed: HashSet<Id>,
}

impl<'n, 'a> Plan<'n, 'a> {
    pub(super) fn new(nodes: &'n Nodes<'a>, jobs: &[JobNodes]) -> Self {
        Self { nodes, shared: shared(nodes, jobs), change: Change::new(nodes), changed: HashSet::new() }
    }

    /// Adds the policy to a Job. Its metadata must be a mapping.
    pub(super) fn add(&mut self, job: &JobNodes, policy: Policy<'_>) -> Result<(), Fault> {
        let refused = self.add_or_refuse(job, policy);
        refused.map_err(|(id, why)| job.fault(self.nodes.start(id), Problem::CannotExtend(why)))
    }

    fn add_or_refuse(&mut self, job: &JobNodes, policy: Policy<'_>) -> Result<(), (Id, &'static str)> {
        self.check_not_shared(job.id)?;
        let Some(metadata) = job.metadata.filter(|&metadata| self.is_own(metadata, job.id)) else {
            return Err((job.id, "a merge key (<<) sets the metadata"));
        };
        self.check_not_shared(metadata)?;
        match job.annotations {
            None => self.add_annotations(self.nodes.resolve(metadata), policy),
            Some(annotations) if !self.is_own(annotations, metadata) => {
                return Err((metadata, "a merge key (<<) sets the annotations"));
            }
            Some(null) if self.nodes.is_null(null) => {
                self.replace_null(null, policy).map_err(|why| (null, why))?;
            }
            Some(annotations) => {
                self.check_not_shared(annotations)?;
                self.add_to_annotations(self.nodes.resolve(annotations), policy);
            }
        }
        Ok(())
    }

    /// Whether a mapping has this value itself, and not by a merge key.
    fn is_own(&self, value: Id, mapping: Id) -> bool {
        self.nodes.parent(value) == Some(self.nodes.resolve(mapping))
    }

    /// Checks that a change of this part of a Job changes Jobs only.
    fn check_not_shared(&self, part: Id) -> Result<(), (Id, &'static str)> {
        let around = |id| iter::successors(Some(id), |&id| self.nodes.parent(id));
        let is_shared =
            around(part).chain(around(self.nodes.resolve(part))).any(|id| self.shared.contains(&id));
        if is_shared {
            Err((part, "an anchor shares this part of the Job with another part of the document"))
        } else {
            Ok(())
        }
    }

    fn add_to_annotations(&mut self, annotations: Id, policy: Policy<'_>) {
        if !self.changed.insert(annotations) {
            return;
        }
        match policy.helm.filter(|&helm| self.is_own(helm, annotations)) {
            Some(helm) => self.change.repeat_annotation(annotations, helm, policy),
            None => {
                let entry = policy_entry(policy, Style::of(self.nodes, annotations));
                self.change.insert_first(annotations, entry);
            }
        }
    }

    fn add_annotations(&mut self, metadata: Id, policy: Policy<'_>) {
        if !self.changed.insert(metadata) {
            return;
        }
        let entry = annotations_entry(self.nodes, metadata, policy);
        let own = |key| self.nodes.own(metadata, key).first().copied();
        let name = own("name").or_else(|| own("generateName"));
        let name = name.filter(|_| self.nodes.is_block_mapping(metadata));
        if !name.is_some_and(|name| self.change.insert_after(metadata, name, &entry)) {
            self.change.insert_first(metadata, entry);
        }
    }

    /// Fills a null of a Job. Returns whether that was possible.
    pub(super) fn fill_null(&mut self, null: Id, filling: Value) -> bool {
        if !self.is_bare(null) || self.check_not_shared(null).is_err() {
            return false;
        }
        !self.changed.insert(null) || self.change.fill_null(null, filling).is_some()
    }

    /// Appends a hash to the name of a Job. The error is a warning: the Job keeps its name.
    pub(super) fn rename(&mut self, job: &JobNodes, kept: &HashSet<String>) -> Result<(), Fault> {
        let renamed = name_suffix::new_name(self.nodes, job, kept).map_err(|why| {
            let what = format!("the name cannot have a hash: {why}");
            job.warning(self.nodes.start(job.id), what, "the Job stays as it is")
        })?;
        if let Some((id, name)) = renamed {
            self.change.replace_scalar(id, name);
        }
        Ok(())
    }

    fn is_bare(&self, id: Id) -> bool {
        let properties = self.nodes.properties(id);
        properties.anchor == 0 && properties.tag.is_none()
    }

    fn replace_null(&mut self, null: Id, policy: Policy<'_>) -> Result<(), &'static str> {
        if !self.is_bare(null) {
            return Err("the annotations are null and have an anchor, an alias or a tag");
        }
        if self.changed.insert(null) {
            let filled = self.change.fill_annotations(null, policy);
            filled.ok_or("the annotations have no value and no place for one")?;
        }
        Ok(())
    }
}

/// The nodes that an alias uses for something else than the same part of another Job.
fn shared(nodes: &Nodes<'_>, jobs: &[JobNodes]) -> HashSet<Id> {
    let mut parts = HashMap::new();
    for job in jobs {
        let own_parts = [(Some(job.id), "Job"), (job.metadata, "metadata"), (job.annotations, "annotations")];
        parts.extend(own_parts.into_iter().filter_map(|(id, part)| Some((id?, part))));
    }
    let aliases = (0..nodes.len()).filter(|&id| nodes.kind(id) == Kind::Alias);
    aliases
        .map(|alias| (alias, nodes.resolve(alias)))
        .filter(|(alias, target)| !parts.contains_key(target) || parts.get(alias) != parts.get(target))
        .map(|(_, target)| target)
        .collect()
}

//! Finds out whose name something in the stream uses. Such a Job must keep its name: a pod that waits for it would wait forever.
//!
//! Other objects often have the name of a Job too, so only these places count, outside of the Job itself:
//!
//! - a whole word of `command` or `args`, or of the value of an `env` entry
//! - `resourceNames` of a rule for Jobs
//! - the label `job-name`, also in a selector
//! - `job/NAME`, `job NAME` and the like in a string of a ConfigMap or Secret
//!
//! As KRM function, jobsweep also finds the Jobs that kustomize changes afterwards.

use std::collections::HashSet;
use std::ops::Range;

use super::JOB_NAME_LABELS;
use crate::escape::shortened;
use crate::translate::NameSuffix;
use crate::translate::diagnostic::{Diagnostic, Fault, Problem};
use crate::translate::locate::Locator;
use crate::translate::read::jobs;
use crate::translate::read::nodes::{Id, Nodes};
use crate::translate::read::{prefilter, stream};

/// On a ConfigMap or Secret to whose name kustomize appends a hash after all functions have run, also where the name is used.
const KUSTOMIZE_HASH: &str = "internal.config.kubernetes.io/needsHashSuffix";
const CHANGED_LATER: &str = "the name cannot have a hash: kustomize changes this name later; pipe the output of kustomize to jobsweep";

/// The first use of each name of a Job that would get another one. What is no YAML, or not UTF-8, is an error elsewhere.
pub(crate) fn find(
    input: &[u8],
    options: &NameSuffix,
    locator: &mut Locator<'_>,
) -> Vec<(String, Diagnostic)> {
    let mut names = HashSet::new();
    for (_, text) in documents(input).filter(|(_, text)| prefilter::may_hold_a_job(text)) {
        if let Ok(nodes) = Nodes::read(text) {
            names.extend(jobs_by_name(&nodes).into_iter().map(|(name, _)| name));
        }
    }
    names.retain(|name| !options.keep.contains(name) && !options.rename.contains(name));
    let mut uses = Vec::new();
    for (index, (document, text)) in documents(input).enumerate() {
        if names.is_empty() {
            break;
        }
        let Ok(nodes) = Nodes::read(text) else { continue };
        let used = names_in(&nodes, &names).into_iter().map(|(name, id)| {
            let problem = Problem::NameUsed(shortened(&name).into_owned());
            (name, id, problem)
        });
        let changed = changed_later(&nodes).map(|(name, id)| {
            let problem =
                Problem::Warning { what: CHANGED_LATER.to_owned(), advice: "the Job stays as it is" };
            (name, id, problem)
        });
        for (name, id, problem) in used.chain(changed) {
            if names.remove(&name) {
                let job = matches!(problem, Problem::Warning { .. }).then(|| name.clone());
                let fault = Fault { problem, at: nodes.range(id).start, job };
                uses.push((name, locator.locate(fault, index, document.clone())));
            }
        }
    }
    uses
}

fn documents(input: &[u8]) -> impl Iterator<Item = (Range<usize>, &str)> {
    stream::documents(input).map(|range| (range.clone(), str::from_utf8(&input[range]).unwrap_or_default()))
}

/// The names of the Jobs that could get another one, and the nodes of each.
fn jobs_by_name(nodes: &Nodes<'_>) -> Vec<(String, Range<Id>)> {
    let jobs = jobs::find(nodes).unwrap_or_default();
    let named = jobs.iter().filter_map(|job| Some((job, super::name(nodes, job).ok()??.1)));
    named.map(|(job, name)| (name.to_owned(), job.id..nodes.end(job.id))).collect()
}

/// Where a document uses one of these names.
fn names_in(nodes: &Nodes<'_>, names: &HashSet<String>) -> Vec<(String, Id)> {
    let jobs = jobs_by_name(nodes);
    let is_own = |word: &str, id| jobs.iter().any(|(name, job)| name == word && job.contains(&id));
    let mut found = Vec::new();
    for (value, after_job) in places(nodes) {
        for (id, text) in strings_in(nodes, value) {
            let mut last = "";
            for word in words(text) {
                let counts = !after_job || is_job(last);
                if counts && names.contains(word) && !is_own(word, id) {
                    found.push((word.to_owned(), id));
                }
                last = word;
            }
        }
    }
    found
}

/// Where a Job uses a name that kustomize changes afterwards.
fn changed_later(nodes: &Nodes<'_>) -> impl Iterator<Item = (String, Id)> {
    let generated: HashSet<_> = (0..nodes.len())
        .filter_map(|id| {
            let metadata = nodes.mapping(id)?;
            let annotations = nodes.find(metadata, "annotations")?;
            nodes.find(nodes.mapping(annotations)?, KUSTOMIZE_HASH)?;
            nodes.string(nodes.find(metadata, "name")?)
        })
        .collect();
    jobs_by_name(nodes).into_iter().filter_map(move |(name, job)| {
        let (id, _) = strings_in(nodes, job.start).find(|(_, text)| generated.contains(text))?;
        Some((name, id))
    })
}

/// The values in which names may stand, and whether a name counts there only after a word for a Job.
fn places(nodes: &Nodes<'_>) -> Vec<(Id, bool)> {
    let mut places = Vec::new();
    for mapping in (0..nodes.len()).filter(|&id| nodes.mapping(id) == Some(id)) {
        let value = |key| nodes.find(mapping, key);
        let text = |key| value(key).and_then(|value| nodes.string(value));
        let is_label = |text: &str| JOB_NAME_LABELS.contains(&text);
        let is_config = matches!(text("kind"), Some("ConfigMap" | "Secret"));
        for (key, of_key) in nodes.entries(mapping) {
            let all = |value| (value, false);
            match nodes.string(key) {
                Some("command" | "args") => places.push(all(of_key)),
                Some("env") => places.extend(env_values(nodes, of_key).map(all)),
                Some("resourceNames") if value("resources").is_some_and(|id| has_jobs(nodes, id)) => {
                    places.push(all(of_key));
                }
                Some("values") if text("key").is_some_and(is_label) => places.push(all(of_key)),
                Some(label) if is_label(label) => places.push(all(of_key)),
                Some("data" | "stringData") if is_config => places.push((of_key, true)),
                _ => {}
            }
        }
    }
    places
}

fn env_values(nodes: &Nodes<'_>, env: Id) -> impl Iterator<Item = Id> {
    let entries = nodes.children(nodes.resolve(env)).filter_map(|entry| nodes.mapping(entry));
    entries.filter_map(|entry| nodes.find(entry, "value"))
}

/// Whether the `resources` of a rule include Jobs.
fn has_jobs(nodes: &Nodes<'_>, resources: Id) -> bool {
    strings_in(nodes, resources).any(|(_, resource)| resource == "*" || resource.starts_with("jobs"))
}

/// Whether a word says that a name of a Job follows: `job`, `jobs`, `job.batch`, or the label `job-name`, also as `-ljob-name`.
fn is_job(word: &str) -> bool {
    matches!(word.split('.').next(), Some("job" | "jobs")) || word.ends_with("job-name")
}

/// The strings in a value, and their nodes.
fn strings_in<'n>(nodes: &'n Nodes<'_>, value: Id) -> impl Iterator<Item = (Id, &'n str)> {
    let value = nodes.resolve(value);
    (value..nodes.end(value)).filter_map(|id| Some((id, nodes.string(id)?)))
}

/// The words of a text that may be names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_inside = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_');
    text.split(move |char| !is_inside(char))
        .map(|word| word.trim_matches('.'))
        .filter(|word| !word.is_empty())
}

//! Decides which policy each Job gets, and checks the policies that it has.

use crate::escape::shortened;
use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY, MAX_ANNOTATIONS, unknown_words};
use crate::translate::Options;
use crate::translate::diagnostic::{Fault, Problem};
use crate::translate::read::jobs::Job;
use crate::translate::read::lookup::{Found, Lookup};
use crate::translate::read::nodes::{Id, Kind};
use crate::translate::write::new_entry::Policy;

/// How many unknown words of a policy a message shows.
const MAX_WORDS: usize = 3;

/// Returns the policy to write, if any. The error is a warning: the Job cannot get its policy.
pub(crate) fn missing_policy<'p>(
    lookup: &Lookup<'_, '_>,
    job: &Job,
    default: Option<&'p str>,
) -> Result<Option<Policy<'p>>, Fault> {
    let fault = |problem, at| Fault { problem, at: lookup.nodes.get(at).start, job: job.name.clone() };
    let string_of = |key, found: Found| match lookup.string(found.value()) {
        Some(_) => Ok(()),
        None => Err(fault(Problem::Rejected { key, wanted: "a string" }, found.value())),
    };
    if let Some(found) = job.kots_policy {
        return string_of(KOTS_DELETE_POLICY, found).map(|()| None);
    }
    let policy = match (job.helm_policy, default) {
        (Some(found), _) => string_of(HELM_DELETE_POLICY, found).map(|()| Policy::Own(found))?,
        (None, Some(default)) => Policy::Default(default),
        (None, None) => return Ok(None),
    };
    if job.metadata.and_then(|found| lookup.mapping(found.value())).is_none() {
        return Err(fault(Problem::NoMetadata, job.id));
    }
    let Some(id) = job.annotations.map(Found::value) else { return Ok(Some(policy)) };
    let rejected = |wanted| Err(fault(Problem::Rejected { key: "metadata.annotations", wanted }, id));
    match lookup.mapping(id) {
        None if !lookup.is_null(lookup.nodes.resolve(id)) => rejected("a mapping"),
        Some(annotations) if bytes_of_entries(lookup, annotations) > MAX_ANNOTATIONS => {
            rejected("at most 256 KiB long")
        }
        _ => Ok(Some(policy)),
    }
}

fn bytes_of_entries(lookup: &Lookup<'_, '_>, mapping: Id) -> usize {
    let length = |id| match &lookup.nodes.get(lookup.nodes.resolve(id)).kind {
        Kind::Scalar { value, .. } => value.len(),
        _ => 0,
    };
    lookup.nodes.entries(mapping).map(|(key, value)| length(key) + length(value)).sum()
}

/// Warns of words that are not tokens. With `--strict` they are an error.
pub(crate) fn check_words(
    lookup: &Lookup<'_, '_>,
    job: &Job,
    options: &Options,
    warnings: &mut Vec<Fault>,
) -> Result<(), Fault> {
    let text =
        |found: Option<Found>| found.and_then(|found| Some((found.value(), lookup.string(found.value())?)));
    let (helm, kots) = (text(job.helm_policy), text(job.kots_policy));
    let same = helm.map(|(_, policy)| policy) == kots.map(|(_, policy)| policy);
    for (id, policy) in [helm, kots.filter(|_| !same)].into_iter().flatten() {
        let unknown = unknown_words(policy).count();
        if unknown == 0 {
            continue;
        }
        let shown = unknown_words(policy).take(MAX_WORDS).map(|word| shortened(word).into_owned()).collect();
        let problem = Problem::UnknownWords { shown, more: unknown.saturating_sub(MAX_WORDS) };
        let fault = Fault { problem, at: lookup.nodes.get(id).text.start, job: job.name.clone() };
        if options.strict {
            return Err(fault);
        }
        warnings.push(fault);
    }
    Ok(())
}

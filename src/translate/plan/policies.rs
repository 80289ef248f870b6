//! Decides which policy each Job gets, and checks the policies that it has.

use crate::escape::shortened;
use crate::policy::{DeletePolicy, HELM_DELETE_POLICY, KOTS_DELETE_POLICY};
use crate::translate::Options;
use crate::translate::diagnostic::{Fault, Problem};
use crate::translate::read::jobs::Job;
use crate::translate::read::lookup::{Found, Lookup};
use crate::translate::write::new_entry::Policy;

/// How many unknown words of a policy a message shows.
const MAX_WORDS: usize = 3;

/// The policy that a Job needs: none, its own or the default. The error is a warning: its own cannot be translated.
pub(crate) fn missing_policy<'p>(
    lookup: &Lookup<'_, '_>,
    job: &Job,
    default: Option<&'p str>,
) -> Result<Option<Policy<'p>>, Fault> {
    let fault = |problem, at| Fault { problem, at: lookup.nodes.get(at).start, job: job.name.clone() };
    let string_of = |key, found: Found| match lookup.string(found.value()) {
        Some(_) => Ok(()),
        None => Err(fault(Problem::WrongType { key, wanted: "a string" }, found.value())),
    };
    if let Some(found) = job.kots_policy {
        return string_of(KOTS_DELETE_POLICY, found).map(|()| None);
    }
    if let Some(found) = job.helm_policy {
        return string_of(HELM_DELETE_POLICY, found).map(|()| Some(Policy::Own(found)));
    }
    let Some(default) = default else { return Ok(None) };
    if job.metadata.and_then(|found| lookup.mapping(found.value())).is_none() {
        return Err(fault(Problem::NoMetadata, job.id));
    }
    match job.annotations.map(Found::value) {
        Some(id) if lookup.mapping(id).is_none() && !lookup.is_null(lookup.nodes.resolve(id)) => {
            Err(fault(Problem::WrongType { key: "metadata.annotations", wanted: "a mapping" }, id))
        }
        _ => Ok(Some(Policy::Default(default))),
    }
}

/// Warns of the words that are no tokens. Under `--strict` they are an error.
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
        let policy = DeletePolicy::parse(policy);
        let unknown = policy.unknown().count();
        if unknown == 0 {
            continue;
        }
        let shown = policy.unknown().take(MAX_WORDS).map(|word| shortened(word).into_owned()).collect();
        let problem = Problem::UnknownWords { shown, more: unknown.saturating_sub(MAX_WORDS) };
        let fault = Fault { problem, at: lookup.nodes.get(id).text.start, job: job.name.clone() };
        if options.strict {
            return Err(fault);
        }
        warnings.push(fault);
    }
    Ok(())
}

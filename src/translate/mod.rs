//! The translator: text in, text out.
//!
//! The stream is split into documents (`stream`). Each takes four steps, and most need only the first:
//!
//! 1. `spelling` asks whether the text can hold a Job with a policy at all.
//! 2. `nodes` reads it, or only its `head` if that decides; the simplest heads are read by `simple`, without the parser. `lookup` says
//!    what keys, aliases and merge keys mean, `jobs` finds the Jobs.
//! 3. `insert` plans at which level to add what; `entry` and `twin` word it; `extend` and `lines` find its place.
//! 4. `change` holds what is to happen to text and nodes; `proof` reads the edited text and compares it with that.
//!
//! `places` says where in the stream a problem is, and `peek` is for those who only want a few strings of a document.

mod change;
mod diagnostic;
mod entry;
mod extend;
mod head;
mod insert;
mod jobs;
mod lines;
mod lookup;
mod manifest;
mod nodes;
mod parallel;
mod peek;
mod places;
mod proof;
mod simple;
mod spelling;
mod stream;
mod twin;
mod value;

use std::io::{self, Write};

pub use diagnostic::{Diagnostic, Place, Problem};
pub use manifest::JobManifest;
pub(crate) use peek::{documents, strings};

use self::change::Edit;
use self::entry::Policy;
use self::insert::Inserter;
use self::jobs::{Fault, Job, Sharing};
use self::lookup::{Found, Lookup};
use self::nodes::Nodes;
use self::places::Places;
use crate::policy::{DeletePolicy, HELM_DELETE_POLICY, KOTS_DELETE_POLICY};
pub use value::Value;

/// What the translator does beyond its one job.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The policy for Jobs that have neither annotation.
    pub default_policy: Option<DeletePolicy>,
    /// Whether an unknown word in a policy is an error rather than a warning.
    pub strict: bool,
}

/// A translated stream: the input, and what to insert where.
#[derive(Debug)]
pub struct Translated<'a> {
    input: &'a [u8],
    edits: Vec<Edit>,
    /// What was left alone and should be looked at.
    pub warnings: Vec<Diagnostic>,
}

impl Translated<'_> {
    /// Writes the translated stream. One of nothing but white space gets a `---` line, because Helm 4 refuses a
    /// post-renderer's empty output.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut done = 0;
        for edit in &self.edits {
            out.write_all(&self.input[done..edit.at.start])?;
            out.write_all(edit.text.as_bytes())?;
            done = edit.at.end;
        }
        out.write_all(&self.input[done..])?;
        if self.input.trim_ascii().is_empty() {
            let on_new_line = self.input.is_empty() || self.input.ends_with(b"\n");
            out.write_all(if on_new_line { b"---\n" } else { b"\n---\n" })?;
        }
        out.flush()
    }
}

/// Gives every Job that has `helm.sh/hook-delete-policy` the annotation `kots.io/hook-delete-policy` with the same value.
///
/// ```
/// use jobsweep::translate::{Options, translate};
///
/// let input = "\
/// apiVersion: batch/v1
/// kind: Job
/// metadata:
///   name: migrate
///   annotations:
///     helm.sh/hook-delete-policy: hook-succeeded # keep failures
/// ";
/// let mut output = Vec::new();
/// translate(input.as_bytes(), &Options::default())?.write_to(&mut output)?;
/// assert_eq!(String::from_utf8(output)?, format!("{input}    kots.io/hook-delete-policy: hook-succeeded\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The first problem that makes the result uncertain. A document that cannot hold such a Job is never one.
pub fn translate<'a>(input: &'a [u8], options: &Options) -> Result<Translated<'a>, Diagnostic> {
    if let Some(name) = wide_encoding(input) {
        let fault = Fault { problem: Problem::WideEncoding(name), at: 0, job: None };
        return Err(Places::new(input).diagnose(fault, 0, 0..0));
    }
    let mut candidates = Vec::new();
    let mut not_utf8 = None;
    for (index, range) in stream::documents(input).enumerate() {
        match std::str::from_utf8(&input[range.clone()]) {
            Ok(text) if may_hold_a_job_to_change(text, options) => candidates.push((index, range, text)),
            Ok(_) => {}
            Err(bad) => {
                let at = bad.valid_up_to();
                let problem = Problem::NotUtf8 { byte: range.start + at };
                not_utf8 = Some((Fault { problem, at, job: None }, index, range));
                break;
            }
        }
    }
    let results = parallel::map(&candidates, |(_, range, text)| {
        let mut warnings = Vec::new();
        let edits = document(text, options, &mut warnings)?;
        warnings.sort_by_key(|fault| fault.at);
        Ok((edits.into_iter().map(|edit| edit.moved_by(range.start)).collect::<Vec<_>>(), warnings))
    });
    let mut translated = Translated { input, edits: Vec::new(), warnings: Vec::new() };
    let mut places = Places::new(input);
    for ((index, range, _), result) in candidates.iter().zip(results) {
        let mut diagnose = |fault| places.diagnose(fault, *index, range.clone());
        let (edits, warnings) = result.map_err(&mut diagnose)?;
        translated.edits.extend(edits);
        translated.warnings.extend(warnings.into_iter().map(diagnose));
    }
    match not_utf8 {
        Some((fault, index, range)) => Err(places.diagnose(fault, index, range)),
        None => Ok(translated),
    }
}

/// Whether a document is worth parsing. What spells no Job, or no policy, cannot hold a Job with one.
fn may_hold_a_job_to_change(text: &str, options: &Options) -> bool {
    (options.default_policy.is_some() || spelling::may_hold_a_policy(text)) && spelling::may_hold_a_job(text)
}

/// Translates one document: by its head if that decides, and otherwise as a whole.
fn document(text: &str, options: &Options, warnings: &mut Vec<Fault>) -> Result<Vec<Edit>, Fault> {
    if let Some(head) = head::of(text)
        && let Some(nodes) = simple::read(head).or_else(|| Nodes::read(head).ok())
        && head::decides(&nodes)
    {
        return jobs_of(&nodes, options, warnings);
    }
    let nodes = Nodes::read(text).map_err(|error| Fault::not_yaml(&error, text))?;
    jobs_of(&nodes, options, warnings)
}

/// Translates the Jobs of a document that was read.
fn jobs_of(nodes: &Nodes<'_>, options: &Options, warnings: &mut Vec<Fault>) -> Result<Vec<Edit>, Fault> {
    let lookup = Lookup::new(nodes);
    let jobs = jobs::find(&lookup)?;
    if let Some(mapping) = lookup.gave_up() {
        let holds_it = |job: &&Job| (job.id..nodes.get(job.id).end).contains(&mapping);
        return Err(Fault {
            problem: Problem::CannotExtend("more than 100 merge keys (<<) lead on from it"),
            at: nodes.get(mapping).start,
            job: jobs.iter().find(holds_it).and_then(|job| job.name.clone()),
        });
    }
    let sharing = Sharing::new(&lookup, &jobs);
    let default = options.default_policy.as_ref().map(DeletePolicy::to_string);
    let mut inserter = Inserter::new(&lookup, &sharing);
    for job in &jobs {
        check_tokens(&lookup, job, options, warnings)?;
        match policy_for(&lookup, job, default.as_deref()) {
            Ok(Some(policy)) => inserter.insert(job, policy)?,
            Ok(None) => {}
            Err(warning) => warnings.push(warning),
        }
    }
    let change = inserter.finish();
    if change.is_empty() {
        return Ok(Vec::new());
    }
    change.proven(nodes).ok_or(Fault { problem: Problem::NotProven, at: 0, job: None })
}

/// What to write into a Job: nothing, its own policy or the default; or why its own cannot be translated.
fn policy_for<'p>(
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
        return string_of(HELM_DELETE_POLICY, found).map(|()| Some(Policy::Of(found)));
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

/// Reports the words of a Job's policies that mean nothing to Helm or KOTS.
fn check_tokens(
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
        let unknown: Vec<String> = policy.unknown().map(str::to_owned).collect();
        if unknown.is_empty() {
            continue;
        }
        let problem = Problem::UnknownTokens(unknown);
        let fault = Fault { problem, at: lookup.nodes.get(id).text.start, job: job.name.clone() };
        if options.strict {
            return Err(fault);
        }
        warnings.push(fault);
    }
    Ok(())
}

/// The name of an encoding that is not UTF-8, told by its byte-order mark or by the NULs of its first characters.
fn wide_encoding(input: &[u8]) -> Option<&'static str> {
    Some(match input {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [_, 0, 0, 0, ..] | [0, 0, 0, _, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => "UTF-16",
        _ => return None,
    })
}

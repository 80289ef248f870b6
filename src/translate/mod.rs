//! The filter: manifests in, the same manifests out, where every Job with a Helm delete policy also has the KOTS one.
//!
//! Everything here is pure: text in, text out. [`translate()`] takes each document through these steps:
//!
//! 1. `read::stream` splits the stream into documents.
//! 2. `read::prefilter` skips a document that cannot contain a Job to change. Most documents contain no Job or no policy.
//! 3. `read::nodes` reads the document with the YAML parser. `read::head` cuts it before `spec:` first: if the head is enough to decide, the rest
//!    is not parsed.
//! 4. `read::jobs` finds the Jobs among the nodes. `read::lookup` follows aliases and merge keys.
//! 5. `plan` decides which policy each Job gets, and where. `name_suffix` decides about its name, and `nulls` about the nulls in it.
//! 6. `write::entry` writes the entry: Helm's entry with the KOTS key, or a new one. `write::insert` inserts it into its mapping, in a line that
//!    `write::lines` finds. The result is a `write::change`: the edits of the text, and the values that they add.
//! 7. `read::nodes` reads the edited text, and `proof` compares: the nodes must be those of the input and the added values. If they
//!    differ, nothing is written.
//! 8. `manifests` reads the Jobs from these nodes for `--unblock`.
//!
//! `diagnostic` formats the messages, and `locate` finds their lines. `krm` handles a stream from kustomize or kpt: it reads the options in the
//! stream, and adds the messages to the output.

mod diagnostic;
pub mod krm;
mod locate;
mod manifests;
mod name_suffix;
mod nulls;
mod plan;
mod proof;
mod read;
mod write;

use std::collections::HashSet;
use std::io::{self, Write};

pub use diagnostic::{Diagnostic, Place, Problem};
pub(crate) use locate::TEMPLATE_ANNOTATION;
pub use manifests::JobManifest;
#[cfg(feature = "cleanup")]
pub(crate) use manifests::is_subdomain;
pub use read::value::Value;

use self::diagnostic::Fault;
use self::locate::Locator;
use self::manifests::manifest;
use self::plan::{Plan, check_words, missing_policy, policy_on_template};
use self::read::jobs::JobNodes;
use self::read::nodes::Nodes;
use self::read::{head, jobs, prefilter, stream};
use self::write::change::Edit;
use crate::policy::DeletePolicy;

/// The options of the filter.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The policy for Jobs without a policy of their own.
    pub default_policy: Option<DeletePolicy>,
    /// Whether an unknown word in a policy is an error. Otherwise it is a warning.
    pub strict: bool,
    /// Whether to read the Jobs too, for [`Translated::jobs`].
    pub read_jobs: bool,
    /// Whether to fill the nulls that make an update of a Job fail.
    pub fill_nulls: bool,
    /// Whether the names of plain Jobs get a hash of the Job, and of which ones.
    pub name_suffix: Option<NameSuffix>,
}

/// The user's decisions about names of Jobs. For all others, a Job keeps its name if something in the stream uses it.
#[derive(Debug, Clone, Default)]
pub struct NameSuffix {
    /// These stay.
    pub keep: Vec<String>,
    /// These get a hash.
    pub rename: Vec<String>,
}

impl Options {
    /// Whether a Job without a policy matters too, and more of it than its metadata.
    fn need_whole_jobs(&self) -> bool {
        self.read_jobs || self.fill_nulls || self.name_suffix.is_some()
    }
}

/// A translated stream: the input and its edits.
#[derive(Debug, Default)]
pub struct Translated<'a> {
    input: &'a [u8],
    edits: Vec<Edit>,
    /// The Jobs with a name, with [`Options::read_jobs`].
    pub jobs: Vec<JobManifest>,
    /// A warning for each Job that is not in `jobs`, because it cannot be looked up.
    pub skipped_jobs: Vec<Diagnostic>,
    /// The problems that did not stop the translation.
    pub warnings: Vec<Diagnostic>,
}

impl Translated<'_> {
    /// Writes the translated stream. A stream of only white space gets a `---` line, because Helm 4 refuses empty output from a
    /// post-renderer.
    ///
    /// # Errors
    /// Returns the errors of the writer.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut done = 0;
        for edit in &self.edits {
            out.write_all(&self.input[done..edit.at.start])?;
            out.write_all(edit.text.as_bytes())?;
            done = edit.at.end;
        }
        out.write_all(&self.input[done..])?;
        if self.is_blank() {
            let on_new_line = self.input.is_empty() || self.input.ends_with(b"\n");
            out.write_all(if on_new_line { b"---\n" } else { b"\n---\n" })?;
        }
        out.flush()
    }

    /// Whether the stream is only white space.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.input.trim_ascii().is_empty()
    }
}

/// Gives every Job that has `helm.sh/hook-delete-policy` the annotation `kots.io/hook-delete-policy` with the same value.
///
/// # Errors
/// Returns the first problem that makes the result uncertain. Invalid YAML is ignored in documents that cannot hold such a Job, but
/// the whole stream must be UTF-8.
pub fn translate<'a>(input: &'a [u8], options: &Options) -> Result<Translated<'a>, Diagnostic> {
    let mut locator = Locator::new(input);
    if let Some(name) = wide_encoding(input) {
        let fault = Fault { problem: Problem::WideEncoding(name), at: 0, job: None };
        return Err(locator.locate(fault, 0, 0..0));
    }
    let mut translated = Translated { input, ..Translated::default() };
    let mut kept = HashSet::new();
    if let Some(names) = &options.name_suffix {
        kept.extend(names.keep.iter().cloned());
        for (name, warning) in name_suffix::uses(input, names, &mut locator) {
            if options.strict {
                return Err(warning);
            }
            translated.warnings.push(warning);
            kept.insert(name);
        }
    }
    for (index, range) in stream::documents(input).enumerate() {
        let mut located = |fault| locator.locate(fault, index, range.clone());
        let text = std::str::from_utf8(&input[range.clone()]).map_err(|error| {
            let at = error.valid_up_to();
            located(Fault { problem: Problem::NotUtf8 { byte: range.start + at }, at, job: None })
        })?;
        if !may_matter(text, options) {
            continue;
        }
        let document = translate_document(text, options, &kept).map_err(&mut located)?;
        let moved = |edit: Edit| Edit { at: edit.at.start + range.start..edit.at.end + range.start, ..edit };
        translated.edits.extend(document.edits.into_iter().map(moved));
        for job in document.jobs {
            match job {
                Ok(manifest) => translated.jobs.push(manifest),
                Err(fault) => translated.skipped_jobs.push(located(fault)),
            }
        }
        translated.warnings.extend(document.warnings.into_iter().map(located));
    }
    Ok(translated)
}

/// Whether a document may hold a Job to change or to read.
fn may_matter(text: &str, options: &Options) -> bool {
    let every_job = options.default_policy.is_some() || options.need_whole_jobs();
    (every_job || prefilter::may_hold_a_policy(text)) && prefilter::may_hold_a_job(text)
}

/// What the translation of a document gives.
#[derive(Default)]
struct Document {
    edits: Vec<Edit>,
    warnings: Vec<Fault>,
    /// The Jobs, or why one cannot be looked up.
    jobs: Vec<Result<JobManifest, Fault>>,
}

/// Translates one document, by its head if that is enough.
fn translate_document(text: &str, options: &Options, kept: &HashSet<String>) -> Result<Document, Fault> {
    let may_decide =
        |head: &&str| !options.need_whole_jobs() && !prefilter::may_hold_a_policy(&text[head.len()..]);
    match head::of(text).filter(may_decide).map(Nodes::read) {
        Some(Ok(nodes)) if head::decides(&nodes) => translate_nodes(&nodes, options, kept),
        _ => translate_nodes(&Nodes::read(text)?, options, kept),
    }
}

/// Gives every Job of a document its policy and its name. `kept` has the names that stay.
fn translate_nodes(nodes: &Nodes<'_>, options: &Options, kept: &HashSet<String>) -> Result<Document, Fault> {
    let mut document = Document::default();
    let jobs = jobs::find(nodes)?;
    let default = options.default_policy.as_ref().map(DeletePolicy::to_string);
    let mut plan = Plan::new(nodes, &jobs);
    for job in &jobs {
        check_words(nodes, job, options, &mut document.warnings)?;
        document.warnings.extend(policy_on_template(nodes, job));
        match missing_policy(nodes, job, default.as_deref()) {
            Ok(Some(policy)) => plan.add(job, policy)?,
            Ok(None) => {}
            // The Job stays without a policy.
            Err(warning) => document.warnings.push(warning),
        }
        if options.fill_nulls {
            nulls::fill(nodes, job, &mut plan, &mut document.warnings);
        }
        if options.name_suffix.is_some() {
            document.warnings.extend(plan.rename(job, kept).err());
        }
    }
    document.warnings.sort_by_key(|fault| fault.at);
    let mut change = plan.change;
    if change.edits.is_empty() {
        document.jobs = read_jobs(nodes, nodes, &jobs, options)?;
    } else {
        let output = change.apply().ok_or(Fault::NOT_PROVEN)?;
        let output = Nodes::read(&output).map_err(|_| Fault::NOT_PROVEN)?;
        if !proof::is_proven(&change, &output) {
            return Err(Fault::NOT_PROVEN);
        }
        document.edits = change.edits;
        document.jobs = read_jobs(nodes, &output, &jobs, options)?;
    }
    Ok(document)
}

/// The Jobs of the edited text, if they are asked for, or why one cannot be looked up. `jobs` are those of the input.
fn read_jobs(
    input: &Nodes<'_>,
    output: &Nodes<'_>,
    jobs: &[JobNodes],
    options: &Options,
) -> Result<Vec<Result<JobManifest, Fault>>, Fault> {
    if !options.read_jobs {
        return Ok(Vec::new());
    }
    let edited = jobs::find(output)?;
    let manifests = edited.iter().zip(jobs).map(|(job, original)| {
        manifest(output, job.id).map_err(|why| {
            let what = format!("cannot look up the Job in the cluster: {why}");
            original.warning(input.start(original.id), what, "--unblock passes it through unchecked")
        })
    });
    Ok(manifests.collect())
}

/// The documents of a stream, split as the filter splits them.
pub(crate) fn documents(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    stream::documents(stream).map(|range| &stream[range])
}

/// The string of a document at a path of keys. None if there is none, or the document is not YAML.
pub(crate) fn string_at(document: &[u8], path: &[&str]) -> Option<String> {
    let nodes = Nodes::read(std::str::from_utf8(document).ok()?).ok()?;
    nodes.string_at(path).map(str::to_owned)
}

/// Recognizes UTF-16 and UTF-32 by a byte-order mark or by the NULs around the first character.
fn wide_encoding(input: &[u8]) -> Option<&'static str> {
    Some(match input {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [_, 0, 0, 0, ..] | [0, 0, 0, _, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => "UTF-16",
        _ => return None,
    })
}

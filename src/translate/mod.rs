//! The filter: manifests in, the same manifests out, where every Job with a Helm delete policy also has the KOTS one.
//!
//! Everything here is pure: text in, text out. A stream is processed in these steps:
//!
//! 1. `read::stream` splits it into documents.
//! 2. `read::prefilter` says which documents cannot contain a Job to change, and `scan` skips them. Most documents contain no Job or no
//!    policy, so most are skipped.
//! 3. `read::head` cuts the document before `spec:`. If the head is enough to decide, the rest is not parsed. `read::line_reader` reads
//!    a simple head. `read::nodes` reads everything else with a YAML parser.
//! 4. `read::jobs` finds the Jobs among the nodes. `read::lookup` follows aliases and merge keys.
//! 5. `plan::policies` decides which policy each Job gets. `plan::insert` decides in which mapping. `plan::sharing`
//!    tells which mappings the Job shares with something else.
//! 6. `write::copied_annotation` repeats Helm's entry with the KOTS key. `write::new_entry` writes an entry where that is not
//!    possible: for a default policy, and for a policy in shared metadata. `write::extend` inserts the entry into the mapping. The
//!    result is a `write::change`: the edits of the text, and the nodes that the edited text must have.
//! 7. `proof` parses the edited text and compares its nodes with the expected nodes. If they differ, nothing is written.
//!
//! In the program, steps 1 and 2 happen while the stream is still being read.
//!
//! Supporting modules: `parallel` runs steps 3 to 7 on many documents at once, `diagnostic` formats the messages, `locate`
//! finds their lines, and `query` reads single strings for `inject`. `jobs_for_unblock` reads the Jobs of the translated stream for
//! `--unblock`. `krm` handles a stream from kustomize or kpt: it reads the
//! options in the stream, and adds the messages to the output.

mod diagnostic;
mod jobs_for_unblock;
pub mod krm;
mod locate;
mod parallel;
mod plan;
mod proof;
mod query;
mod read;
mod scan;
mod write;

use std::io::{self, Write};
use std::iter;

pub use diagnostic::{Diagnostic, Place, Problem};
pub use jobs_for_unblock::JobManifest;
#[cfg(feature = "cleanup")]
pub(crate) use jobs_for_unblock::is_subdomain;
pub(crate) use locate::TEMPLATE_ANNOTATION;
pub(crate) use query::{documents, strings};
pub use read::value::Value;
pub(crate) use scan::Scan;

use memchr::memmem;

use self::diagnostic::Fault;
use self::locate::Locator;
use self::plan::insert::Inserter;
use self::plan::policies::{check_words, missing_policy};
use self::plan::sharing::Sharing;
use self::read::jobs::{self, Job};
use self::read::lookup::{Lookup, MAX_MERGES};
use self::read::nodes::Nodes;
use self::read::{head, line_reader};
use self::write::change::Edit;
use crate::policy::DeletePolicy;

/// The options of the filter.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The policy for Jobs without a policy of their own.
    pub default_policy: Option<DeletePolicy>,
    /// Whether an unknown word in a policy is an error. Otherwise it is a warning.
    pub strict: bool,
}

/// The longest object to parse. The API server accepts 3 MiB, so this leaves room for comments and escapes.
const MAX_OBJECT: usize = 16 << 20;

/// A translated stream: the input and its edits.
#[derive(Debug)]
pub struct Translated<'a> {
    input: &'a [u8],
    edits: Vec<Edit>,
    /// The index of the document of each edit.
    document_of_edit: Vec<usize>,
    /// The problems that did not stop the translation.
    pub warnings: Vec<Diagnostic>,
}

impl Translated<'_> {
    /// Writes the translated stream.
    ///
    /// # Errors
    /// Returns the errors of the writer.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        for piece in self.pieces() {
            let (Piece::Kept(bytes) | Piece::Inserted(bytes)) = piece;
            out.write_all(bytes)?;
        }
        out.flush()
    }
}

impl<'a> Translated<'a> {
    /// The translated stream, piece by piece. A stream of only white space gets a `---` line, because Helm 4 refuses empty output
    /// from a post-renderer.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece<'_, 'a>> {
        let mut done = 0;
        let edited = self.edits.iter().flat_map(move |edit| {
            let kept = &self.input[done..edit.at.start];
            done = edit.at.end;
            [Piece::Kept(kept), Piece::Inserted(edit.text.as_bytes())]
        });
        let rest = &self.input[self.edits.last().map_or(0, |edit| edit.at.end)..];
        let only_white_space = self.input.trim_ascii().is_empty();
        let on_new_line = self.input.is_empty() || self.input.ends_with(b"\n");
        let marker: &[u8] = if on_new_line { b"---\n" } else { b"\n---\n" };
        edited.chain([Piece::Kept(rest)]).chain(only_white_space.then_some(Piece::Inserted(marker)))
    }
}

/// A piece of a translated stream.
pub(crate) enum Piece<'t, 'a> {
    /// Bytes of the input.
    Kept(&'a [u8]),
    Inserted(&'t [u8]),
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
/// Returns the first problem that makes the result uncertain. Invalid YAML is ignored in documents that cannot hold such a Job, but
/// the whole stream must be UTF-8.
pub fn translate<'a>(input: &'a [u8], options: &Options) -> Result<Translated<'a>, Diagnostic> {
    translate_scanned(input, Scan::default(), options)
}

/// Like [`translate`], for a stream that was partly scanned while it was read.
pub(crate) fn translate_scanned<'a>(
    input: &'a [u8],
    scan: Scan,
    options: &Options,
) -> Result<Translated<'a>, Diagnostic> {
    if let Some(name) = wide_encoding(input) {
        let fault = Fault { problem: Problem::WideEncoding(name), at: 0, job: None };
        return Err(Locator::new(input).locate(fault, 0, 0..0));
    }
    let Scan { candidates, not_utf8, .. } = scan.finish(input, options);
    let results = parallel::map(&candidates, |(_, range)| {
        // The scan has checked that the candidates are UTF-8.
        let text = std::str::from_utf8(&input[range.clone()]).map_err(|_| Fault::NOT_PROVEN)?;
        let mut warnings = Vec::new();
        let edits = translate_document(text, options, &mut warnings)?;
        warnings.sort_by_key(|fault| fault.at);
        Ok((edits.into_iter().map(|edit| edit.moved_by(range.start)).collect::<Vec<_>>(), warnings))
    });
    let mut translated =
        Translated { input, edits: Vec::new(), document_of_edit: Vec::new(), warnings: Vec::new() };
    let mut locator = Locator::new(input);
    for ((index, range), result) in candidates.iter().zip(results) {
        let mut located = |fault| locator.locate(fault, *index, range.clone());
        let (edits, warnings) = result.map_err(&mut located)?;
        translated.document_of_edit.extend(iter::repeat_n(*index, edits.len()));
        translated.edits.extend(edits);
        translated.warnings.extend(warnings.into_iter().map(located));
    }
    match not_utf8 {
        Some((index, range, at)) => {
            let problem = Problem::NotUtf8 { byte: range.start + at };
            Err(locator.locate(Fault { problem, at, job: None }, index, range))
        }
        None => Ok(translated),
    }
}

/// Translates one document, by its head if that is enough.
fn translate_document(text: &str, options: &Options, warnings: &mut Vec<Fault>) -> Result<Vec<Edit>, Fault> {
    if let Some(head) = head::of(text) {
        check_length(head)?;
        if let Some(nodes) = line_reader::read(head).or_else(|| Nodes::read(head).ok()) {
            let lookup = Lookup::new(&nodes);
            if head::decides(&lookup) {
                return edits_for_jobs(&lookup, options, warnings);
            }
        }
    }
    check_length(text)?;
    let nodes = Nodes::read(text).map_err(|error| Fault::not_yaml(&error, text))?;
    edits_for_jobs(&Lookup::new(&nodes), options, warnings)
}

/// Rejects an object that is too long, because its nodes would take too much memory.
fn check_length(text: &str) -> Result<(), Fault> {
    if is_too_long(text) {
        return Err(Fault { problem: Problem::TooLong, at: 0, job: None });
    }
    Ok(())
}

/// Whether a text is too long for an object, and is not a list of objects.
fn is_too_long(text: &str) -> bool {
    let may_be_list = || memmem::find(text.as_bytes(), b"items").is_some();
    text.len() > MAX_OBJECT && !may_be_list()
}

/// Rejects a document in which a mapping merges more mappings than a lookup follows.
fn check_merges(lookup: &Lookup<'_, '_>, jobs: &[Job]) -> Result<(), Fault> {
    if let Some(mapping) = lookup.mapping_with_too_many_merges() {
        let is_inside = |job: &&Job| (job.id..lookup.nodes.get(job.id).end).contains(&mapping);
        return Err(Fault {
            problem: Problem::CannotExtend(
                format!("this mapping merges more than {MAX_MERGES} others (<<)").into(),
            ),
            at: lookup.nodes.get(mapping).start,
            job: jobs.iter().find(is_inside).and_then(|job| job.name.clone()),
        });
    }
    Ok(())
}

/// The edits that give every Job of a document its policy.
fn edits_for_jobs(
    lookup: &Lookup<'_, '_>,
    options: &Options,
    warnings: &mut Vec<Fault>,
) -> Result<Vec<Edit>, Fault> {
    let jobs = jobs::find(lookup)?;
    check_merges(lookup, &jobs)?;
    let sharing = Sharing::new(lookup, &jobs);
    let default = options.default_policy.as_ref().map(DeletePolicy::to_string);
    let mut inserter = Inserter::new(lookup, &sharing);
    for job in &jobs {
        check_words(lookup, job, options, warnings)?;
        match missing_policy(lookup, job, default.as_deref()) {
            Ok(Some(policy)) => inserter.insert(job, policy)?,
            Ok(None) => {}
            // The Job stays as it is.
            Err(warning) => warnings.push(warning),
        }
    }
    let change = inserter.finish();
    if change.is_empty() {
        return Ok(Vec::new());
    }
    proof::prove(change, lookup.nodes).ok_or(Fault::NOT_PROVEN)
}

/// Recognizes UTF-16 and UTF-32 by a byte-order mark or by the NULs around the first character.
fn wide_encoding(input: &[u8]) -> Option<&'static str> {
    Some(match input {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [_, 0, 0, 0, ..] | [0, 0, 0, _, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => "UTF-16",
        _ => return None,
    })
}

//! The problems of an input, with their place and advice.

use std::fmt;

use granit_parser::ScanError;

use crate::escape::shortened;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The input is UTF-16 or UTF-32. Kubernetes manifests are UTF-8.
    WideEncoding(&'static str),
    /// The input is not UTF-8.
    NotUtf8 {
        /// The offset of the first bad byte in the stream.
        byte: usize,
    },
    /// A document that may hold a Job with a policy is not YAML.
    NotYaml(String),
    /// A document that may hold a Job with a policy is longer than any object that the API server accepts, and is not a list.
    TooLong,
    /// A key that identifies a Job or its policy appears more than once in a mapping.
    DuplicateKey(&'static str),
    /// A merge key sets such a key, and an explicit entry above it sets the same key. YAML libraries differ in which value they take.
    ContestedKey(&'static str),
    /// A delete policy has words that are not tokens. This is a warning without `--strict`.
    UnknownWords {
        /// The first words, each shortened.
        shown: Vec<String>,
        /// The number of the other words.
        more: usize,
    },
    /// No entry can be added, because an anchor or a merge key shares the metadata of the Job with something else.
    CannotExtend(&'static str),
    /// Something uses this name of a Job, which therefore gets no hash. This is a warning without `--strict`.
    NameUsed(String),
    /// A `ResourceList` is not what the specification of KRM functions says.
    ResourceList(&'static str),
    /// The `functionConfig` of a `ResourceList` has no usable options.
    FunctionConfig(String),
    /// The edited document does not read back as the input plus the annotation. This is a bug in jobsweep.
    NotProven,
    /// A problem that is always a warning.
    Warning {
        /// What is wrong.
        what: String,
        /// What to do.
        advice: &'static str,
    },
}

impl Problem {
    /// What is wrong, and what to do.
    pub(crate) fn what_and_advice(&self) -> (String, &'static str) {
        match self {
            Self::WideEncoding(name) => (format!("the input is {name}, not UTF-8"), "convert it to UTF-8"),
            Self::NotUtf8 { byte } => {
                (format!("the input is not UTF-8 at byte {byte}"), "convert it to UTF-8")
            }
            Self::NotYaml(why) => (format!("invalid YAML: {why}"), "fix the document or its template"),
            Self::TooLong => (
                "the object has more than 16 MiB, and the API server accepts at most 3 MiB".to_owned(),
                "fix the document or its template",
            ),
            Self::DuplicateKey(key) => (format!("duplicate key {key}"), "remove one"),
            Self::ContestedKey(key) => (
                format!("the merge key (<<) below {key} also sets {key}"),
                "move the merge key above it, where every YAML library prefers the explicit key",
            ),
            Self::UnknownWords { shown, more } => {
                let quoted: Vec<String> = shown.iter().map(|word| format!("{word:?}")).collect();
                let noun = if shown.len() + more == 1 { "word" } else { "words" };
                let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
                (
                    format!("the delete policy has the unknown {noun} {}{more}", quoted.join(", ")),
                    "use a comma-separated list of hook-succeeded, hook-failed and before-hook-creation",
                )
            }
            Self::CannotExtend(why) => (
                format!("cannot add the annotation here: {why}"),
                "add kots.io/hook-delete-policy to the Job yourself",
            ),
            Self::NameUsed(name) => (
                format!("the name of Job {name:?} is used here, so it cannot have a hash"),
                "use --keep-name NAME if this means the Job, or --rename NAME if it means something else",
            ),
            Self::ResourceList(why) => (
                format!("the ResourceList is not valid: {why}"),
                "give jobsweep what kustomize or kpt writes",
            ),
            Self::FunctionConfig(why) => (
                format!("the functionConfig is not valid: {why}"),
                "the options are default-policy, strict and nameSuffixHash, in the data of a ConfigMap or in the spec of a Jobsweep",
            ),
            Self::NotProven => (
                "the translated document does not read back as expected".to_owned(),
                "this is a bug in jobsweep: report it with this document",
            ),
            Self::Warning { what, advice } => (what.clone(), advice),
        }
    }
}

/// A problem at a byte of a document.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) problem: Problem,
    pub(crate) at: usize,
    pub(crate) job: Option<String>,
}

impl Fault {
    pub(crate) const NOT_PROVEN: Self = Self { problem: Problem::NotProven, at: 0, job: None };

    pub(crate) fn not_yaml(error: &ScanError, text: &str) -> Self {
        let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
        Self { problem: Problem::NotYaml(shortened(&error.info()).into_owned()), at, job: None }
    }
}

/// The place of a problem in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The number of the document, from 1.
    pub document: usize,
    /// The template of the chart, from the `# Source:` comment of Helm 3 or the filename annotation of Helm 4.
    pub source: Option<String>,
    /// The offset in the whole stream.
    pub byte: usize,
    /// The name of the Job, if known.
    pub job: Option<String>,
    /// The line in the whole stream, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line of the problem. An ellipsis marks where it is cut.
    pub snippet: String,
    /// The number of characters of the snippet before the problem.
    pub indent: usize,
}

/// An error or a warning, displayed as one line with a snippet below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub problem: Problem,
    /// Where it is.
    pub place: Box<Place>,
}

impl Diagnostic {
    /// What is wrong and what to do, without the place.
    #[must_use]
    pub fn message(&self) -> String {
        let (what, advice) = self.problem.what_and_advice();
        format!("{what}; {advice}")
    }
}

impl std::error::Error for Diagnostic {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { document, source, job, line, column, snippet, indent, byte: _ } = &*self.place;
        write!(f, "document {document}")?;
        if let Some(source) = source {
            write!(f, " ({source})")?;
        }
        if let Some(job) = job {
            write!(f, ", Job {job:?}")?;
        }
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        write!(f, ", line {line}:{column}: {}", self.message())?;
        if matches!(self.problem, Problem::WideEncoding(_)) {
            return Ok(());
        }
        writeln!(f)?;
        writeln!(f, " {number} | {snippet}")?;
        write!(f, " {margin} | {:indent$}^", "")
    }
}

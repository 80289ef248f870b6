//! What can be wrong with an input, where, and what to do about it.

use std::fmt;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The input is UTF-16 or UTF-32; Kubernetes manifests are UTF-8.
    WideEncoding(&'static str),
    /// The input is not UTF-8 at this byte (0-based, in the whole input).
    NotUtf8 {
        /// The offset of the first bad byte.
        byte: usize,
    },
    /// A document that may hold a Job with a policy is not YAML.
    NotYaml(String),
    /// A key that decides stands twice in one mapping.
    DuplicateKey(&'static str),
    /// A merge key after a key that decides brings that key too; YAML libraries differ in which one wins.
    ContestedKey(&'static str),
    /// A delete policy has words that are none of the known tokens. An error only under `--strict`.
    UnknownTokens(Vec<String>),
    /// A delete policy, or the annotations themselves, is not of the type that the API server accepts. Only a warning.
    WrongType {
        /// The key whose value it is.
        key: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A Job without metadata can take no annotation. Only a warning.
    NoMetadata,
    /// The Job shares its text with something else in a way that has no small rewrite.
    CannotExtend(&'static str),
    /// `--unblock` cannot look the Job up in the cluster. Only a warning.
    NotLookedUp(&'static str),
    /// The edited document did not read back as the input plus the annotation: a fault of jobsweep.
    NotProven,
}

impl Problem {
    fn advice(&self) -> &'static str {
        match self {
            Self::WideEncoding(_) | Self::NotUtf8 { .. } => "convert the input to UTF-8",
            Self::NotYaml(_) => "mend the document, or the template that made it",
            Self::DuplicateKey(_) => "leave one of them",
            Self::ContestedKey(_) => {
                "write the merge key first, then all YAML libraries let the other one win"
            }
            Self::UnknownTokens(_) => {
                "use a comma list of hook-succeeded, hook-failed and before-hook-creation"
            }
            Self::WrongType { wanted: "a string", .. } => {
                "put a policy there, in quotes: the API server refuses the Job as it is, and nothing was added"
            }
            Self::WrongType { .. } | Self::NoMetadata => {
                "mend the template that made it: the API server refuses the Job as it is, and nothing was added"
            }
            Self::CannotExtend(_) => "write the kots.io/hook-delete-policy annotation into the Job yourself",
            Self::NotLookedUp(_) => "--unblock passes it through, and whoever applies it decides",
            Self::NotProven => "this is a fault of jobsweep: please report it with this document",
        }
    }
}

/// How many unknown words of a policy are shown.
const SHOWN: usize = 3;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WideEncoding(name) => write!(f, "the input is {name}, not UTF-8"),
            Self::NotUtf8 { byte } => write!(f, "the input is not UTF-8 at byte {byte}"),
            Self::NotYaml(why) => write!(f, "not valid YAML: {why}"),
            Self::DuplicateKey(key) => write!(f, "the key {key} stands twice in one mapping"),
            Self::ContestedKey(key) => write!(f, "the merge key (<<) below {key} brings {key} too"),
            Self::UnknownTokens(words) => {
                let shown: Vec<String> = words.iter().take(SHOWN).map(|word| format!("{word:?}")).collect();
                let words_are = if words.len() == 1 { "an unknown word" } else { "unknown words" };
                write!(f, "the delete policy has {words_are} {}", shown.join(", "))?;
                match words.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::WrongType { key, wanted } => write!(f, "{key} is not {wanted}"),
            Self::NoMetadata => write!(f, "the Job has no metadata"),
            Self::CannotExtend(why) => write!(f, "the annotation has no place here: {why}"),
            Self::NotLookedUp(why) => f.write_str(why),
            Self::NotProven => write!(f, "the translated document does not read back as it should"),
        }
    }
}

/// Where in the stream a problem lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The 1-based number of the document.
    pub document: usize,
    /// The chart's file, from a `# Source:` line or Helm 4's filename annotation.
    pub source: Option<String>,
    /// The Job's name, if it is known.
    pub job: Option<String>,
    /// 1-based, in the whole stream.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// The offending line, cut to a readable length.
    pub snippet: String,
    /// How many characters of the snippet stand before the problem.
    pub indent: usize,
}

/// A problem and its place: an error, or a warning. Displayed as one line and a snippet below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub problem: Problem,
    /// Where.
    pub place: Box<Place>,
}

impl std::error::Error for Diagnostic {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { document, source, job, line, column, snippet, indent } = &*self.place;
        write!(f, "document {document}")?;
        if let Some(source) = source {
            write!(f, " ({source})")?;
        }
        if let Some(job) = job {
            write!(f, ", Job {job:?}")?;
        }
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let (problem, advice) = (&self.problem, self.problem.advice());
        write!(f, ", line {line}:{column}: {problem}; {advice}")?;
        if matches!(problem, Problem::WideEncoding(_)) {
            return Ok(());
        }
        writeln!(f)?;
        writeln!(f, " {number} | {snippet}")?;
        write!(f, " {margin} | {:indent$}^", "")
    }
}

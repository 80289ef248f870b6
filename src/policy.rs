//! The delete policy: which annotation carries it, what it names, and what it decides.
//!
//! Everything here is pure and shared by all modes.
//!
//! The rule is KOTS's: a Job annotated with [`KOTS_DELETE_POLICY`] is deleted once it has ended in a way
//! that the annotation's comma list names. Helm's own annotation, [`HELM_DELETE_POLICY`], has the same syntax.

use std::fmt;
use std::str::FromStr;

use crate::escape::quoted;

/// Helm's annotation on a hook: when Helm deletes it.
pub const HELM_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
/// KOTS's annotation on a Job: after which outcome it is deleted. The cleanup obeys this one.
pub const KOTS_DELETE_POLICY: &str = "kots.io/hook-delete-policy";
/// Our own annotation on a Job: `"true"` keeps the Job: no mode waits for it or deletes it.
pub const IGNORE: &str = "jobsweep.io/ignore";
/// The environment variable that carries the UID of the Job that the cleanup runs in.
pub const OWN_JOB_UID: &str = "JOBSWEEP_OWN_JOB_UID";

/// How many bytes of annotations the API server accepts for one object: `TotalAnnotationSizeLimitB` in `k8s.io/apimachinery`.
pub(crate) const MAX_ANNOTATIONS: usize = 256 * 1024;

/// The word for: delete after success.
pub const HOOK_SUCCEEDED: &str = "hook-succeeded";
/// The word for: delete after failure.
pub const HOOK_FAILED: &str = "hook-failed";
/// The word for: delete before the next run. It is Helm's default, and names no outcome.
pub const BEFORE_HOOK_CREATION: &str = "before-hook-creation";

/// How a finished Job ended: its terminal condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Condition `Complete` is `True`.
    Succeeded,
    /// Condition `Failed` is `True`.
    Failed,
}

impl Outcome {
    /// Every way to end.
    pub const ALL: [Outcome; 2] = [Outcome::Succeeded, Outcome::Failed];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
        })
    }
}

/// A delete policy as written: a comma list of words, blanks around each ignored.
///
/// ```
/// use jobsweep::policy::{DeletePolicy, Outcome};
///
/// let policy = DeletePolicy::parse("before-hook-creation, hook-succeeded");
/// assert!(policy.names(Outcome::Succeeded));
/// assert!(!policy.names(Outcome::Failed));
/// assert_eq!(policy.unknown().count(), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeletePolicy(String);

impl DeletePolicy {
    /// Takes an annotation's value. Any text is accepted. [`Self::unknown`] lists the words that are not known.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        Self(value.to_owned())
    }

    /// Exactly what was written.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.0
    }

    /// Whether the policy lists this word.
    #[must_use]
    pub fn lists(&self, word: &str) -> bool {
        self.words().any(|listed| listed == word)
    }

    /// Whether a Job that ended so is to be deleted.
    #[must_use]
    pub fn names(&self, outcome: Outcome) -> bool {
        self.lists(match outcome {
            Outcome::Succeeded => HOOK_SUCCEEDED,
            Outcome::Failed => HOOK_FAILED,
        })
    }

    /// Whether any outcome at all makes this policy delete a Job. The cleanup never waits for a Job whose policy names none.
    #[must_use]
    pub fn names_any_outcome(&self) -> bool {
        self.names(Outcome::Succeeded) || self.names(Outcome::Failed)
    }

    /// The words that are not known.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.words().filter(|word| ![HOOK_SUCCEEDED, HOOK_FAILED, BEFORE_HOOK_CREATION].contains(word))
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').map(str::trim)
    }
}

/// A policy given by the user rather than a chart: it names at least one outcome, and nothing unknown.
impl FromStr for DeletePolicy {
    type Err = String;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let policy = Self::parse(value);
        if let Some(word) = policy.unknown().next() {
            let known = "hook-succeeded, hook-failed, before-hook-creation";
            return Err(format!("{} is none of {known}", quoted(word)));
        }
        if !policy.names_any_outcome() {
            let why = "it names neither hook-succeeded nor hook-failed, so no Job would ever be swept";
            return Err(why.to_owned());
        }
        Ok(policy)
    }
}

/// The comma list without the blanks.
impl fmt::Display for DeletePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(","))
    }
}

/// The policy for Jobs that have none. An empty text is no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultPolicy(pub Option<DeletePolicy>);

impl FromStr for DefaultPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|policy| Self(Some(policy))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_exactly_the_outcomes_it_lists() {
        for (value, succeeded, failed) in [
            ("hook-succeeded", true, false),
            ("hook-failed", false, true),
            ("hook-succeeded,hook-failed", true, true),
            ("hook-failed, hook-succeeded", true, true),
            (" hook-failed\n", false, true),
            ("before-hook-creation", false, false),
            ("before-hook-creation,hook-failed", false, true),
            ("", false, false),
            ("not-hook-succeeded", false, false),
            ("hook-succeeded null", false, false),
            ("Hook-Succeeded", false, false),
        ] {
            let policy = DeletePolicy::parse(value);
            assert_eq!(policy.names(Outcome::Succeeded), succeeded, "{value:?} and success");
            assert_eq!(policy.names(Outcome::Failed), failed, "{value:?} and failure");
        }
    }

    #[test]
    fn unknown_words_are_kept_as_written() {
        let unknown =
            |value: &str| -> Vec<_> { DeletePolicy::parse(value).unknown().map(str::to_owned).collect() };
        assert_eq!(unknown("hook-succeeded, later"), ["later"]);
        assert_eq!(unknown("hook-succeeded,"), [""]);
        assert!(unknown("before-hook-creation").is_empty());
    }

    #[test]
    fn a_users_policy_must_be_able_to_sweep() {
        assert!("hook-succeeded, hook-failed".parse::<DeletePolicy>().is_ok());
        assert!("before-hook-creation".parse::<DeletePolicy>().is_err());
        assert!("hook-suceeded".parse::<DeletePolicy>().is_err());
    }

    #[test]
    fn a_policy_is_displayed_as_a_comma_list_in_its_written_order() {
        let policy = DeletePolicy::parse("later , hook-failed , hook-succeeded");
        assert_eq!(policy.to_string(), "later,hook-failed,hook-succeeded");
        assert_eq!(policy.as_written(), "later , hook-failed , hook-succeeded");
    }
}

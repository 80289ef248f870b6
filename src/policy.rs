//! The delete policy: which annotation carries it, what it names, and what it decides.
//!
//! Everything here is pure and shared by the filter and the cleanup.
//!
//! The rule is KOTS's: a Job annotated with [`KOTS_DELETE_POLICY`] is deleted once it has ended in a way
//! that the annotation's comma list names. Helm's own annotation, [`HELM_DELETE_POLICY`], has the same syntax.

use std::fmt;
use std::str::FromStr;

/// Helm's annotation on a hook: when Helm deletes it.
pub const HELM_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
/// KOTS's annotation on a Job: after which outcome it is deleted. The cleanup obeys this one.
pub const KOTS_DELETE_POLICY: &str = "kots.io/hook-delete-policy";
/// Our own annotation on a Job: `"true"` makes the cleanup neither wait for the Job nor delete it.
pub const IGNORE: &str = "jobsweep.io/ignore";

/// One known word of a delete policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// `hook-succeeded`: delete after success.
    HookSucceeded,
    /// `hook-failed`: delete after failure.
    HookFailed,
    /// `before-hook-creation`: delete before the next run; Helm's default. Names no outcome.
    BeforeHookCreation,
}

impl Token {
    const ALL: [Token; 3] = [Token::HookSucceeded, Token::HookFailed, Token::BeforeHookCreation];

    /// The word as it stands in an annotation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Token::HookSucceeded => "hook-succeeded",
            Token::HookFailed => "hook-failed",
            Token::BeforeHookCreation => "before-hook-creation",
        }
    }
}

/// How a finished Job ended: its terminal condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// A delete policy as written: a comma list of tokens, blanks around each ignored, unknown ones kept aside.
///
/// ```
/// use jobsweep::policy::{DeletePolicy, Outcome};
///
/// let policy = DeletePolicy::parse("before-hook-creation, hook-succeeded");
/// assert!(policy.names(Outcome::Succeeded));
/// assert!(!policy.names(Outcome::Failed));
/// assert!(policy.unknown().is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletePolicy {
    tokens: Vec<Token>,
    unknown: Vec<String>,
}

impl DeletePolicy {
    /// Reads an annotation's value. Every text is a policy; what it means nothing by is in [`Self::unknown`].
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let mut policy = Self::default();
        for word in value.split(',').map(str::trim) {
            match Token::ALL.into_iter().find(|token| token.as_str() == word) {
                Some(token) => policy.tokens.push(token),
                None => policy.unknown.push(word.to_owned()),
            }
        }
        policy
    }

    /// Whether the policy lists this token.
    #[must_use]
    pub fn lists(&self, token: Token) -> bool {
        self.tokens.contains(&token)
    }

    /// Whether a Job that ended so is to be deleted.
    #[must_use]
    pub fn names(&self, outcome: Outcome) -> bool {
        self.lists(match outcome {
            Outcome::Succeeded => Token::HookSucceeded,
            Outcome::Failed => Token::HookFailed,
        })
    }

    /// Whether any outcome at all makes this policy delete a Job. One that names none is never waited for.
    #[must_use]
    pub fn names_any_outcome(&self) -> bool {
        self.names(Outcome::Succeeded) || self.names(Outcome::Failed)
    }

    /// The words that are no token, as written.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }
}

/// A policy given by the user rather than a chart: it names at least one outcome, and nothing unknown.
impl FromStr for DeletePolicy {
    type Err = String;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let policy = Self::parse(value);
        match policy.unknown() {
            [] if policy.names_any_outcome() => Ok(policy),
            [] => {
                Err("it names neither hook-succeeded nor hook-failed, so no Job would ever be swept"
                    .to_owned())
            }
            [word, ..] => {
                Err(format!("{word:?} is none of hook-succeeded, hook-failed, before-hook-creation"))
            }
        }
    }
}

/// The comma list, known tokens in their written order.
impl fmt::Display for DeletePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words =
            self.tokens.iter().map(|token| token.as_str()).chain(self.unknown.iter().map(String::as_str));
        f.write_str(&words.collect::<Vec<_>>().join(","))
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
        assert_eq!(DeletePolicy::parse("hook-succeeded,later").unknown(), ["later"]);
        assert_eq!(DeletePolicy::parse("hook-succeeded,").unknown(), [""]);
    }

    #[test]
    fn a_users_policy_must_be_able_to_sweep() {
        assert!("hook-succeeded, hook-failed".parse::<DeletePolicy>().is_ok());
        assert!("before-hook-creation".parse::<DeletePolicy>().is_err());
        assert!("hook-suceeded".parse::<DeletePolicy>().is_err());
    }

    #[test]
    fn a_policy_is_displayed_as_a_comma_list() {
        assert_eq!(
            DeletePolicy::parse("hook-failed , hook-succeeded").to_string(),
            "hook-failed,hook-succeeded"
        );
    }
}

//! How a request can fail, and what that means.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::exit_code::ExitCode;

/// What was asked, in the terms of a Role's rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    /// `list`, `watch`, …
    pub verb: &'static str,
    /// The API group; empty for the core.
    pub group: &'static str,
    /// `jobs`, `pods/log`, …
    pub resource: &'static str,
    /// Where; everywhere, if nowhere in particular.
    pub namespace: Option<String>,
}

/// The API server's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// Kubernetes' message, or what else the body says.
    pub message: String,
    /// When to come back, as the server wishes.
    pub retry_after: Option<Duration>,
    /// The fields that are at fault, of an object that is not valid.
    pub causes: Vec<Cause>,
}

/// A field of an object that is not valid, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(crate) struct Cause {
    /// Its path, such as `spec.template`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// A request that failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The credentials are not accepted (401).
    Unauthorized(String),
    /// The credentials lack a permission (403 from the authorizer).
    Forbidden(Box<Call>, String),
    /// One of these two, where it may be an echo of an outage that the API server has just had.
    Doubtful(Box<Failure>),
    /// The API server says no, for another reason.
    Refused(Refusal),
    /// The connection did not come about, or broke.
    Broken(String),
    /// No answer in time.
    Silent(Duration),
    /// The server's certificate is not to be trusted.
    Untrusted(String),
    /// It is not clear where the cluster is.
    Config(String),
    /// No credentials could be had.
    Credentials(String),
    /// The answer makes no sense.
    Nonsense(String),
}

/// Kubernetes' own form of an answer without an object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    code: u16,
    message: String,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: u64,
    causes: Vec<Cause>,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let Details { retry_after_seconds: seconds, causes } = status.details.unwrap_or_default();
        let retry_after = (seconds > 0).then_some(Duration::from_secs(seconds));
        Self { code: status.code, message: status.message, retry_after, causes }
    }
}

impl Failure {
    /// An answer with another status than success.
    pub(super) fn refused(call: &Call, parts: &http::response::Parts, body: &[u8]) -> Self {
        let text = || String::from_utf8_lossy(body).trim().chars().take(500).collect();
        let mut refusal = match serde_json::from_slice::<Status>(body) {
            Ok(status) => Refusal::from(status),
            Err(_) => Refusal { code: 0, message: text(), retry_after: None, causes: Vec::new() },
        };
        refusal.code = parts.status.as_u16();
        let header =
            parts.headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        refusal.retry_after = header.map(Duration::from_secs).or(refusal.retry_after);
        match refusal.code {
            401 => Self::Unauthorized(refusal.message),
            // Admission says 403 too, but to one object, not to the user.
            403 if call.is_what_is_forbidden(&refusal.message) => {
                Self::Forbidden(Box::new(call.clone()), refusal.message)
            }
            _ => Self::Refused(refusal),
        }
    }

    /// A request that could not be sent.
    pub(super) fn unsent(error: kube::Error) -> Self {
        let text = chain(&error);
        let is = |part: &str| text.contains(part);
        match error {
            kube::Error::Auth(_) => Self::Credentials(text),
            _ if is("invalid peer certificate") => Self::Untrusted(text),
            _ => Self::Broken(text),
        }
    }

    /// A body that broke off.
    pub(super) fn broken(error: kube::Error) -> Self {
        Self::Broken(chain(&error))
    }

    /// An answer that cannot be read.
    pub(super) fn nonsense(error: serde_json::Error) -> Self {
        Self::Nonsense(error.to_string())
    }

    /// Whether asking again later may work: 410 is about a version or a page that was to be had for a while only.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.code, 408 | 410 | 429 | 500..),
            Self::Broken(_) | Self::Silent(_) | Self::Nonsense(_) | Self::Doubtful(_) => true,
            Self::Unauthorized(_)
            | Self::Forbidden(..)
            | Self::Untrusted(_)
            | Self::Credentials(_)
            | Self::Config(_) => false,
        }
    }

    /// Whether it looks as if the API server were down, or on its way down or up.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.code, 502..=504),
            failure => matches!(failure, Self::Broken(_) | Self::Silent(_)),
        }
    }

    /// Whether what was asked for may have been done all the same: then only the answer is missing.
    pub(crate) fn may_have_been_done(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code >= 500,
            Self::Broken(_) | Self::Silent(_) | Self::Nonsense(_) => true,
            _ => false,
        }
    }

    /// When to come back, as the server wishes.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// The exit code of a run that it ends.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unauthorized(_) | Self::Forbidden(..) | Self::Doubtful(_) => ExitCode::NotAllowed,
            _ => ExitCode::Failure,
        }
    }

    /// The status, if there was one that says more than who is allowed.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }
}

/// A request that cannot even be written down, such as one with an impossible selector.
impl From<kube::core::request::Error> for Failure {
    fn from(error: kube::core::request::Error) -> Self {
        Self::Refused(Refusal { code: 400, message: chain(&error), retry_after: None, causes: Vec::new() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(message) => {
                write!(f, "the API server does not accept the credentials (401): {message}")
            }
            Self::Forbidden(call, message) => {
                write!(f, "not allowed to {call}\n  {message}\n{}", call.missing_rule())
            }
            Self::Doubtful(no) => no.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Broken(why) => write!(f, "no connection to the API server: {why}"),
            Self::Silent(limit) => write!(f, "no word from the API server for {} s", limit.as_secs()),
            Self::Untrusted(why) => write!(f, "the API server's certificate is not trusted: {why}"),
            Self::Config(why) => write!(f, "no cluster to sweep: {why}"),
            Self::Credentials(why) => write!(f, "no credentials for the API server: {why}"),
            Self::Nonsense(why) => write!(f, "the API server's answer cannot be read: {why}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the API server says {}", self.code)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => f.write_str(" in all namespaces"),
        }
    }
}

impl Call {
    /// Whether a message says, in the words of the API server's authorization, that just this is not allowed.
    fn is_what_is_forbidden(&self, message: &str) -> bool {
        let Self { verb, group, resource, .. } = self;
        message.contains(&format!("cannot {verb} resource \"{resource}\" in API group \"{group}\""))
    }

    /// What to add to a Role, ready to be pasted.
    pub(crate) fn missing_rule(&self) -> String {
        let Self { verb, group, resource, namespace } = self;
        let place = match namespace {
            Some(namespace) => format!("a Role in namespace {namespace}"),
            None => "a ClusterRole".to_owned(),
        };
        let all = if *resource == "jobs" { " (a sweep lists, watches and deletes jobs)" } else { "" };
        format!(
            "Missing in {place}, bound to this user{all}:\n  \
             - apiGroups: [\"{group}\"]\n    resources: [\"{resource}\"]\n    verbs: [\"{verb}\"]"
        )
    }
}

/// An error with its causes, each said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, retry_after: Option<&str>, body: &str) -> Failure {
        let call =
            Call { verb: "delete", group: "batch", resource: "jobs", namespace: Some("shop".to_owned()) };
        let mut response = http::Response::builder().status(code);
        if let Some(value) = retry_after {
            response = response.header("Retry-After", value);
        }
        let (parts, ()) = response.body(()).expect("a response").into_parts();
        Failure::refused(&call, &parts, body.as_bytes())
    }

    #[test]
    fn a_403_of_the_authorizer_names_the_missing_rule() {
        let message = r#"{"message":"jobs.batch \"x\" is forbidden: User \"u\" cannot delete resource \"jobs\" in API group \"batch\" in the namespace \"shop\""}"#;
        let failure = refused(403, None, message);
        let text = failure.to_string();
        let rule = "  - apiGroups: [\"batch\"]\n    resources: [\"jobs\"]\n    verbs: [\"delete\"]";
        assert!(text.contains("a Role in namespace shop") && text.ends_with(rule), "{text}");
    }

    #[test]
    fn a_403_of_admission_is_about_one_object() {
        for why in [
            "no",
            "a guarded Job cannot be deleted",
            "you cannot delete it",
            "nobody cannot get resource jobs",
        ] {
            let failure =
                refused(403, None, &format!(r#"{{"message":"admission webhook denied it: {why}"}}"#));
            assert!(matches!(failure, Failure::Refused(refusal) if refusal.code == 403), "{why}");
        }
    }

    #[test]
    fn retry_after_is_read_from_the_header_or_the_status() {
        let seconds = |failure: &Failure| failure.retry_after().map(|after| after.as_secs());
        assert_eq!(seconds(&refused(429, Some("7"), "Too many requests, please try again later.")), Some(7));
        assert_eq!(seconds(&refused(429, None, r#"{"details":{"retryAfterSeconds":3}}"#)), Some(3));
        assert_eq!(seconds(&refused(503, None, "")), None);
    }

    #[test]
    fn a_turned_away_request_was_not_carried_out() {
        for (code, may) in [(409, false), (429, false), (500, true), (503, true), (504, true)] {
            assert_eq!(refused(code, None, "").may_have_been_done(), may, "{code}");
        }
        assert!(Failure::Broken(String::new()).may_have_been_done());
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        for (code, passes) in [
            (400, false),
            (404, false),
            (409, false),
            (410, true),
            (422, false),
            (429, true),
            (500, true),
            (503, true),
        ] {
            assert_eq!(refused(code, None, "").is_passing(), passes, "{code}");
        }
        assert!(!refused(401, None, "").is_passing());
    }
}

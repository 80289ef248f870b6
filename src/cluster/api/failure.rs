//! How a request can fail, and what a failure means for the request: send it again, or give up.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io, iter};

use serde::Deserialize;

use super::permission::Permission;
use crate::cluster::connect::ConnectError;
use crate::escape::shortened_message;
use crate::exit_code::ExitCode;

#[derive(Debug, Clone)]
pub(crate) enum Failure {
    Unauthorized(String),
    /// The credentials lack a permission (403 from the authorizer).
    Forbidden(Box<Permission>, String),
    /// One of the two above, right after an outage: the API server may not have loaded its RBAC rules yet.
    MayRecover(Box<Failure>),
    Refused(Refusal),
    /// The connection was not established, so the request was not sent.
    NotConnected(String),
    /// The connection broke, or nothing says that it was never established.
    ConnectionLost(String),
    NoResponse(Duration),
    Untrusted(String),
    Config(String),
    Credentials(String),
    UnreadableResponse(String),
}

/// A response with an error status: what matters of the Kubernetes `Status` in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    pub code: u16,
    /// Such as `NotFound`. Empty if something else than the API server answered.
    pub reason: String,
    /// The message of the `Status`, or else the body.
    pub message: String,
    pub details: Option<Details>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Details {
    pub retry_after_seconds: Option<u64>,
    pub causes: Vec<Cause>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Cause {
    pub field: String,
    pub message: String,
}

impl Refusal {
    pub(super) fn decode(json: &[u8]) -> Result<Self, serde_json::Error> {
        let mut refusal: Self = serde_json::from_slice(json)?;
        refusal.message = shortened_message(&refusal.message);
        Ok(refusal)
    }
}

impl Failure {
    pub(super) fn refused(permission: &Permission, parts: &http::response::Parts, body: &[u8]) -> Self {
        let mut refusal = Refusal::decode(body).unwrap_or_else(|_| Refusal {
            message: shortened_message(String::from_utf8_lossy(body).trim()),
            ..Refusal::default()
        });
        refusal.code = parts.status.as_u16();
        let retry_after = parts.headers.get(http::header::RETRY_AFTER);
        if let Some(seconds) = retry_after.and_then(|value| value.to_str().ok()?.parse().ok()) {
            refusal.details.get_or_insert_default().retry_after_seconds = Some(seconds);
        }
        match refusal.code {
            401 => Self::Unauthorized(refusal.message),
            403 if permission.is_denied_by(&refusal.message) => {
                Self::Forbidden(Box::new(permission.clone()), refusal.message)
            }
            _ => Self::Refused(refusal),
        }
    }

    /// A request without a response. Where it failed is told by the types in the error's chain.
    pub(super) fn unanswered(error: &kube::Error) -> Self {
        let text = chain(error);
        let is_connect = |error: &hyper_util::client::legacy::Error| error.is_connect();
        let is_certificate = |error: &rustls::Error| matches!(error, rustls::Error::InvalidCertificate(_));
        let connect_error = causes(error).find_map(|cause| cause.downcast_ref::<ConnectError>());
        if let Some(error) = connect_error {
            error.clone().into()
        } else if causes(error).any(|cause| cause.downcast_ref().is_some_and(is_certificate)) {
            Self::Untrusted(text)
        } else if causes(error).any(|cause| cause.downcast_ref().is_some_and(is_connect)) {
            Self::NotConnected(text)
        } else {
            Self::ConnectionLost(text)
        }
    }

    pub(crate) fn config(error: impl Error + 'static) -> Self {
        Self::Config(chain(&error))
    }

    pub(super) fn unreadable(why: impl fmt::Display) -> Self {
        Self::UnreadableResponse(shortened_message(&why.to_string()))
    }

    /// Whether trying again may succeed. After 410, which says that a version has expired, this takes a new list.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.code, 408 | 410 | 429 | 500..),
            Self::UnreadableResponse(_) | Self::MayRecover(_) => true,
            _ => self.is_outage(),
        }
    }

    /// Whether the API server seems to be down, or on its way down or up.
    pub(super) fn is_outage(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.code, 502..=504),
            Self::NotConnected(_) | Self::ConnectionLost(_) | Self::NoResponse(_) => true,
            _ => false,
        }
    }

    /// Whether the API server may have carried out the request: it did not respond, or with an error of its own (5xx).
    pub(crate) fn may_have_been_carried_out(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.code >= 500,
            Self::ConnectionLost(_) | Self::NoResponse(_) | Self::UnreadableResponse(_) => true,
            _ => false,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let Self::Refused(refusal) = self else { return None };
        refusal.details.as_ref()?.retry_after_seconds.map(Duration::from_secs)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unauthorized(_) | Self::Forbidden(..) | Self::MayRecover(_) => ExitCode::NotAllowed,
            _ => ExitCode::Failure,
        }
    }

    /// Whether the API server says that there is no such object. A proxy's 404 does not say so.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == 404 && refusal.reason == "NotFound")
    }

    /// The HTTP status code of a refusal, other than 401 and the authorizer's 403.
    pub(crate) fn status_code(&self) -> Option<u16> {
        let Self::Refused(refusal) = self else { return None };
        Some(refusal.code)
    }
}

impl From<kube::core::request::Error> for Failure {
    fn from(error: kube::core::request::Error) -> Self {
        Self::Refused(Refusal { code: 400, message: chain(&error), ..Refusal::default() })
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unusable(why) => Self::Config(why),
            ConnectError::Credentials(_) | ConnectError::PluginHangs { .. } => {
                Self::Credentials(error.to_string())
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(message) => {
                write!(f, "the API server does not accept the credentials (401): {message}")
            }
            Self::Forbidden(permission, message) => {
                write!(f, "not allowed to {permission}\n  {message}\n{}", permission.missing_rule())
            }
            Self::MayRecover(failure) => failure.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotConnected(why) => write!(f, "no connection to the API server: {why}"),
            Self::ConnectionLost(why) => write!(f, "lost the connection to the API server: {why}"),
            Self::NoResponse(limit) => write!(f, "no response from the API server for {} s", limit.as_secs()),
            Self::Untrusted(why) => write!(f, "the API server's certificate is not trusted: {why}"),
            Self::Config(why) => write!(f, "cannot find a cluster: {why}"),
            Self::Credentials(why) => write!(f, "no credentials for the API server: {why}"),
            Self::UnreadableResponse(why) => write!(f, "the API server's response cannot be read: {why}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the API server says {}", self.code)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

/// An error and its causes. An `io::Error` hides the error that it wraps from `source`, but not from here.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

/// The text of an error and its causes, without repetitions.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error).map(|cause| cause.to_string()) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    shortened_message(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, retry_after: Option<&str>, body: &str) -> Failure {
        let mut response = http::Response::builder().status(code);
        if let Some(value) = retry_after {
            response = response.header("Retry-After", value);
        }
        let (parts, ()) = response.body(()).expect("a response").into_parts();
        Failure::refused(&Permission::for_jobs("delete", Some("shop")), &parts, body.as_bytes())
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
            assert_eq!(refused(code, None, "").may_have_been_carried_out(), may, "{code}");
        }
        assert!(Failure::ConnectionLost(String::new()).may_have_been_carried_out());
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
            assert_eq!(refused(code, None, "").is_transient(), passes, "{code}");
        }
        assert!(!refused(401, None, "").is_transient());
    }

    #[test]
    fn a_credential_plugin_that_fails_while_a_request_is_sent_is_no_outage() {
        let broken = ConnectError::Credentials("no such plugin".to_owned());
        let failure = Failure::unanswered(&kube::Error::Service(Box::new(broken)));
        assert!(matches!(&failure, Failure::Credentials(why) if why.contains("no such plugin")), "{failure}");
        assert!(!failure.is_transient() && !failure.is_outage());
    }

    #[test]
    fn long_texts_of_the_server_are_cut_visibly() {
        let long = "x".repeat(200_000);
        for body in [format!(r#"{{"message":"{long}"}}"#), format!("<html>{long}")] {
            let text = refused(500, None, &body).to_string();
            assert!(text.contains('…') && text.ends_with('x') && text.len() < 2100, "{} bytes", text.len());
        }
        let odd = serde_json::from_str::<u8>(&format!("\"{long}\"")).expect_err("it is no number");
        assert!(Failure::unreadable(odd).to_string().len() < 2100);
    }
}

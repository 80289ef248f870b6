//! How a request to the cluster can fail, what that means, and which permission is missing.

use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io, iter};

use http::header::RETRY_AFTER;
use http::response::Parts;
use kube::core::Status;
use kube::runtime::watcher;

use crate::error::ExitCode;
use crate::escape::shortened_message;

#[derive(Debug, Clone)]
pub(crate) enum Error {
    Unauthorized(String),
    /// The credentials lack a permission (403 from the authorizer).
    Forbidden(Box<Permission>, String),
    /// One of the two above, although the same has worked before. The API server may just have started.
    DeniedForNow(Box<Error>),
    /// A response with another error status. Without a `reason`, it does not come from the API server.
    Refused {
        status: Box<Status>,
        retry_after: Option<Duration>,
    },
    /// The connection was not established, so the request was not sent.
    NotConnected(String),
    /// The connection broke, or nothing says that it was never established.
    ConnectionLost(String),
    NoResponse(Duration),
    Untrusted(String),
    Config(String),
    Credentials(String),
    Unreadable(String),
}

impl Error {
    /// An error response.
    pub(super) fn refused(parts: &Parts, body: &[u8]) -> Self {
        let mut status: Status = serde_json::from_slice(body).unwrap_or_else(|_| Status {
            message: String::from_utf8_lossy(body).trim().to_owned(),
            ..Status::default()
        });
        status.code = parts.status.as_u16();
        let seconds =
            parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u16>().ok());
        Self::of_status(status, seconds.map(|seconds| Duration::from_secs(seconds.into())))
    }

    /// A request without a response. Where it failed is told by the types in the error's chain.
    pub(crate) fn unanswered(error: &(dyn StdError + 'static)) -> Self {
        let text = chain(error);
        let is_connect = |error: &hyper_util::client::legacy::Error| error.is_connect();
        let is_certificate = |error: &rustls::Error| matches!(error, rustls::Error::InvalidCertificate(_));
        if causes(error).any(|cause| cause.downcast_ref().is_some_and(is_certificate)) {
            Self::Untrusted(text)
        } else if causes(error).any(|cause| cause.downcast_ref().is_some_and(is_connect)) {
            Self::NotConnected(text)
        } else {
            Self::ConnectionLost(text)
        }
    }

    fn of_status(mut status: Status, retry_after: Option<Duration>) -> Self {
        let missing = Permission::missing(&status.message);
        status.message = shortened_message(&status.message);
        match (status.code, missing) {
            (401, _) => Self::Unauthorized(status.message),
            (403, Some(permission)) => Self::Forbidden(Box::new(permission), status.message),
            _ => Self::Refused { status: Box::new(status), retry_after },
        }
    }

    pub(crate) fn config(error: impl StdError + 'static) -> Self {
        Self::Config(chain(&error))
    }

    pub(crate) fn unreadable(why: impl fmt::Display) -> Self {
        Self::Unreadable(shortened_message(&why.to_string()))
    }

    /// Whether trying again may succeed. After 410, which says that a version has expired, this takes a new list.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, .. } => matches!(status.code, 408 | 410 | 429 | 500..),
            Self::NotConnected(_) | Self::ConnectionLost(_) | Self::NoResponse(_) => true,
            Self::Unreadable(_) | Self::DeniedForNow(_) => true,
            _ => false,
        }
    }

    /// Whether the API server may have carried out the request: it did not respond, or with an error of its own (5xx).
    pub(crate) fn may_have_been_carried_out(&self) -> bool {
        match self {
            Self::Refused { status, .. } => status.code >= 500,
            Self::ConnectionLost(_) | Self::NoResponse(_) | Self::Unreadable(_) => true,
            _ => false,
        }
    }

    /// Whether the API server says that there is no such object. A proxy's 404 does not say so.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status().is_some_and(|status| status.code == 404 && status.reason == "NotFound")
    }

    pub(crate) fn is_conflict(&self) -> bool {
        self.status().is_some_and(|status| status.code == 409)
    }

    /// The status of a refusal, other than 401 and the authorizer's 403.
    pub(crate) fn status(&self) -> Option<&Status> {
        if let Self::Refused { status, .. } = self { Some(status) } else { None }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        if let Self::Refused { retry_after, .. } = self { *retry_after } else { None }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unauthorized(_) | Self::Forbidden(..) | Self::DeniedForNow(_) => ExitCode::NotAllowed,
            Self::Refused { status, .. } if status.code == 403 => ExitCode::NotAllowed,
            _ => ExitCode::Failure,
        }
    }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        match error {
            // What `Cluster` made of the response.
            kube::Error::Service(error) => match error.downcast::<Self>() {
                Ok(error) => *error,
                Err(error) => Self::unanswered(&*error),
            },
            kube::Error::Api(status) => Self::of_status(*status, None),
            kube::Error::SerdeError(error) => Self::unreadable(error),
            // The request cannot even be built, such as with a name that no Job can have.
            kube::Error::BuildRequest(error) => {
                Self::of_status(Status::failure(&chain(&error), "").with_code(400), None)
            }
            error => Self::unanswered(&error),
        }
    }
}

impl From<watcher::Error> for Error {
    fn from(error: watcher::Error) -> Self {
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => error.into(),
            watcher::Error::WatchError(status) => Self::of_status(*status, None),
            watcher::Error::NoResourceVersion => Self::unreadable("it has no resourceVersion"),
        }
    }
}

impl StdError for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(message) => {
                write!(f, "the API server does not accept the credentials (401): {message}")
            }
            Self::Forbidden(permission, message) => {
                write!(f, "not allowed to {permission}\n  {message}\n{}", permission.rule())
            }
            Self::DeniedForNow(error) => error.fmt(f),
            Self::Refused { status, .. } if status.message.is_empty() => {
                write!(f, "the API server says {}", status.code)
            }
            Self::Refused { status, .. } => {
                write!(f, "the API server says {}: {}", status.code, status.message)
            }
            Self::NotConnected(why) => write!(f, "no connection to the API server: {why}"),
            Self::ConnectionLost(why) => write!(f, "lost the connection to the API server: {why}"),
            Self::NoResponse(limit) => write!(f, "no response from the API server for {} s", limit.as_secs()),
            Self::Untrusted(why) => write!(f, "the API server's certificate is not trusted: {why}"),
            Self::Config(why) => write!(f, "cannot find a cluster: {why}"),
            Self::Credentials(why) => write!(f, "no credentials for the API server: {why}"),
            Self::Unreadable(why) => write!(f, "the API server's response cannot be read: {why}"),
        }
    }
}

/// A permission in the terms of a Role's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission {
    verb: String,
    group: String,
    /// With the subresource, such as `pods/log`.
    resource: String,
    /// `None` means all namespaces.
    namespace: Option<String>,
}

impl Permission {
    /// The permission that the user lacks, by the words of the API server's authorizer. Admission plugins also answer 403, but in
    /// other words.
    fn missing(message: &str) -> Option<Self> {
        let (_user, rest) = message.split_once(" cannot ")?;
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once("\" in API group \"")?;
        let (group, rest) = rest.split_once('"')?;
        let namespace = rest.strip_prefix(" in the namespace \"").and_then(|rest| rest.split('"').next());
        Some(Self {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.map(str::to_owned),
        })
    }

    /// The rule that a Role lacks.
    fn rule(&self) -> String {
        let Self { verb, group, resource, namespace } = self;
        let role = match namespace {
            Some(namespace) => format!("a Role in namespace {namespace}"),
            None => "a ClusterRole".to_owned(),
        };
        format!(
            "Missing in {role}, bound to this user:\n  \
             - apiGroups: [\"{group}\"]\n    resources: [\"{resource}\"]\n    verbs: [\"{verb}\"]"
        )
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => f.write_str(" in all namespaces"),
        }
    }
}

/// An error and its causes. An `io::Error` hides the error that it wraps from `source`, but not from here.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

/// The text of an error and its causes, without repetitions.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
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

    #[test]
    fn a_denial_tells_which_permission_is_missing() {
        for (verb, resource, group, place, permission) in [
            ("list", "jobs", "batch", "in the namespace \"a\"", "list jobs in namespace a"),
            ("watch", "jobs", "batch", "at the cluster scope", "watch jobs in all namespaces"),
            ("get", "jobs", "batch", "in the namespace \"a\"", "get jobs in namespace a"),
            ("delete", "jobs", "batch", "in the namespace \"a\"", "delete jobs in namespace a"),
            ("update", "jobs", "batch", "in the namespace \"a\"", "update jobs in namespace a"),
            ("create", "jobs", "batch", "in the namespace \"a\": RBAC: no", "create jobs in namespace a"),
            ("patch", "jobs", "batch", "in the namespace \"a\"", "patch jobs in namespace a"),
            ("get", "pods/log", "", "in the namespace \"a\"", "get pods/log in namespace a"),
        ] {
            let message = format!(
                "x is forbidden: User \"u\" cannot {verb} resource \"{resource}\" in API group \"{group}\" {place}"
            );
            let missing = Permission::missing(&message).expect(&message);
            assert_eq!((missing.to_string().as_str(), missing.group.as_str()), (permission, group));
        }
    }

    #[test]
    fn only_the_authorizer_denies_a_permission() {
        for message in ["", "admission webhook denied the request", "you cannot delete guarded Jobs"] {
            assert_eq!(Permission::missing(message), None, "{message}");
        }
    }
}

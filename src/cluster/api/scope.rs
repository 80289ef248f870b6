//! Which Jobs a list or a watch covers.

use std::fmt;

/// The Jobs of a namespace, or of all, that match a label selector.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// `None` means all namespaces.
    pub namespace: Option<String>,
    /// A label selector, as in `kubectl get -l`.
    pub selector: Option<String>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "namespace {namespace}"),
            None => f.write_str("all namespaces"),
        }
    }
}

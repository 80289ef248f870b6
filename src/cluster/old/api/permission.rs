//! The permission that a request needs, in the terms of a Role's rules.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Permission {
    pub verb: &'static str,
    pub group: &'static str,
    pub resource: &'static str,
    pub namespace: Option<String>,
}

impl Permission {
    pub(super) fn for_jobs(verb: &'static str, namespace: Option<&str>) -> Self {
        Self { verb, group: "batch", resource: "jobs", namespace: namespace.map(str::to_owned) }
    }

    pub(super) fn for_pods(verb: &'static str, resource: &'static str, namespace: &str) -> Self {
        Self { verb, group: "", resource, namespace: Some(namespace.to_owned()) }
    }

    /// Whether the API server's authorizer wrote this message because the user lacks this permission. Admission
    /// plugins also answer 403, but in other words.
    pub(super) fn is_denied_by(&self, message: &str) -> bool {
        let Self { verb, group, resource, .. } = self;
        message.contains(&format!("cannot {verb} resource \"{resource}\" in API group \"{group}\""))
    }

    pub(super) fn missing_rule(&self) -> String {
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

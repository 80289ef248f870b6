//! The permission that a request needs, in the terms of a Role's rules.

use std::fmt;

use http::Method;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Permission {
    verb: &'static str,
    group: String,
    /// With the subresource, such as `pods/log`.
    resource: String,
    /// `None` means all namespaces.
    namespace: Option<String>,
}

impl Permission {
    /// `path` is that of the request, such as `/apis/batch/v1/namespaces/shop/jobs/migrate`.
    pub(super) fn of(method: &Method, path: &str, query: &str) -> Self {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
        let group = if segments.next() == Some("apis") { segments.next().unwrap_or_default() } else { "" };
        let _version = segments.next();
        let namespace = segments.next_if_eq(&"namespaces").and_then(|_| segments.next());
        let resource = segments.next().unwrap_or_default();
        let has_name = segments.next().is_some();
        let verb = match *method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ if has_name => "get",
            _ if query.contains("watch=true") => "watch",
            _ => "list",
        };
        Self {
            verb,
            group: group.to_owned(),
            resource: segments.next().map_or(resource.to_owned(), |sub| format!("{resource}/{sub}")),
            namespace: namespace.map(str::to_owned),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_tells_which_permission_it_needs() {
        for (method, path, query, permission, group) in [
            (Method::GET, "/apis/batch/v1/namespaces/a/jobs", "limit=5", "list jobs in namespace a", "batch"),
            (Method::GET, "/apis/batch/v1/jobs", "&watch=true", "watch jobs in all namespaces", "batch"),
            (Method::GET, "/apis/batch/v1/namespaces/a/jobs/b", "", "get jobs in namespace a", "batch"),
            (Method::DELETE, "/apis/batch/v1/namespaces/a/jobs/b", "", "delete jobs in namespace a", "batch"),
            (Method::PUT, "/apis/batch/v1/namespaces/a/jobs/b", "", "update jobs in namespace a", "batch"),
            (Method::POST, "/apis/batch/v1/namespaces/a/jobs", "", "create jobs in namespace a", "batch"),
            (Method::PATCH, "/apis/batch/v1/namespaces/a/jobs/b", "", "patch jobs in namespace a", "batch"),
            (Method::GET, "/api/v1/namespaces/a/pods/b/log", "", "get pods/log in namespace a", ""),
        ] {
            let needed = Permission::of(&method, path, query);
            assert_eq!((needed.to_string().as_str(), needed.group.as_str()), (permission, group));
        }
    }

    #[test]
    fn only_the_authorizer_denies_a_permission() {
        let list = Permission::of(&Method::GET, "/apis/batch/v1/namespaces/shop/jobs", "");
        let denied = r#"jobs.batch is forbidden: User "u" cannot list resource "jobs" in API group "batch" in the namespace "shop""#;
        assert!(list.is_denied_by(denied));
        for other in [denied.replace("list", "watch"), "admission webhook denied the request".to_owned()] {
            assert!(!list.is_denied_by(&other), "{other}");
        }
    }
}
